package pathmanager

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseVersion(t *testing.T) {
	tests := []struct {
		text string
		want Version
	}{
		{"6.18", Checked},
		{"6.12", Version{6, 12, Newest}},
		{"6.18.44", Version{6, 18, 44}},
		{"5.12.0", Version{5, 12, 0}},
		{"6.18.44-fc-v782", Version{6, 18, 44}},
		{"7.1", Version{7, 1, Newest}},
	}
	for _, tt := range tests {
		got, err := ParseVersion(tt.text)
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
	}
	require.Equal(t, "6.12", Version{6, 12, Newest}.String())
	require.Equal(t, "6.18.44", Version{6, 18, 44}.String())
}

func TestParseVersionRefuses(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", `kernel version "": want one such as 6.18 or 6.18.44`},
		{"6", "want one such as"},
		{"6.18.1.2", "want one such as"},
		{"6.x", `kernel version "6.x": "x" is no number`},
		{"6.-1", `want one such as`},
		{"5.11", `kernel version "5.11": the oldest that is modelled is 5.12.0`},
		{"2.6.39", "the oldest that is modelled"},
	}
	for _, tt := range tests {
		_, err := ParseVersion(tt.text)
		require.ErrorContains(t, err, tt.want)
	}
}

func TestVersionHas(t *testing.T) {
	tests := []struct {
		release string
		change  Change
		want    bool
	}{
		{"6.17", Laminar, false},
		{"6.18.0", Laminar, true},
		{"6.18.8", FlagMask, false},
		{"6.18.9", FlagMask, true},
		{"6.18", FlagMask, true},
		{"6.19.0", FlagMask, true},
		{"6.17", FlagMask, false},
		{"6.1.175", AvoidRemoved, false},
		{"6.1.176", AvoidRemoved, true},
		{"6.6", AvoidRemoved, true},
		{"6.11", AvoidRemoved, false},
		{"6.12", AvoidRemoved, true},
		{"6.12", PureAcks, true},
		{"6.1", PureAcks, false},
		{"6.18.16", AvoidRemoved, false},
		{"6.19.6", AvoidRemoved, false},
		{"6.19", AvoidRemoved, true},
		{"7.0.0", AvoidRemoved, true},
		{"10.0", AvoidRemoved, true},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, version(tt.release).Has(tt.change), "%s: %s", tt.release, tt.change)
	}
}

// The table is in order, and says of each change what it is.
func TestChanges(t *testing.T) {
	for i, c := range changes {
		require.NotEmpty(t, c.what, "change %d", i)
		if i > 0 {
			require.False(t, c.since.before(changes[i-1].since), c.what)
		}
		for _, b := range c.backports {
			require.True(t, b.before(c.since), c.what)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"6.18", "6.18.44", "5.15-rc1", "", "..", "6.18.99999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVersion(s)
		if err != nil {
			return
		}
		again, err := ParseVersion(v.String())
		require.NoError(t, err)
		require.Equal(t, v, again)
	})
}
