package netns_test

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

func TestNamespace(t *testing.T) {
	privileged(t)
	ns, err := netns.New()
	require.NoError(t, err)
	closeAfter(t, ns)

	home := currentNamespace(t)
	var inside string
	require.NoError(t, ns.Do(func() error {
		inside = currentNamespace(t)
		return nil
	}))
	require.NotEqual(t, home, inside)
	require.Equal(t, home, currentNamespace(t))

	failure := errors.New("failure of the function")
	require.ErrorIs(t, ns.Do(func() error { return failure }), failure)
}

func TestNamespaceClosed(t *testing.T) {
	privileged(t)
	ns, err := netns.New()
	require.NoError(t, err)
	require.NoError(t, ns.Close())
	require.NoError(t, ns.Close())
	require.Equal(t, -1, ns.FD())
	require.ErrorIs(t, ns.Do(func() error { return nil }), unix.EBADF)
}

// TestThreads sees that threads come home: each that did not would have ended or be in another namespace.
func TestThreads(t *testing.T) {
	privileged(t)
	before := threads(t)
	for range 100 {
		ns, err := netns.New()
		require.NoError(t, err)
		require.NoError(t, ns.Do(func() error { return nil }))
		require.NoError(t, ns.Close())
	}
	require.Less(t, threads(t), before+20)
	home := currentNamespace(t)
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, task := range tasks {
		ns, err := os.Readlink("/proc/self/task/" + task.Name() + "/ns/net")
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		require.Equal(t, home, ns)
	}
}

func threads(t testing.TB) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	return len(tasks)
}

func currentNamespace(t testing.TB) string {
	t.Helper()
	link, err := os.Readlink("/proc/thread-self/ns/net")
	require.NoError(t, err)
	return link
}
