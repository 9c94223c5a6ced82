package starlark

import (
	"net/netip"
	"time"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

func text(s string) starlark.Value { return starlark.String(s) }

// milliseconds is a time as scripts see it.
func milliseconds(d time.Duration) starlark.Value {
	return starlark.Float(float64(d.Microseconds()) / 1000)
}

func flag(name, doc string, bit pm.Flags) field[endpoint] {
	return field[endpoint]{name, doc, func(e endpoint) starlark.Value { return starlark.Bool(e.Flags&bit != 0) }}
}

// endpoint is an endpoint of a host, with the name of its interface.
type endpoint struct {
	pm.Endpoint
	dev string
}

var endpointSnapshot = &snapshot[endpoint]{
	name: "endpoint",
	doc:  "An endpoint of the in-kernel path manager, as `ip mptcp endpoint show` shows it.",
	fields: []field[endpoint]{
		{"address", "its IP address", func(e endpoint) starlark.Value { return addressText(e.Address) }},
		{"id", "its address ID", func(e endpoint) starlark.Value { return integer(e.ID) }},
		{"port", "the port that is announced with it; 0 for none", func(e endpoint) starlark.Value { return integer(e.Port) }},
		{"dev", "its interface; empty for any", func(e endpoint) starlark.Value { return text(e.dev) }},
		flag("signal", "it is announced to the peer (ADD_ADDR)", pm.FlagSignal),
		flag("subflow", "an extra subflow is opened from it", pm.FlagSubflow),
		flag("backup", "its subflows are backup paths", pm.FlagBackup),
		flag("fullmesh", "a subflow is opened from it to every address of the peer", pm.FlagFullmesh),
		flag("implicit", "the kernel made it by itself, for a subflow whose local address was no endpoint", pm.FlagImplicit),
		flag("laminar", "it is the source of at most one subflow, towards an announced address", pm.FlagLaminar),
	},
}

var limitsSnapshot = &snapshot[pm.Limits]{
	name: "limits",
	doc:  "The limits of a host's path manager, as `ip mptcp limits show` shows them.",
	fields: []field[pm.Limits]{
		{"add_addr_accepted", "ADD_ADDRs of the peer that may lead to a subflow, per connection", func(l pm.Limits) starlark.Value { return integer(l.AddAddrAccepted) }},
		{"subflows", "subflows beside the initial one, per connection", func(l pm.Limits) starlark.Value { return integer(l.Subflows) }},
	},
}

var subflowSnapshot = &snapshot[lab.Subflow]{
	name: "subflow",
	doc:  "A TCP subflow of a connection, as inet_diag shows it.",
	fields: []field[lab.Subflow]{
		{"local", "its local address", func(s lab.Subflow) starlark.Value { return addressText(s.Local.Addr()) }},
		{"remote", "its remote address", func(s lab.Subflow) starlark.Value { return addressText(s.Remote.Addr()) }},
		{"local_port", "its local port", func(s lab.Subflow) starlark.Value { return integer(s.Local.Port()) }},
		{"remote_port", "its remote port", func(s lab.Subflow) starlark.Value { return integer(s.Remote.Port()) }},
		{"local_id", "the address ID of its local address", func(s lab.Subflow) starlark.Value { return integer(s.LocalID) }},
		{"remote_id", "the address ID of its remote address", func(s lab.Subflow) starlark.Value { return integer(s.RemoteID) }},
		{"local_token", "this end's token", func(s lab.Subflow) starlark.Value { return integer(s.LocalToken) }},
		{"remote_token", "the peer's token, on the end that opened the subflow", func(s lab.Subflow) starlark.Value { return integer(s.RemoteToken) }},
		{"state", `its TCP state as ss(8) names it: "ESTAB"`, func(s lab.Subflow) starlark.Value { return text(s.State) }},
		{"join", "it was made by MP_JOIN: False for the initial subflow", func(s lab.Subflow) starlark.Value { return starlark.Bool(s.Join) }},
		{"backup", "the peer asked to use it only as a backup", func(s lab.Subflow) starlark.Value { return starlark.Bool(s.Backup) }},
		{"request_backup", "this end asked to use it only as a backup", func(s lab.Subflow) starlark.Value { return starlark.Bool(s.RequestBackup) }},
		{"established", "it is fully established", func(s lab.Subflow) starlark.Value { return starlark.Bool(s.Established) }},
		{"dev", "the interface that it is bound to; empty for none", func(s lab.Subflow) starlark.Value { return text(s.Interface) }},
		{"flags", "MPTCP_SUBFLOW_FLAG_* of include/uapi/linux/mptcp.h", func(s lab.Subflow) starlark.Value { return integer(s.Flags) }},
		{"bytes_sent", "bytes sent, retransmissions included", func(s lab.Subflow) starlark.Value { return integer(s.BytesSent) }},
		{"bytes_acked", "bytes acknowledged by the peer", func(s lab.Subflow) starlark.Value { return integer(s.BytesAcked) }},
		{"bytes_received", "bytes received", func(s lab.Subflow) starlark.Value { return integer(s.BytesReceived) }},
		{"bytes_retrans", "bytes retransmitted", func(s lab.Subflow) starlark.Value { return integer(s.BytesRetrans) }},
	},
}

var infoSnapshot = &snapshot[lab.Info]{
	name: "info",
	doc:  "The fields of struct mptcp_info (include/uapi/linux/mptcp.h), without their mptcpi_ prefix.",
	fields: []field[lab.Info]{
		{"extra_subflows", "subflows beside the initial one", func(i lab.Info) starlark.Value { return integer(i.ExtraSubflows) }},
		{"add_addr_signaled", "addresses announced to the peer", func(i lab.Info) starlark.Value { return integer(i.AddAddrSignaled) }},
		{"add_addr_accepted", "announced addresses of the peer that were accepted", func(i lab.Info) starlark.Value { return integer(i.AddAddrAccepted) }},
		{"limit_extra_subflows", "the limit of extra subflows", func(i lab.Info) starlark.Value { return integer(i.LimitExtraSubflows) }},
		{"limit_add_addr_accepted", "the limit of accepted ADD_ADDRs", func(i lab.Info) starlark.Value { return integer(i.LimitAddAddrAccepted) }},
		{"endp_signal_max", "endpoints with the signal flag", func(i lab.Info) starlark.Value { return integer(i.EndpSignalMax) }},
		{"endp_subflow_max", "endpoints with the subflow flag", func(i lab.Info) starlark.Value { return integer(i.EndpSubflowMax) }},
		{"endp_laminar_max", "endpoints with the laminar flag", func(i lab.Info) starlark.Value { return integer(i.EndpLaminarMax) }},
		{"flags", "MPTCP_INFO_FLAG_*", func(i lab.Info) starlark.Value { return integer(i.Flags) }},
		{"token", "this end's token", func(i lab.Info) starlark.Value { return integer(i.Token) }},
		{"write_seq", "data sequence number of the next byte to send", func(i lab.Info) starlark.Value { return integer(i.WriteSeq) }},
		{"snd_una", "first data sequence number that is not acknowledged", func(i lab.Info) starlark.Value { return integer(i.SndUna) }},
		{"rcv_nxt", "data sequence number that is expected next", func(i lab.Info) starlark.Value { return integer(i.RcvNxt) }},
		{"local_addr_used", "local endpoints in use by subflows", func(i lab.Info) starlark.Value { return integer(i.LocalAddrUsed) }},
		{"csum_enabled", "the connection uses DSS checksums", func(i lab.Info) starlark.Value { return starlark.Bool(i.ChecksumEnabled) }},
		{"retransmits", "retransmissions at the level of MPTCP", func(i lab.Info) starlark.Value { return integer(i.Retransmits) }},
		{"bytes_retrans", "bytes retransmitted at the level of MPTCP", func(i lab.Info) starlark.Value { return integer(i.BytesRetrans) }},
		{"bytes_sent", "bytes sent", func(i lab.Info) starlark.Value { return integer(i.BytesSent) }},
		{"bytes_received", "bytes received", func(i lab.Info) starlark.Value { return integer(i.BytesReceived) }},
		{"bytes_acked", "bytes acknowledged by the peer", func(i lab.Info) starlark.Value { return integer(i.BytesAcked) }},
		{"subflows_total", "subflows, the initial one included while it lives", func(i lab.Info) starlark.Value { return integer(i.SubflowsTotal) }},
		{"last_data_sent", "milliseconds since data was sent", func(i lab.Info) starlark.Value { return milliseconds(i.LastDataSent) }},
		{"last_data_recv", "milliseconds since data was received", func(i lab.Info) starlark.Value { return milliseconds(i.LastDataRecv) }},
		{"last_ack_recv", "milliseconds since an acknowledgement was received", func(i lab.Info) starlark.Value { return milliseconds(i.LastAckRecv) }},
	},
}

var entrySnapshot = &snapshot[lab.Entry]{
	name: "entry",
	doc:  "A line of the timeline.",
	fields: []field[lab.Entry]{
		{"time", "lab time in milliseconds", func(e lab.Entry) starlark.Value { return milliseconds(e.Time) }},
		{"host", "the host, or sender > receiver for a packet", func(e lab.Entry) starlark.Value { return text(e.Host) }},
		{"kind", `where it comes from: "step", "action", "event", "packet", "link" (what a link did to one), "counter", "check", "predict", "answer", "kernel", or "why": the reason of a modelled path manager`, func(e lab.Entry) starlark.Value { return text(string(e.Kind)) }},
		{"text", "what happened", func(e lab.Entry) starlark.Value { return text(e.Text) }},
	},
}

var resultSnapshot = &snapshot[lab.ExecResult]{
	name: "result",
	doc:  "What a program left.",
	fields: []field[lab.ExecResult]{
		{"status", "its exit status", func(r lab.ExecResult) starlark.Value { return integer(r.Status) }},
		{"stdout", "its standard output", func(r lab.ExecResult) starlark.Value { return text(r.Stdout) }},
		{"stderr", "its standard error", func(r lab.ExecResult) starlark.Value { return text(r.Stderr) }},
	},
}

var errorSnapshot = &snapshot[error]{
	name: "error",
	doc:  "An error that check.fails caught.",
	fields: []field[error]{
		{"errno", `name of the kernel's error, such as "EEXIST"; empty when the kernel did not refuse`, func(err error) starlark.Value { return text(errnoName(err)) }},
		{"rule", "the rule of the path manager that the command broke, and a way out; empty when it is not known", func(err error) starlark.Value { return text(ruleOf(err)) }},
		{"message", "its whole text", func(err error) starlark.Value { return text(err.Error()) }},
	},
}

// ipOf is an address without its port, in the form that scripts see.
func ipOf(a netip.AddrPort) string { return string(addressText(a.Addr()).(starlark.String)) }
