package starlark

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// monitor is the events of a host from a moment on.
type monitor struct {
	*host
	skip int // events before it was opened
}

func (m *monitor) String() string                           { return "<monitor of " + m.host.host.Name() + ">" }
func (m *monitor) Type() string                             { return "monitor" }
func (m *monitor) Attr(name string) (starlark.Value, error) { return monitorNoun.attr(m, name) }
func (m *monitor) AttrNames() []string                      { return monitorNoun.attrNames() }

var monitorSignature = signature{
	name: "monitor", returns: "monitor",
	doc: "Returns the events of the host from now on.",
	example: `lab.connect(client, server)
monitor = client.mptcp.monitor()
check.equal(monitor.events, [])`,
}

var monitorNoun = &noun[*monitor]{
	name: "monitor",
	doc:  "The path-manager events of a host since host.mptcp.monitor() was called.",
	attributes: []attribute[*monitor]{
		{"events", "list of events", "The events since it was opened, in order.", func(m *monitor) (starlark.Value, error) {
			events, err := m.seen()
			return eventSnapshot.list(events), err
		}},
	},
	methods: []method[*monitor]{
		{signature{
			name: "wait",
			params: []param{
				{"kind", eventKind, nil, `such as "ANNOUNCED" or "SUB_ESTABLISHED"`},
				{"timeout", durationKind, starlark.String("5s"), "how long it may take, in the lab's time"},
				{"**fields", anyKind, nil, "what the event's fields must be: remote_id = 1"},
			},
			returns: "event",
			doc:     "Returns the first event of that kind with those fields since the monitor was opened, as soon as there is one. It is a check.",
			example: `monitor = client.mptcp.monitor()
conn = lab.connect(client, server)
event = monitor.wait("ESTABLISHED", remote = server.address(0))
check.equal(event.token, conn.client.token)`,
		}, waitEvent},
	},
}

func openMonitor(_ *call, m *manager) (starlark.Value, error) {
	events, err := m.events()
	if err != nil {
		return nil, err
	}
	return &monitor{host: m.host, skip: len(events)}, nil
}

func (m *monitor) seen() ([]lab.Event, error) {
	events, err := m.events()
	if err != nil {
		return nil, err
	}
	return events[min(m.skip, len(events)):], nil
}

func waitEvent(c *call, m *monitor) (starlark.Value, error) {
	kind, fields := get[pm.EventKind](c, "kind"), get[[]keyword](c, "**fields")
	names := eventSnapshot.names()
	for _, f := range fields {
		if !slices.Contains(names, f.name) {
			return nil, fmt.Errorf("an event has no field %s%s", f.name, DidYouMean(f.name, names))
		}
	}
	if err := m.run.sent(kind); err != nil {
		return nil, err
	}
	var found *record
	timeout := get[time.Duration](c, "timeout")
	ok, err := m.run.await(c.ctx(), timeout, func() (bool, error) {
		events, err := m.seen()
		if err != nil {
			return false, err
		}
		for _, e := range events {
			if r := eventSnapshot.of(e); e.Kind == kind {
				if match, err := r.matches(fields); match || err != nil {
					found = r
					return match, err
				}
			}
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	if !ok {
		details := []string{"expected: " + wanted(kind, fields), "seen:"}
		events, err := m.seen()
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			details = append(details, "  "+eventSnapshot.of(e).String())
		}
		return nil, c.fail(fmt.Sprintf("no such event within %s", timeout), details...)
	}
	c.hold(c.source())
	return found, nil
}

// sent skips the case where the kernel never tells of such events, and another does.
func (r *run) sent(kind pm.EventKind) error {
	if f, known := r.options.Features.Find("event." + kind.String()); known && !f.OK {
		return missing(f)
	}
	return nil
}

// wanted is an event that was waited for: "ANNOUNCED with remote_id = 1".
func wanted(kind pm.EventKind, fields []keyword) string {
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = fmt.Sprintf("%s = %s", f.name, f.value)
	}
	if len(words) == 0 {
		return kind.String()
	}
	return kind.String() + " with " + strings.Join(words, ", ")
}

// matches tells whether a record has all those values.
func (r *record) matches(fields []keyword) (bool, error) {
	for _, f := range fields {
		have, err := r.Attr(f.name)
		if err != nil {
			return false, err
		}
		equal, err := starlark.Equal(have, f.value.(starlark.Value))
		if !equal || err != nil {
			return false, err
		}
	}
	return true, nil
}
