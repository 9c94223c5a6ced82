package starlark

import (
	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// eventKind takes the kernel's name of an event, or the word of ip-mptcp(8) monitor.
var eventKind = parsed(`an event such as "ANNOUNCED" or "SUB_ESTABLISHED"`, pm.ParseEventKind)

// carried declares a field that is None where the message did not carry the attribute.
func carried(name, doc string, attr pm.Attrs, get func(lab.Event) starlark.Value) field[lab.Event] {
	return field[lab.Event]{name, doc, func(e lab.Event) starlark.Value {
		if e.Has&attr == 0 {
			return starlark.None
		}
		return get(e)
	}}
}

var eventSnapshot = &snapshot[lab.Event]{
	name: "event",
	doc:  "A path-manager event, as `ip mptcp monitor` shows it. What the message does not carry is None.",
	fields: []field[lab.Event]{
		{"time", "lab time in milliseconds", func(e lab.Event) starlark.Value { return milliseconds(e.Time) }},
		{"kind", `"CREATED", "ESTABLISHED", "CLOSED", "ANNOUNCED", "REMOVED", "SUB_ESTABLISHED", "SUB_CLOSED", "SUB_PRIORITY", "LISTENER_CREATED" or "LISTENER_CLOSED"`, func(e lab.Event) starlark.Value { return text(e.Kind.String()) }},
		carried("token", "the connection's local token", pm.AttrToken, func(e lab.Event) starlark.Value { return integer(e.Token) }),
		carried("local", "local address", pm.AttrLocalAddr4|pm.AttrLocalAddr6, func(e lab.Event) starlark.Value { return addressText(e.Local.Addr()) }),
		carried("local_port", "local port", pm.AttrLocalPort, func(e lab.Event) starlark.Value { return integer(e.Local.Port()) }),
		carried("local_id", "address ID of the local address", pm.AttrLocalID, func(e lab.Event) starlark.Value { return integer(e.LocalID) }),
		carried("remote", "remote address", pm.AttrRemoteAddr4|pm.AttrRemoteAddr6, func(e lab.Event) starlark.Value { return addressText(e.Remote.Addr()) }),
		carried("remote_port", "remote port", pm.AttrRemotePort, func(e lab.Event) starlark.Value { return integer(e.Remote.Port()) }),
		carried("remote_id", "address ID of the remote address", pm.AttrRemoteID, func(e lab.Event) starlark.Value { return integer(e.RemoteID) }),
		carried("backup", "the peer asked for a backup path", pm.AttrBackup, func(e lab.Event) starlark.Value { return starlark.Bool(e.Backup) }),
		carried("error", `why the subflow ended, such as "ETIMEDOUT"`, pm.AttrError, func(e lab.Event) starlark.Value { return text(pm.Errno(e.Error).Name()) }),
		carried("flags", "bit 0: the peer denies joins to its initial address; bit 1: server side", pm.AttrFlags, func(e lab.Event) starlark.Value { return integer(e.Flags) }),
		carried("if_index", "index of the interface", pm.AttrIfIndex, func(e lab.Event) starlark.Value { return integer(e.IfIndex) }),
		carried("reset_reason", "reason of a reset (RFC 8684, section 3.6)", pm.AttrResetReason, func(e lab.Event) starlark.Value { return integer(e.ResetReason) }),
		carried("reset_flags", "flags of a reset", pm.AttrResetFlags, func(e lab.Event) starlark.Value { return integer(e.ResetFlags) }),
		carried("server_side", "this end accepted the connection", pm.AttrServerSide, func(e lab.Event) starlark.Value { return starlark.Bool(e.ServerSide) }),
	},
}
