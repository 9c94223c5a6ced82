package live

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// own are the labs of this process.
func own(t *testing.T) []Lab {
	all, err := Labs()
	require.NoError(t, err)
	var labs []Lab
	for _, l := range all {
		if l.PID == os.Getpid() {
			labs = append(labs, l)
		}
	}
	return labs
}

func TestLabs(t *testing.T) {
	require.Empty(t, own(t))
	ns, err := os.Open("/proc/self/ns/net")
	require.NoError(t, err)
	defer ns.Close()

	first, err := Open("a.star::test_first")
	require.NoError(t, err)
	require.NoError(t, first.Host("client", int(ns.Fd())))
	second, err := Open("a.star::test_second")
	require.NoError(t, err)

	labs := own(t)
	require.Len(t, labs, 2)
	require.Equal(t, "a.star::test_first", labs[0].Case)
	require.Equal(t, labs[0].Name+".2", labs[1].Name)
	require.Equal(t, os.Geteuid(), labs[0].User)
	require.False(t, labs[0].Kept)
	require.Equal(t, []Host{{"client", process(os.Getpid()).namespace()}}, labs[0].Hosts)

	opened, err := labs[0].open(labs[0].Hosts[0])
	require.NoError(t, err)
	require.NoError(t, opened.Close())
	_, err = labs[0].open(Host{Name: "gone", Namespace: 1})
	require.ErrorContains(t, err, "is closed, or has no host gone any more")

	kept, err := Keep()
	require.NoError(t, err)
	require.True(t, own(t)[0].Kept)
	require.NoError(t, kept.Close())

	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	require.Empty(t, own(t))
}

func TestHostNeedsNamespace(t *testing.T) {
	r, err := Open("a.star::test_x")
	require.NoError(t, err)
	defer r.Close()
	require.EqualError(t, r.Host("client", -1), "describe host client: bad file descriptor")
}

func TestInode(t *testing.T) {
	require.EqualValues(t, 4026531840, inode("net:[4026531840]"))
	require.Zero(t, inode("mnt:[4026531840]"))
	require.Zero(t, inode("net:[x]"))
}

func TestEnded(t *testing.T) {
	require.False(t, process(os.Getpid()).ended())
	require.True(t, process(1<<30).ended())
}
