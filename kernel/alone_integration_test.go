package kernel_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// TestAlone refuses a lab that would not be alone, and gives one without events otherwise.
func TestAlone(t *testing.T) {
	b := open(t)
	alone := func() (lab.Lab, error) { return b.Open(t.Context(), lab.Options{Alone: true}) }

	other, err := b.Open(t.Context(), lab.Options{})
	require.NoError(t, err)
	_, err = other.Host(t.Context(), "listens", lab.HostOptions{})
	require.NoError(t, err)
	_, err = alone()
	require.ErrorContains(t, err, "1 hosts of another lab listen")
	require.NoError(t, other.Close())

	monitor, err := pm.Listen(pm.Config{}) // in the namespace of this process
	require.NoError(t, err)
	_, err = alone()
	require.ErrorContains(t, err, "a program listens to path-manager events")
	require.NoError(t, monitor.Close())

	hidden, err := netns.New() // no process is in there
	require.NoError(t, err)
	monitor, err = pm.Listen(pm.Config{NetNS: hidden.FD()})
	require.NoError(t, err)
	_, err = alone()
	require.ErrorContains(t, err, "somebody listens to path-manager events")
	require.NoError(t, monitor.Close())
	require.NoError(t, hidden.Close())

	l, err := alone()
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); l, err = alone() {
		time.Sleep(10 * time.Millisecond) // for a moment in which no other test listens
	}
	if err != nil {
		t.Skipf("other tests listen all the time: %v", err)
	}
	require.True(t, l.Alone())
	h, err := l.Host(t.Context(), "h", lab.HostOptions{})
	require.NoError(t, err)
	_, err = h.Events()
	require.ErrorContains(t, err, "asked to be alone")
	require.NoError(t, l.Close())
}
