//go:build linux

package observe

import (
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

func TestDiagConns(t *testing.T) {
	tests := map[string]struct {
		network                        string
		protocols                      protocols
		clientFallback, serverFallback bool
		clientToken, serverToken       bool
	}{
		"MPTCP over IPv4":                {"tcp4", mptcp, false, false, true, true},
		"MPTCP over IPv6":                {"tcp6", mptcp, false, false, true, true},
		"TCP":                            {"tcp4", protocols{}, true, true, false, false},
		"server without MPTCP":           {"tcp4", protocols{client: true}, true, true, true, false},
		"client without MPTCP over IPv6": {"tcp6", protocols{server: true}, true, true, false, false},
		"client without MPTCP over IPv4": {"tcp4", protocols{server: true}, true, true, false, false},
		"server without MPTCP over IPv6": {"tcp6", protocols{client: true}, true, true, true, false},
		"TCP over IPv6":                  {"tcp6", protocols{}, true, true, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			enterMPTCP(t)
			d := openDiag(t)
			p := connect(t, test.network, test.protocols)
			send(t, p.server, p.client, 1000)

			all := conns(t, d)
			require.Len(t, all, 2)
			client, server := all[addrOf(p.client.LocalAddr())], all[addrOf(p.server.LocalAddr())]
			require.Equal(t, addrOf(p.client.RemoteAddr()), client.Remote)
			require.Equal(t, addrOf(p.server.RemoteAddr()), server.Remote)
			require.Equal(t, []bool{test.clientFallback, test.serverFallback}, []bool{client.Fallback, server.Fallback})
			require.Equal(t, []bool{test.clientToken, test.serverToken}, []bool{client.Token != 0, server.Token != 0})
			for _, c := range []lab.Conn{client, server} {
				require.Equal(t, "ESTAB", c.State)
				require.Equal(t, c.Token, c.Info.Token)
				require.Len(t, c.Subflows, 1)
				s := c.Subflows[0]
				require.Equal(t, []any{c.Local, c.Remote, c.Token, "ESTAB"}, []any{s.Local, s.Remote, s.LocalToken, s.State})
				require.False(t, s.Join)
			}
			require.EqualValues(t, 1000, server.Subflows[0].BytesSent)
			require.EqualValues(t, 1000, client.Subflows[0].BytesReceived)
		})
	}
}

// The address identifiers are against the order of creation, which only one who watched can know.
func TestDiagSubflowsInOrderOfCreation(t *testing.T) {
	enterMPTCP(t)
	paths, d := openPM(t), openDiag(t)
	p := connect(t, "tcp4", mptcp)
	send(t, p.server, p.client, 1)
	local := addrOf(p.client.LocalAddr())
	established := func(n int) func() bool {
		return func() bool {
			s := conns(t, d)[local].Subflows
			return len(s) == n && s[n-1].Established
		}
	}
	for i, e := range []pm.Endpoint{
		{ID: 9, Address: netip.MustParseAddr("127.0.0.9"), Flags: pm.FlagSubflow},
		{ID: 5, Address: netip.MustParseAddr("127.0.0.5"), Flags: pm.FlagSubflow | pm.FlagBackup},
		{ID: 2, Address: netip.MustParseAddr("127.0.0.2"), Flags: pm.FlagSubflow},
	} {
		require.NoError(t, paths.AddEndpoint(e))
		eventually(t, established(i+2))
	}

	all := conns(t, d)
	client, server := all[local], all[addrOf(p.server.LocalAddr())]
	ids, kinds := []uint8{}, []bool{}
	for _, s := range client.Subflows {
		ids, kinds = append(ids, s.LocalID), append(kinds, s.Join)
		require.Equal(t, client.Token, s.LocalToken)
		require.Equal(t, s.LocalID == 5, s.RequestBackup)
		if s.Join {
			require.Equal(t, server.Token, s.RemoteToken)
		}
	}
	require.Equal(t, []uint8{0, 9, 5, 2}, ids)
	require.Equal(t, []bool{false, true, true, true}, kinds)
	require.EqualValues(t, 3, client.Info.ExtraSubflows)

	full, err := FullInfo(rawConn(t, p.client))
	require.NoError(t, err)
	require.Equal(t, addressesOf(client), addressesOfFull(full))

	passive := map[uint8]lab.Subflow{}
	for _, s := range server.Subflows {
		passive[s.RemoteID] = s
	}
	require.True(t, passive[5].Backup)
	require.False(t, passive[9].Backup)
}

func addressesOf(c lab.Conn) []lab.SubflowAddrs {
	var addrs []lab.SubflowAddrs
	for _, s := range c.Subflows {
		addrs = append(addrs, lab.SubflowAddrs{Local: s.Local, Remote: s.Remote})
	}
	return addrs
}

func addressesOfFull(f lab.FullInfo) []lab.SubflowAddrs {
	var addrs []lab.SubflowAddrs
	for _, s := range f.Subflows {
		addrs = append(addrs, s.SubflowAddrs)
	}
	return addrs
}

