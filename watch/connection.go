package watch

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/why"
)

// Role is which end of a connection the host is.
type Role string

// The roles.
const (
	Client Role = "client" // it connected
	Server Role = "server" // it accepted
)

// Connection is an MPTCP connection of the host at one moment.
type Connection struct {
	lab.Conn
	Role     Role
	Findings []why.Finding // of addresses that have no subflow
}

// Kind says what has changed.
type Kind string

// The kinds of changes.
const (
	ConnectionOpened Kind = "connection_opened"
	ConnectionClosed Kind = "connection_closed"
	SubflowOpened    Kind = "subflow_opened"
	SubflowClosed    Kind = "subflow_closed"
	NoSubflow        Kind = "no_subflow" // a finding
	Resolved         Kind = "resolved"   // it holds no longer
)

// Change is something that is otherwise than it was.
type Change struct {
	Time       time.Time
	Kind       Kind
	Connection Connection
	Subflow    lab.Subflow  // of SubflowOpened and SubflowClosed
	Finding    *why.Finding // of NoSubflow and Resolved
}

// ends are what tells subflows of a connection apart.
type ends struct{ local, remote netip.AddrPort }

// Changes are what leads from one view of the host to a later one: what has ended first.
func Changes(before, now []Connection, at time.Time) []Change {
	var all []Change
	for _, was := range before {
		if find(now, was.Token) == nil {
			all = append(all, Change{Time: at, Kind: ConnectionClosed, Connection: was})
		}
	}
	for _, is := range now {
		was := find(before, is.Token)
		if was == nil {
			all = append(all, Change{Time: at, Kind: ConnectionOpened, Connection: is})
			was = &Connection{}
		}
		all = append(all, subflowChanges(*was, is, at)...)
		all = append(all, findingChanges(*was, is, at)...)
	}
	return all
}

func find(all []Connection, token uint32) *Connection {
	i := slices.IndexFunc(all, func(c Connection) bool { return c.Token == token })
	if i < 0 {
		return nil
	}
	return &all[i]
}

func subflowChanges(was, is Connection, at time.Time) (all []Change) {
	missing := func(from, in Connection, kind Kind) {
		for _, f := range from.Subflows {
			has := func(x lab.Subflow) bool { return (ends{x.Local, x.Remote}) == (ends{f.Local, f.Remote}) && open(x) }
			if open(f) && !slices.ContainsFunc(in.Subflows, has) {
				all = append(all, Change{Time: at, Kind: kind, Connection: is, Subflow: f})
			}
		}
	}
	missing(was, is, SubflowClosed)
	missing(is, was, SubflowOpened)
	return all
}

// open tells whether a subflow has been answered.
func open(f lab.Subflow) bool { return f.State != "SYN-SENT" }

func findingChanges(was, is Connection, at time.Time) (all []Change) {
	for _, f := range was.Findings {
		if !slices.ContainsFunc(is.Findings, func(x why.Finding) bool { return x.Pair == f.Pair }) {
			all = append(all, Change{Time: at, Kind: Resolved, Connection: is, Finding: &f})
		}
	}
	for _, f := range is.Findings {
		if !slices.ContainsFunc(was.Findings, func(x why.Finding) bool { return x.Pair == f.Pair && x.Rule == f.Rule }) {
			all = append(all, Change{Time: at, Kind: NoSubflow, Connection: is, Finding: &f})
		}
	}
	return all
}
