package compare_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/compare"
	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// side is a model of a release, with the cases of a script.
func side(t *testing.T, release string) compare.Side {
	t.Helper()
	b, err := emulator.New(emulator.Options{Kernel: release})
	require.NoError(t, err)
	cases, err := starlark.Load(t.Context(), []string{"testdata/cases.star"}, starlark.Options{Features: b.Features()})
	require.NoError(t, err)
	return compare.Side{Backend: b, Cases: cases}
}

// observer keeps the names of cases in the order in which it is told of them.
type observer struct {
	total    int
	done     []string
	finished *compare.Report
}

func (o *observer) Start(cases int)          { o.total = cases }
func (o *observer) Done(c *compare.Case)     { o.done = append(o.done, c.ID) }
func (o *observer) Finish(r *compare.Report) { o.finished = r }
func run(t *testing.T, a, b string, obs compare.Observer) *compare.Report {
	t.Helper()
	return compare.Run(t.Context(), side(t, a), side(t, b), compare.Config{Jobs: 1, Seed: 1}, obs)
}

// A backend does as itself does, and other releases do otherwise.
func TestRun(t *testing.T) {
	var o observer
	same := run(t, "6.18", "6.18", &o)
	require.Equal(t, "2 of 2 cases the same on both backends, 1 skipped", same.String())
	require.Equal(t, 3, o.total)
	require.Len(t, o.done, 3)
	require.Same(t, same, o.finished)
	require.Empty(t, same.Tolerated(), "the same seed")
	require.Contains(t, same.Skipped()[0].Skipped(), "needs Linux >=99")

	other := run(t, "6.18", "6.1", &observer{})
	require.Equal(t, "0 of 2 cases the same on both backends, 1 skipped", other.String())
	join, refusal := other.Different()[0], other.Different()[1]
	require.Contains(t, join.ID, "test_join")
	require.Contains(t, refusal.Unexplained()[0].Kernel[0].Text, "limit greater than maximum (8) (SUBFLOWS)", "as it says since 6.15")
	require.Equal(t, report.Passed, join.Kernel.Verdict)
	found := map[string]compare.Difference{}
	for _, d := range join.Unexplained() {
		found[d.Of] = d
	}
	require.Equal(t, "1", found["client MPJoinSynTx"].Kernel[0].Text, "a counter of Linux 6.12")
	require.Empty(t, found["client MPJoinSynTx"].Emulator)
}

// An interrupted comparison tells of what it has compared.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, b := side(t, "6.18"), side(t, "6.18")
	r := compare.Run(ctx, a, b, compare.Config{}, &observer{})
	require.True(t, r.Kernel.Interrupted)
	require.Empty(t, r.Cases)
}

func TestTerminal(t *testing.T) {
	var out bytes.Buffer
	run(t, "6.18", "6.1", compare.NewTerminal(&out, "a header", report.Style{Verbose: true}))
	text := out.String()
	require.Contains(t, text, "a header\n")
	require.Contains(t, text, "DIFFERENT testdata/cases.star::test_join\n  testdata/cases.star:4 The client joins an announced address.\n")
	require.Regexp(t, regexp.MustCompile(`(?m)^  event: server listener \[::\]:8001
    kernel     +0\.220ms  \[LISTENER_CREATED\] saddr6=:: sport=8001
    emulator  nothing
    timeline of the kernel:
(      .*
)+    timeline of the emulator:
(      .*
)+  counter: client EchoAddTx
    kernel     +\d+\.\d+ms  1
    emulator  nothing
`), text)
	require.Contains(t, text, "skipped testdata/cases.star::test_newer: needs Linux >=99")
	require.Regexp(t, regexp.MustCompile(`0 of 2 cases the same on both backends, 1 skipped\n$`), text)
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t, "6.18", "6.1", &observer{}).WriteJSON(&out))
	var d struct {
		Version int
		Kernel  string
		Races   []struct{ Name, Clause, Why string }
		Cases   []struct {
			ID               string
			Kernel, Emulator string
			Differences      []struct {
				Witness, Of, Race string
				Kernel, Emulator  []struct {
					Time float64 `json:"time_ms"`
					Text string
				}
				Around *struct{ Kernel, Emulator []string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &d))
	require.Equal(t, compare.JSONVersion, d.Version)
	require.Len(t, d.Races, len(compare.Races()))
	require.Len(t, d.Cases, 3)
	for _, c := range d.Cases {
		require.NotNil(t, c.Differences, "never null")
		for _, x := range c.Differences {
			require.NotNil(t, x.Kernel)
			require.NotNil(t, x.Emulator)
			if x.Race == "" {
				require.NotEmpty(t, x.Around.Kernel, x.Of)
				require.NotEmpty(t, x.Around.Emulator, x.Of)
			}
		}
	}
}

// A model of an older release lacks counters that a newer one has.
func ExampleRun() {
	var sides []compare.Side
	for _, release := range []string{"6.18", "6.1"} {
		b, err := emulator.New(emulator.Options{Kernel: release})
		if err != nil {
			panic(err)
		}
		cases, err := starlark.Load(context.Background(), []string{"testdata/cases.star::test_join"}, starlark.Options{Features: b.Features()})
		if err != nil {
			panic(err)
		}
		sides = append(sides, compare.Side{Backend: b, Cases: cases})
	}
	r := compare.Run(context.Background(), sides[0], sides[1], compare.Config{Seed: 1}, &observer{})
	for _, d := range r.Cases[0].Unexplained() {
		if d.Witness == compare.Counters {
			fmt.Println(d.Of, d.Kernel[0].Text)
		}
	}
	// Output:
	// client EchoAddTx 1
	// client MPCurrEstab 1
	// client MPJoinSynTx 1
	// server AddAddrTx 1
	// server MPCurrEstab 1
}
