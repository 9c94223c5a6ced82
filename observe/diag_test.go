//go:build linux

package observe

import (
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// recorded is inet_diag's answer of Linux 6.18.44 for a namespace with an MPTCP connection of two subflows, the second
// from a backup endpoint, and a TCP connection; each end of both is in the namespace.
func recorded(t testing.TB) (mptcp, tcp [][]byte) {
	t.Helper()
	skipBigEndian(t)
	text, err := os.ReadFile("testdata/inet_diag.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		protocol, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, err := hex.DecodeString(digits)
		require.NoError(t, err)
		if protocol == "MPTCP" {
			mptcp = append(mptcp, b)
		} else {
			tcp = append(tcp, b)
		}
	}
	return mptcp, tcp
}

// fakeDiag answers one dump after the other.
func fakeDiag(t *testing.T, answers ...func() []netlink.Message) *Diag {
	t.Helper()
	return &Diag{seen: newSightings(), conn: nltest.Dial(func(req []netlink.Message) ([]netlink.Message, error) {
		require.NotEmpty(t, answers, "one dump too many")
		messages := answers[0]()
		answers = answers[1:]
		for i := range messages {
			messages[i].Header.Type = tcpDiagGetSock
			messages[i].Header.Sequence, messages[i].Header.PID = req[0].Header.Sequence, nltest.PID
		}
		return nltest.Multipart(append(messages, netlink.Message{
			Header: netlink.Header{Sequence: req[0].Header.Sequence, PID: nltest.PID},
		}))
	})}
}

func messages(flags netlink.HeaderFlags, payloads ...[]byte) func() []netlink.Message {
	return func() []netlink.Message {
		m := make([]netlink.Message, len(payloads))
		for i, p := range payloads {
			m[i] = netlink.Message{Header: netlink.Header{Flags: flags}, Data: p}
		}
		return m
	}
}

func TestConnsOfRecordedAnswers(t *testing.T) {
	mptcp, tcp := recorded(t)
	conns, err := fakeDiag(t, messages(0, mptcp...), messages(0, tcp...)).Conns()
	require.NoError(t, err)
	require.Len(t, conns, 4)

	client := conns[1]
	client.Info = lab.Info{} // TestDecodeInfo
	at := netip.MustParseAddrPort
	require.Equal(t, lab.Conn{
		Token: 0x11b130b5, Local: at("127.0.0.1:43312"), Remote: at("127.0.0.1:36147"), State: "ESTAB",
		Subflows: []lab.Subflow{
			{
				Local: at("127.0.0.1:43312"), Remote: at("127.0.0.1:36147"), LocalToken: 0x11b130b5, State: "ESTAB",
				Established: true, Flags: 0xc3, BytesAcked: 1, BytesReceived: 1000,
			},
			{
				Local: at("127.0.0.9:51999"), Remote: at("127.0.0.1:36147"), LocalToken: 0x11b130b5, State: "ESTAB",
				LocalID: 9, RemoteToken: 0xcc65696e, Join: true, RequestBackup: true, Established: true, Flags: 0xec,
				BytesAcked: 1,
			},
		},
	}, client)

	server := conns[0]
	require.Equal(t, uint32(0xcc65696e), server.Token)
	require.EqualValues(t, 1000, server.Info.BytesAcked)
	require.True(t, server.Subflows[1].Backup)
	require.EqualValues(t, 9, server.Subflows[1].RemoteID)

	for _, c := range conns[2:] {
		require.True(t, c.Fallback)
		require.Zero(t, c.Token)
		require.Len(t, c.Subflows, 1)
		require.Equal(t, netip.IPv6Loopback(), c.Subflows[0].Remote.Addr())
	}
}

// A subflow of a connection that is not in the answer belongs to none that could be shown.
func TestSubflowsWithoutTheirConnection(t *testing.T) {
	mptcp, tcp := recorded(t)
	conns, err := fakeDiag(t, messages(0, mptcp[:1]...), messages(0, tcp...)).Conns()
	require.NoError(t, err)
	require.Len(t, conns, 3)
	require.Len(t, conns[0].Subflows, 2)
}

func TestInterruptedDumpIsRepeated(t *testing.T) {
	mptcp, tcp := recorded(t)
	d := fakeDiag(t, messages(netlink.DumpInterrupted, mptcp...), messages(0, mptcp...), messages(0, tcp...))
	conns, err := d.Conns()
	require.NoError(t, err)
	require.Len(t, conns, 4)

	var always []func() []netlink.Message
	for range dumpTries {
		always = append(always, messages(netlink.DumpInterrupted, mptcp...))
	}
	_, err = fakeDiag(t, always...).Conns()
	require.ErrorIs(t, err, ErrInterrupted)
	require.EqualError(t, err, "dump MPTCP sockets: the sockets changed during each dump")
}

func TestDumpError(t *testing.T) {
	d := &Diag{conn: nltest.Dial(func([]netlink.Message) ([]netlink.Message, error) { return nil, unix.ENOENT })}
	_, err := d.Conns()
	require.ErrorIs(t, err, unix.ENOENT)
	require.ErrorContains(t, err, "dump MPTCP sockets: ")
}

func TestOrderOfCreation(t *testing.T) {
	join := func(cookie uint64, flags uint32, local, remote uint8) socket {
		return socket{Cookie: cookie, Subflow: subflowInfo{Flags: flags, IDLoc: local, IDRem: remote}}
	}
	tests := map[string]struct {
		answers [][]socket
		want    []uint64 // cookies
	}{
		"initial before joins": {
			answers: [][]socket{{join(1, flagJoinLoc, 0, 3), join(2, 0, 0, 0)}},
			want:    []uint64{2, 1},
		},
		"seen earlier is older": {
			answers: [][]socket{{join(7, 0, 0, 0), join(3, flagJoinLoc, 9, 0)}, {join(1, flagJoinLoc, 2, 0), join(3, flagJoinLoc, 9, 0), join(7, 0, 0, 0)}},
			want:    []uint64{7, 3, 1},
		},
		"seen together, own identifier first on the active end": {
			answers: [][]socket{{join(1, flagJoinLoc, 2, 1), join(2, flagJoinLoc, 1, 2), join(3, flagJoinLoc, 1, 1)}},
			want:    []uint64{3, 2, 1},
		},
		"seen together, peer's identifier first on the passive end": {
			answers: [][]socket{{join(1, flagJoinRem, 1, 2), join(2, flagJoinRem, 2, 1), join(3, flagJoinRem, 1, 1)}},
			want:    []uint64{3, 2, 1},
		},
		"gone and forgotten": {
			answers: [][]socket{{join(5, flagJoinLoc, 5, 0)}, {join(4, flagJoinLoc, 6, 0)}, {join(5, flagJoinLoc, 5, 0), join(4, flagJoinLoc, 6, 0)}},
			want:    []uint64{4, 5},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := newSightings()
			for _, sockets := range test.answers {
				rand.Shuffle(len(sockets), func(i, j int) { sockets[i], sockets[j] = sockets[j], sockets[i] })
				seen.update(sockets)
			}
			last := test.answers[len(test.answers)-1]
			slices.SortFunc(last, byCreation)
			var cookies []uint64
			for _, s := range last {
				cookies = append(cookies, s.Cookie)
			}
			require.Equal(t, test.want, cookies)
		})
	}
}

