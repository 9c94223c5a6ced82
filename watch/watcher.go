package watch

import (
	"context"
	"fmt"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/why"
)

const (
	tick    = time.Second            // between two looks when no event comes
	burst   = 20 * time.Millisecond  // that events are given to follow each other
	settled = 500 * time.Millisecond // that a finding must hold to be told: a handshake takes its time
)

// Host is the machine that is watched.
type Host interface {
	why.Host
	Conns() ([]lab.Conn, error)
	// Received hands over the path-manager events as they come; it is closed when no more will. Nil: none can be had.
	Received() <-chan []pm.Event
	// Remember keeps events, as Events tells them.
	Remember(events []pm.Event)
}

// Look reads what the connections of a host are now.
func Look(ctx context.Context, h Host) ([]Connection, error) {
	conns, err := h.Conns()
	if err != nil {
		return nil, err
	}
	events, err := h.Events()
	if err != nil {
		return nil, err
	}
	listeners, err := h.Listeners()
	if err != nil {
		return nil, err
	}
	var all []Connection
	for _, c := range conns {
		if c.Token == 0 { // plain TCP
			continue
		}
		x := Connection{Conn: c, Role: role(c, events, listeners)}
		asked := why.Connection{Client: why.Side{Host: h, Conn: c}}
		if x.Role == Server {
			asked = why.Connection{Server: why.Side{Host: h, Conn: c}}
		}
		if x.Findings, err = why.Explain(ctx, asked); err != nil {
			return nil, fmt.Errorf("why connection %08x has no more subflows: %w", c.Token, err)
		}
		all = append(all, x)
	}
	return all, nil
}

// role tells which end the host is: its own event says so, or else that it listens at its end of the connection.
func role(c lab.Conn, events []lab.Event, listeners []lab.Listening) Role {
	for _, e := range events {
		if e.Kind == pm.EventCreated && e.Token == c.Token {
			if e.ServerSide || e.Flags&pm.EventFlagServerSide != 0 {
				return Server
			}
			return Client
		}
	}
	for _, l := range listeners {
		if l.Address.Port() == c.Local.Port() && (l.Address.Addr().IsUnspecified() || l.Address.Addr().Unmap() == c.Local.Addr().Unmap()) {
			return Server
		}
	}
	return Client
}

// Run tells the changes of a host, from nothing to what there is at first, until the context ends, which is no error.
func Run(ctx context.Context, h Host, each func(Change) error) error {
	var before []Connection
	since := map[held]time.Time{}
	next := time.NewTicker(tick)
	defer next.Stop()
	events := h.Received()
	for {
		now, err := Look(ctx, h)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		at := time.Now()
		now, since = settle(now, since, at)
		for _, c := range Changes(before, now, at) {
			if err := each(c); err != nil {
				return err
			}
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		case received, more := <-events:
			if !more {
				events = nil
			}
			h.Remember(received)
			drain(ctx, h, events)
		}
	}
}

// drain takes what comes within a burst of events.
func drain(ctx context.Context, h Host, events <-chan []pm.Event) {
	after := time.After(burst)
	for {
		select {
		case <-ctx.Done():
			return
		case <-after:
			return
		case received := <-events:
			h.Remember(received)
		}
	}
}

// held is what a finding is known by.
type held struct {
	token uint32
	pair  why.Pair
	rule  string
}

// settle leaves out the findings that do not hold for long yet, and returns since when each does.
func settle(all []Connection, since map[held]time.Time, now time.Time) ([]Connection, map[held]time.Time) {
	still := map[held]time.Time{}
	for i, c := range all {
		var kept []why.Finding
		for _, f := range c.Findings {
			key := held{c.Token, f.Pair, f.Rule}
			first, known := since[key]
			if !known {
				first = now
			}
			still[key] = first
			if now.Sub(first) >= settled {
				kept = append(kept, f)
			}
		}
		all[i].Findings = kept
	}
	return all, still
}
