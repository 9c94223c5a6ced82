package mptcp

import (
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Local is this end's address of the initial subflow.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Remote is the peer's.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Gone tells that inet_diag does not show the connection any more.
func (c *Conn) Gone() bool { return c.closed }

// Token is the local token; 0: there is none.
func (c *Conn) Token() uint32 { return c.token }

// Flags of struct mptcp_info.
const (
	infoFallback  = 1
	infoRemoteKey = 2
)

// View is the connection as inet_diag shows it. The name of an interface is asked for by its index.
func (c *Conn) View(interfaceName func(int32) string) lab.Conn {
	v := lab.Conn{
		Token: c.token, Local: c.local, Remote: c.remote, State: c.state.String(), Fallback: c.fallback, Info: c.info(),
	}
	all := append(slices.Clone(c.subflows), c.closing...)
	slices.SortFunc(all, func(a, b *Subflow) int { return a.id - b.id })
	for _, f := range all {
		if f.tcp != nil && f.tcp.State() != tcp.Closed && f.tcp.State() != tcp.TimeWait {
			v.Subflows = append(v.Subflows, f.view(interfaceName))
		}
	}
	return v
}

// info is struct mptcp_info (mptcp_diag_fill_info).
func (c *Conn) info() lab.Info {
	now := c.host.Stack.Clock().Now()
	i := lab.Info{
		Token: c.token, WriteSeq: c.writeSeq, SndUna: c.sndUna, RcvNxt: c.rcvNxt, ChecksumEnabled: c.checksum,
		Retransmits: c.stats.retransmissions, BytesRetrans: c.stats.retransmitted, BytesSent: c.stats.sent,
		BytesReceived: c.stats.received, BytesAcked: c.stats.acked,
		LastDataSent: now - c.stats.lastSent, LastDataRecv: now - c.stats.lastReceived, LastAckRecv: now - c.stats.lastAck,
	}
	if c.fallback {
		i.Flags |= infoFallback
	}
	if c.hasPeerKey {
		i.Flags |= infoRemoteKey
	}
	c.pm.FillInfo(&i)
	i.SubflowsTotal = i.ExtraSubflows
	if c.first != nil && (c.first.tcp.State() == tcp.Established || c.first.tcp.State() == tcp.SynSent) { // __mptcp_has_initial_subflow
		i.SubflowsTotal++
	}
	return i
}

// The flags of a subflow (MPTCP_SUBFLOW_FLAG_*).
const (
	flagCapableRemote = 1 << iota
	flagCapableLocal
	flagJoinRemote
	flagJoinLocal
	flagBackupRemote
	flagBackupLocal
	flagFullyEstablished
	flagConnected
	flagMapValid
)

func (f *Subflow) view(interfaceName func(int32) string) lab.Subflow {
	c, t := f.conn, f.tcp
	v := lab.Subflow{
		Local: f.local(), Remote: f.remote(), LocalID: f.localID, RemoteID: f.remoteID,
		LocalToken: c.token, RemoteToken: f.remoteToken, State: t.State().String(), Join: f.join,
		Backup: f.backup, RequestBackup: f.requestBackup, Established: f.established,
		BytesSent: t.Stats.BytesSent, BytesAcked: t.Stats.BytesAcked, BytesReceived: t.Stats.BytesReceived, BytesRetrans: t.Stats.BytesRetrans,
	}
	if t.IfIndex != 0 {
		v.Interface = interfaceName(t.IfIndex)
	}
	for _, x := range []struct {
		on   bool
		flag uint32
	}{
		{f.capable, flagCapableRemote},
		{f.requestsMP && !f.dropped, flagCapableLocal},
		{f.joined, flagJoinRemote},
		{f.opened, flagJoinLocal},
		{f.backup, flagBackupRemote},
		{f.requestBackup, flagBackupLocal},
		{f.established, flagFullyEstablished},
		{t.State() != tcp.SynSent, flagConnected},
		{f.mapping.valid, flagMapValid},
	} {
		if x.on {
			v.Flags |= x.flag
		}
	}
	return v
}

// FellBack tells whether the connection is plain TCP.
func (c *Conn) FellBack() bool { return c.fallback }

// Queue is how many bytes are not acknowledged, and how many of them were not sent.
func (c *Conn) Queue() (unacknowledged, unsent int) {
	return len(c.buffer), int(c.dataEnd() - min(c.sndNxt, c.dataEnd()))
}

// FullInfo is what MPTCP_FULL_INFO says.
func (c *Conn) FullInfo() lab.FullInfo {
	full := lab.FullInfo{Info: c.info()}
	for _, f := range c.subflows {
		if f.tcp.State() != tcp.Closed {
			full.Subflows = append(full.Subflows, lab.FullSubflow{
				ID: uint32(f.id), SubflowAddrs: lab.SubflowAddrs{Local: f.tcp.Local, Remote: f.tcp.Remote}, TCP: f.tcp.Info(),
			})
		}
	}
	return full
}

// TCPInfos is what MPTCP_TCPINFO says.
func (c *Conn) TCPInfos() (all []lab.TCPInfo) {
	for _, f := range c.FullInfo().Subflows {
		all = append(all, f.TCP)
	}
	return all
}
