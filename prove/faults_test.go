package prove

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/match"
)

// Each fault has a name of its own, says in a sentence what is wrong, and takes effect in one way.
func TestFaults(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Faults() {
		require.NotEmpty(t, f.Name)
		require.False(t, names[f.Name], "two faults are named %q", f.Name)
		names[f.Name] = true
		require.Regexp(t, `^[A-Z].*\.$`, f.Effect, f.Name)
		v, set := reflect.ValueOf(*f), 0
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				set++
			}
		}
		require.Equal(t, 3, set, "%s: a name, an effect, and one place", f.Name)
		if f.packet != nil {
			require.NoError(t, f.packet.match.Validate(), f.Name)
		}
	}
	require.NoError(t, match.Match.Validate(idle))
}