func TestParseSocketErrors(t *testing.T) {
	mptcp, _ := recorded(t)
	family := append([]byte{unix.AF_UNIX}, mptcp[0][1:]...)
	attribute := append(append([]byte{}, mptcp[0]...), 2, 0, 0, 0) // shorter than its own head
	for want, b := range map[string][]byte{
		"inet_diag answer of 10 bytes, want at least 72":  mptcp[0][:10],
		"inet_diag answer of address family 1":            family,
		"attributes of 127.0.0.1:43312 > 127.0.0.1:36147": attribute,
	} {
		_, err := parseSocket(b)
		require.ErrorContains(t, err, want)
	}
}

func TestStateNames(t *testing.T) {
	require.Equal(t, "ESTAB", stateName(1))
	require.Equal(t, "FIN-WAIT-1", stateName(4))
	require.Equal(t, "UNCONN", stateName(7))
	require.Equal(t, "state-0", stateName(0))
	require.Equal(t, "state-200", stateName(200))
}

func FuzzParseSocket(f *testing.F) {
	mptcp, tcp := recorded(f)
	for _, b := range append(mptcp, tcp...) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSocket(b)
		if err != nil {
			require.Zero(t, s)
			return
		}
		require.True(t, s.Local.IsValid() && s.Remote.IsValid())
		seen := newSightings()
		sockets := []socket{s}
		seen.update(sockets)
		for _, c := range join(sockets, sockets) {
			require.NotEmpty(t, c.State)
		}
	})
}