// An orphan in FIN_WAIT2 is a TIME_WAIT socket that dumps as FIN_WAIT2.
func TestDiagLeavesOutTimeWait(t *testing.T) {
	enterNamespace(t)
	d := openDiag(t)
	p := connect(t, "tcp4", protocols{})
	client, server := addrOf(p.client.LocalAddr()), addrOf(p.server.LocalAddr())
	require.NoError(t, p.client.Close())
	eventually(t, func() bool { return conns(t, d)[server].State == "CLOSE-WAIT" })
	eventually(t, func() bool { return conns(t, d)[client].State == "" })
	require.NoError(t, p.server.Close())
	eventually(t, func() bool { return len(conns(t, d)) == 0 })
}

func TestDiagClosing(t *testing.T) {
	enterMPTCP(t)
	d := openDiag(t)
	p := connect(t, "tcp4", mptcp)
	send(t, p.server, p.client, 1)
	require.NoError(t, p.client.CloseWrite())
	client, server := addrOf(p.client.LocalAddr()), addrOf(p.server.LocalAddr())
	eventually(t, func() bool {
		all := conns(t, d)
		return all[client].State == "FIN-WAIT-2" && all[server].State == "CLOSE-WAIT"
	})
	require.NoError(t, p.server.Close())
	require.NoError(t, p.client.Close())
	eventually(t, func() bool { return len(conns(t, d)) == 0 })
}

func TestDiagListeners(t *testing.T) {
	enterMPTCP(t)
	d := openDiag(t)
	tcp, mp := connect(t, "tcp4", protocols{}), connect(t, "tcp6", mptcp)
	listeners, err := d.Listeners()
	require.NoError(t, err)
	require.Equal(t, []lab.Listening{
		{Protocol: lab.TCP, Address: addrOf(tcp.listener.Addr())},
		{Protocol: lab.MPTCP, Address: addrOf(mp.listener.Addr())},
		{Protocol: lab.TCP, Address: addrOf(mp.listener.Addr()), Subflow: true},
	}, listeners)
}

func TestDiagConn(t *testing.T) {
	enterMPTCP(t)
	d := openDiag(t)
	p := connect(t, "tcp4", mptcp)
	connect(t, "tcp6", mptcp)
	info, err := MPTCPInfo(rawConn(t, p.client))
	require.NoError(t, err)
	c, err := d.Conn(info.Token)
	require.NoError(t, err)
	require.Equal(t, info.Token, c.Token)
	require.Equal(t, addrOf(p.client.LocalAddr()), c.Local)
	require.Len(t, c.Subflows, 1)

	_, err = d.Conn(info.Token + 1)
	require.ErrorIs(t, err, unix.ENOENT)
}

func TestSocketsInUse(t *testing.T) {
	enterMPTCP(t)
	connect(t, "tcp4", mptcp)
	connect(t, "tcp6", mptcp)
	connect(t, "tcp4", protocols{})
	for protocol, want := range map[lab.Protocol]int{lab.MPTCP: 6, lab.TCP: 9} {
		n, err := SocketsInUse(protocol)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
}

func TestDiagInterface(t *testing.T) {
	enterMPTCP(t)
	d := openDiag(t)
	p := connect(t, "tcp4", mptcp)
	bound := dial(t, "tcp4", p.listener, true, func(_, _ string, c syscall.RawConn) error {
		return control(c, "SO_BINDTODEVICE", func(fd uintptr) error { return unix.BindToDevice(int(fd), "lo") })
	})
	all, err := d.Conns()
	require.NoError(t, err)
	for _, c := range all {
		want := ""
		if c.Local == addrOf(bound.LocalAddr()) {
			want = "lo"
		}
		require.Equal(t, want, c.Subflows[0].Interface, "%v", c)
	}
}

func TestDiagFromManyGoroutines(t *testing.T) {
	enterMPTCP(t)
	d := openDiag(t)
	connect(t, "tcp4", mptcp)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				all, err := d.Conns()
				if err != nil || len(all) != 2 {
					t.Errorf("conns: %v, %v", all, err)
				}
			}
		})
	}
	wg.Wait()
}

// The figure of a lab's host is that of a namespace with its own table of connections.
func BenchmarkConns(b *testing.B) {
	for name, entries := range map[string]string{"machine's table": "0", "own table of 1024": "1024"} {
		b.Run(name, func(b *testing.B) {
			enterMPTCP(b)
			const sysctl = "/proc/sys/net/ipv4/tcp_child_ehash_entries"
			require.NoError(b, os.WriteFile(sysctl, []byte(entries), 0))
			enterMPTCP(b)
			d := openDiag(b)
			for range 2 {
				connect(b, "tcp4", mptcp)
			}
			b.ReportAllocs()
			unlocked(func() {
				for b.Loop() {
					if _, err := d.Conns(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// unlocked runs fn on a goroutine that is not tied to the namespace's thread, as users do.
func unlocked(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	<-done
}
