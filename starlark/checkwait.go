package starlark

import (
	"errors"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

var (
	conditionParam = param{"condition", callableKind, nil, "a function without parameters"}
	duringParam    = param{"during", durationKind, starlark.String("300ms"), "how long, in the lab's time"}
	timeoutParam   = param{"timeout", durationKind, starlark.String("5s"), "how long it may take, in the lab's time"}
	sinceParam     = param{"since", countersKind, starlark.None, "an earlier host.counters to count from; None: from 0"}
	countKind      = number(0, 1<<62)
)

// checkDuring checks that a condition is not once what it must not be.
func checkDuring(c *call, forbidden bool, word string) (starlark.Value, error) {
	condition, during := get[starlark.Callable](c, "condition"), get[time.Duration](c, "during")
	start := c.run.lab.Now()
	var last starlark.Value
	happened, err := c.run.await(c.ctx(), during, func() (bool, error) {
		v, err := starlark.Call(c.thread, condition, nil, nil)
		if err != nil {
			return false, err
		}
		last = v
		return bool(v.Truth()) == forbidden, nil
	})
	if err != nil {
		return nil, err
	}
	if happened {
		after := (c.run.lab.Now() - start).Round(time.Millisecond)
		return nil, c.fail(fmt.Sprintf("%s after %s: %s", word, after, c.run.conditionText(condition)), c.run.conditionState(c.thread, condition, last)...)
	}
	c.hold(c.source())
	return nil, nil
}

var countersSignature = signature{
	name: "counters",
	params: []param{
		{"host", hostKind, nil, "whose counters"},
		sinceParam, timeoutParam,
		{"**expected", countsKind(), nil, "what each counter must be: MPJoinSynRx = 1"},
	},
	returns: "None",
	doc: "Checks MPTcpExt counters: waits until all have the values, and fails at once when one exceeds its value. Those that only another " +
		"kernel has are left out, which `run -v` tells; when none is left, the case skips.",
	example: `before = client.counters
lab.connect(client, server)
check.counters(client, since = before, MPCapableSYNTX = 1, MPCapableSYNACKRX = 1)`,
}

// countsKind is countKind of any counter that is known.
func countsKind() kind {
	k := countKind
	for _, c := range lab.KnownCounters() {
		k.named = append(k.named, param{c.Name, countKind, nil, "since Linux " + c.Since})
	}
	k.named = append(k.named, param{"RcvPruned", countKind, nil, "Linux 5.13 to 6.18"})
	return k
}

// expectation is what a counter must be, with the word of the script for it.
type expectation struct {
	counter string
	word    string
	want    uint64
}

func checkCounters(c *call, _ checkModule) (starlark.Value, error) {
	var wants []expectation
	for _, k := range get[[]keyword](c, "**expected") {
		wants = append(wants, expectation{counter: k.name, word: k.name, want: uint64(k.value.(int64))})
	}
	if len(wants) == 0 {
		return nil, fmt.Errorf("no counters to check: name them, as in check.counters(server, MPJoinSynRx = 1)")
	}
	return nil, c.awaitCounters(wants)
}

// addAddrCounters are the counters behind the words of check.add_addr.
var addAddrCounters = []struct{ word, counter, doc string }{
	{"received", "AddAddr", "ADD_ADDRs that it received"},
	{"echoed", "EchoAddTx", "ADD_ADDRs of the peer that it echoed"},
	{"sent", "AddAddrTx", "ADD_ADDRs that it sent, retransmissions included"},
	{"echo_received", "EchoAdd", "echoes of its own ADD_ADDRs that it received"},
}

var addAddrSignature = signature{
	name:    "add_addr",
	params:  addAddrParams(),
	returns: "None",
	doc:     "Checks what a host has announced, and what it has been announced, by its counters. It waits as check.counters does.",
	example: `server.mptcp.endpoint.add(server.address(1), signal = True)
conn = lab.connect(client, server)
check.add_addr(server, sent = 1, echo_received = 1)
check.add_addr(client, received = 1, echoed = 1)`,
}

func addAddrParams() []param {
	params := []param{{"host", hostKind, nil, "the host"}}
	for _, a := range addAddrCounters {
		params = append(params, param{a.word, countKind, starlark.None, a.doc + " (MPTcpExt" + a.counter + ")"})
	}
	return append(params, sinceParam, timeoutParam)
}

func checkAddAddr(c *call, _ checkModule) (starlark.Value, error) {
	var wants []expectation
	for _, a := range addAddrCounters {
		if c.has(a.word) {
			wants = append(wants, expectation{a.counter, a.word, uint64(get[int64](c, a.word))})
		}
	}
	if len(wants) == 0 {
		return nil, fmt.Errorf("nothing to check: give received, echoed, sent or echo_received")
	}
	return nil, c.awaitCounters(wants)
}

// gauge is the one of the MPTcpExt counters that also goes down.
const gauge = "MPCurrEstab"

// awaitCounters waits until counters are as expected; one that is beyond will not come back, unless it is the gauge.
func (c *call) awaitCounters(wants []expectation) error {
	h, timeout := get[*host](c, "host"), get[time.Duration](c, "timeout")
	since := get[counters](c, "since")
	wants, err := h.countable(wants)
	if err != nil {
		return err
	}
	seen := make([]uint64, len(wants))
	exceeded := false
	done, err := c.run.await(c.ctx(), timeout, func() (bool, error) {
		now, err := h.counters()
		if err != nil {
			return false, err
		}
		all := true
		for i, w := range wants {
			n, err := now.read(w.counter)
			if err != nil {
				return false, err
			}
			seen[i] = n - since.Counters[w.counter]
			all = all && seen[i] == w.want
			exceeded = exceeded || seen[i] > w.want && w.counter != gauge
		}
		return all || exceeded, nil
	})
	if err != nil {
		return err
	}
	if done && !exceeded {
		c.hold(c.source())
		return nil
	}
	summary := fmt.Sprintf("counters of %s not reached within %s", h.host.Name(), timeout)
	if exceeded {
		summary = fmt.Sprintf("counters of %s exceeded", h.host.Name())
	}
	var details []string
	for i, w := range wants {
		mark := "  "
		if seen[i] != w.want {
			mark = "! "
		}
		details = append(details, fmt.Sprintf("%s%s: expected %d, seen %d", mark, w.word, w.want, seen[i]))
	}
	return c.fail(summary, details...)
}

// countable leaves out the counters that this kernel does not have but another does, and puts down that they were not checked.
// When none remains, the case skips: it would have waited for nothing.
func (h *host) countable(wants []expectation) ([]expectation, error) {
	now, err := h.counters()
	if err != nil {
		return nil, err
	}
	var there []expectation
	var lacking *skip
	for _, w := range wants {
		_, err := now.read(w.counter)
		switch {
		case err == nil:
			there = append(there, w)
		case !errors.As(err, &lacking):
			return nil, err
		default:
			h.run.output.addOnce("not checked: " + lacking.reason)
		}
	}
	if len(there) == 0 {
		return nil, lacking
	}
	return there, nil
}

var subflowsSignature = signature{
	name: "subflows",
	params: []param{
		{"socket", is[*socket]("a socket, such as conn.client"), nil, "one end of a connection"},
		{"expected", anyKind, nil, `how many, or a list of them in any order: ["10.0.1.1 > 10.0.1.2"]`},
		timeoutParam,
	},
	returns: "None",
	doc: "Checks the subflows of a connection, the initial one included: waits until there are as many, or exactly those. " +
		"Where there are fewer, it says why, as conn.why does.",
	example: `conn = lab.connect(client, server)
check.subflows(conn.client, 1)
check.subflows(conn.server, ["10.0.1.2 > 10.0.1.1"])`,
}

func checkSubflows(c *call, _ checkModule) (starlark.Value, error) {
	s, expected, timeout := get[*socket](c, "socket"), get[starlark.Value](c, "expected"), get[time.Duration](c, "timeout")
	wants, listGiven := expected.(starlark.Iterable)
	if _, isInt := expected.(starlark.Int); !isInt && !listGiven {
		return nil, fmt.Errorf("expected: expected a number or a list, got %s", shown(expected))
	}
	var (
		paths               starlark.Tuple
		missing, unexpected []starlark.Value
	)
	done, err := c.run.await(c.ctx(), timeout, func() (_ bool, err error) {
		if paths, err = s.paths(); err != nil {
			return false, err
		}
		if !listGiven {
			return starlark.Equal(starlark.MakeInt(len(paths)), expected)
		}
		missing, unexpected, err = apart(wants, paths)
		return len(missing)+len(unexpected) == 0 && len(paths) == starlark.Len(wants), err
	})
	if err != nil {
		return nil, err
	}
	summary := fmt.Sprintf("the subflows of %s are others after %s", s.host.host.Name(), timeout)
	var details []string
	if listGiven {
		details = setDifference(missing, unexpected, paths)
	} else {
		details = []string{fmt.Sprintf("expected: %s", expected), fmt.Sprintf("seen:     %d", len(paths))}
		details = append(details, indented(listed(paths))...)
	}
	if !done && (len(missing) > 0 || !listGiven && fewer(len(paths), expected)) {
		details = append(details, c.whyFewer(s, missing)...)
	}
	return c.decide(done, summary, details...)
}

// paths are the subflows of a connection, as check.subflows writes them.
func (s *socket) paths() (starlark.Tuple, error) {
	view, err := s.view()
	if err != nil {
		return nil, err
	}
	paths := make(starlark.Tuple, len(view.Subflows))
	for i, f := range view.Subflows {
		paths[i] = text(ipOf(f.Local) + " > " + ipOf(f.Remote))
	}
	return paths, nil
}

// fewer tells whether a check wanted more than there are.
func fewer(seen int, wanted starlark.Value) bool {
	if wanted == nil {
		return false
	}
	n, err := starlark.AsInt32(wanted)
	return err == nil && seen < n
}

// eventSource is a host or a monitor.
type eventSource interface {
	starlark.Value
	seen() ([]lab.Event, error)
}

var (
	_ eventSource = (*host)(nil)
	_ eventSource = (*monitor)(nil)
)

// seen makes a host a source of all its events.
func (h *host) seen() ([]lab.Event, error) { return h.events() }

var eventsSignature = signature{
	name: "events",
	params: []param{
		{"source", kindOf("a host or a monitor", toEventSource), nil, "whose events"},
		{"kinds", listKind, nil, `the kinds in order: ["CREATED", "ESTABLISHED"]`},
		timeoutParam,
	},
	returns: "None",
	doc:     "Checks that events of these kinds came in this order; others may stand between them. It waits until they have come.",
	example: `lab.connect(client, server)
check.events(client, ["CREATED", "ESTABLISHED"])`,
}

func toEventSource(v starlark.Value) (eventSource, error) {
	switch v := v.(type) {
	case *host:
		return v, nil
	case *monitor:
		return v, nil
	}
	return nil, errWrongKind
}

func checkEvents(c *call, _ checkModule) (starlark.Value, error) {
	source, timeout := get[eventSource](c, "source"), get[time.Duration](c, "timeout")
	var wants []pm.EventKind
	for v := range starlark.Elements(get[starlark.Iterable](c, "kinds")) {
		k, err := eventKind.convert(v)
		if err != nil {
			return nil, fmt.Errorf("kinds: %w", err)
		}
		if err := c.run.sent(k.(pm.EventKind)); err != nil {
			return nil, err
		}
		wants = append(wants, k.(pm.EventKind))
	}
	var (
		found int
		seen  []lab.Event
	)
	done, err := c.run.await(c.ctx(), timeout, func() (bool, error) {
		events, err := source.seen()
		if err != nil {
			return false, err
		}
		seen, found = events, 0
		for _, e := range events {
			if found < len(wants) && e.Kind == wants[found] {
				found++
			}
		}
		return found == len(wants), nil
	})
	if err != nil {
		return nil, err
	}
	if done {
		c.hold(c.source())
		return nil, nil
	}
	details := []string{fmt.Sprintf("expected: %v", wants), fmt.Sprintf("missing:  %v", wants[found:]), "seen:"}
	return nil, c.fail(fmt.Sprintf("events missing after %s", timeout), append(details, indented(listed(eventSnapshot.list(seen)))...)...)
}
