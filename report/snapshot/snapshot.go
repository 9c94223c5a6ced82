package snapshot

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/why"
)

// Snapshot is what a lab showed.
type Snapshot struct {
	Nodes    []Node        // in order of creation
	Links    []Link        // in order of creation
	Findings []why.Finding // why pairs of addresses are no subflows, if somebody asked
	Missing  []string      // what could not be read, and why
}

// Node is a host or a switch; of a switch, nothing but the name is known.
type Node struct {
	Name      string
	Switch    bool
	Router    bool
	Addresses []lab.Address
	Limits    pm.Limits
	Endpoints []pm.Endpoint
	Conns     []lab.Conn
	Events    []lab.Event
	Counters  lab.Counters // those that moved since the host was made
}

// Link is a link with the packets that were seen on it.
type Link struct {
	Name    string
	Ends    [2]lab.LinkEnd
	Traffic [2]lab.Traffic
	Packets []lab.Packet // in order of time
}

// Lab is a lab that remembers what is made in it.
type Lab struct {
	lab.Lab

	mu    sync.Mutex
	nodes []made
	links []lab.Link
}

// made is a node with what only its making tells.
type made struct {
	name   string
	router bool
	host   lab.Host // nil: a switch
}

// Watch returns the lab as a case is to use it, so that a snapshot of it can be taken.
func Watch(l lab.Lab) *Lab { return &Lab{Lab: l} }

// Host implements [lab.Lab].
func (l *Lab) Host(ctx context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	h, err := l.Lab.Host(ctx, name, o)
	if err != nil {
		return h, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes = append(l.nodes, made{name: name, router: o.Router, host: h})
	return h, nil
}

// Switch implements [lab.Lab].
func (l *Lab) Switch(ctx context.Context, name string) (lab.Node, error) {
	n, err := l.Lab.Switch(ctx, name)
	if err != nil {
		return n, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes = append(l.nodes, made{name: name})
	return n, nil
}

// Link implements [lab.Lab].
func (l *Lab) Link(ctx context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	k, err := l.Lab.Link(ctx, a, b, o)
	if err != nil {
		return k, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.links = append(l.links, k)
	return k, nil
}

// Take reads everything. The lab must be open, and nothing else may use it meanwhile.
func (l *Lab) Take() *Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &Snapshot{}
	for _, n := range l.nodes {
		s.Nodes = append(s.Nodes, s.node(n))
	}
	for _, k := range l.links {
		packets, err := k.Packets()
		s.missed("packets of "+k.Name(), err)
		ends := k.Ends()
		for i := range ends {
			ends[i].Addresses = slices.Clone(ends[i].Addresses)
		}
		s.Links = append(s.Links, Link{Name: k.Name(), Ends: ends, Traffic: k.Traffic(), Packets: packets})
	}
	return s
}

// Explain adds the findings about each connection that is open.
func (l *Lab) Explain(ctx context.Context, s *Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var hosts []lab.Host
	for _, n := range l.nodes {
		if n.host != nil {
			hosts = append(hosts, n.host)
		}
	}
	conns, err := why.Connections(hosts, l.links)
	s.missed("connections", err)
	for _, c := range conns {
		findings, err := why.Explain(ctx, c)
		s.Findings = append(s.Findings, findings...)
		s.missed("why there are no subflows", err)
	}
}

func (s *Snapshot) node(m made) Node {
	n := Node{Name: m.name, Router: m.router, Switch: m.host == nil}
	if m.host == nil {
		return n
	}
	n.Addresses = slices.Clone(m.host.Addresses())
	manager := m.host.PathManager()
	read(s, m.name, "limits", &n.Limits, manager.Limits)
	read(s, m.name, "endpoints", &n.Endpoints, manager.Endpoints)
	read(s, m.name, "connections", &n.Conns, m.host.Conns)
	read(s, m.name, "events", &n.Events, m.host.Events)
	var now lab.Counters
	read(s, m.name, "counters", &now, m.host.Counters)
	n.Counters = now.Since(nil) // a new host's are zero
	return n
}

// read keeps what a function returns, also beside an error: that may say that some of it is missing.
func read[T any](s *Snapshot, host, what string, into *T, from func() (T, error)) {
	x, err := from()
	*into = x
	s.missed(what+" of "+host, err)
}

func (s *Snapshot) missed(what string, err error) {
	if err != nil {
		s.Missing = append(s.Missing, fmt.Sprintf("%s: %v", what, err))
	}
}
