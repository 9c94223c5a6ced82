package starlark

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

var ipSignature = signature{
	name: "ip",
	params: []param{
		{"words", kindOf(`the words of a command, such as "mptcp endpoint show", or a list of them`, toWords), nil, "what a person would type behind ip, or a list of the words"},
		{"stdin", textKind, starlark.String(""), "its standard input, for -batch -"},
		{"status", statusKind, starlark.MakeInt(0), "the exit status that it must have; None: any"},
	},
	returns: "ip result",
	doc: "Runs a command of ip-mptcp(8) in the host, as iproute2 7.1 would, and returns what it printed. It is no program: the " +
		"tool speaks to the kernel itself. An unexpected exit status is an error.",
	example: `client.ip("mptcp endpoint add 10.0.2.1 dev eth2 subflow")
shown = client.ip("mptcp endpoint show")
check.equal(shown.stdout, "10.0.2.1 id 1 subflow dev eth2 \n")
check.equal(shown.endpoints[0].dev, "eth2")
check.equal(client.ip("mptcp endpoint delete", status = 255).stderr, "Error: argument \"ID\" is required\n")`,
}

// anyStatus stands for None.
const anyStatus = -1

var statusKind = kindOf("an exit status from 0 to 255, or None", func(v starlark.Value) (int, error) {
	if v == starlark.None {
		return anyStatus, nil
	}
	n, err := number(0, 255).convert(v)
	if err != nil {
		return 0, errWrongKind
	}
	return int(n.(int64)), nil
})

// toWords takes a line, in which blanks part the words and a first "ip" is left out, or a list of words as they are.
func toWords(v starlark.Value) ([]string, error) {
	var words []string
	switch v := v.(type) {
	case starlark.String:
		words = strings.Fields(string(v))
		if len(words) > 0 && words[0] == "ip" {
			words = words[1:]
		}
	case starlark.Iterable:
		for e := range starlark.Elements(v) {
			s, ok := starlark.AsString(e)
			if !ok {
				return nil, errWrongKind
			}
			words = append(words, s)
		}
	default:
		return nil, errWrongKind
	}
	return words, nil
}

// ipResult is what a command of ip left.
type ipResult struct {
	ipmptcp.Result
	stdout, stderr string
	endpoints      *starlark.List
}

var ipResultSnapshot = &snapshot[ipResult]{
	name: "ip result",
	doc:  "What a command of ip-mptcp(8) left.",
	fields: []field[ipResult]{
		{"status", "its exit status: 0, 1, 2 where the kernel refused, or 255 for wrong words", func(r ipResult) starlark.Value { return integer(r.Status) }},
		{"stdout", "its standard output, byte for byte", func(r ipResult) starlark.Value { return text(r.stdout) }},
		{"stderr", "its standard error, byte for byte", func(r ipResult) starlark.Value { return text(r.stderr) }},
		{"endpoints", "the endpoints that it showed", func(r ipResult) starlark.Value { return r.endpoints }},
		{"limits", "the limits that it showed; None where it showed none", func(r ipResult) starlark.Value {
			if r.Limits == nil {
				return starlark.None
			}
			return limitsSnapshot.of(*r.Limits)
		}},
	},
}

var errMonitorEnds = errors.New("ip mptcp monitor does not end by itself: host.mptcp.monitor() gives the events")

func hostIP(c *call, h *host) (starlark.Value, error) {
	words := get[[]string](c, "words")
	var stdout, stderr strings.Builder
	monitors := false
	h.run.note(h.host.Name(), "ip %s", strings.Join(words, " "))
	command := ipmptcp.Command{
		Namespace: h.host.IPNamespace(),
		Stdin:     strings.NewReader(get[string](c, "stdin")),
		Stdout:    &stdout,
		Stderr:    &stderr,
		Watch: func(ctx context.Context) (context.Context, context.CancelFunc) {
			monitors = true
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		},
	}
	result := command.Run(c.ctx(), words)
	if monitors {
		return nil, errMonitorEnds
	}
	if want := get[int](c, "status"); want != anyStatus && result.Status != want {
		return nil, fmt.Errorf("ip %s: exit status %d, expected %d: %s", strings.Join(words, " "), result.Status, want,
			strings.TrimSpace(stderr.String()))
	}
	return ipResultSnapshot.of(ipResult{
		Result: result, stdout: stdout.String(), stderr: stderr.String(), endpoints: h.endpointList(result.Endpoints),
	}), nil
}
