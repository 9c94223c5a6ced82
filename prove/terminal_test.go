package prove_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/prove"
	"github.com/mptcp-lab/mptcp-lab/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

// fault returns the fault of that name.
func fault(t *testing.T, name string) *prove.Fault {
	t.Helper()
	list := prove.Faults()
	i := slices.IndexFunc(list, func(f *prove.Fault) bool { return f.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return list[i]
}

// everything is a report with each standing.
func everything(t *testing.T) *prove.Report {
	low, lost, rst := fault(t, "subflows limit one too low"), fault(t, "ADD_ADDR lost"), fault(t, "RST lost")
	of := func(name, title string) report.Case {
		return report.Case{ID: "f.star::test_" + name, File: "f.star", Line: 3, Title: title}
	}
	return &prove.Report{
		Faults: []*prove.Fault{low, lost, rst, fault(t, "MP_PRIO lost")},
		Proofs: []*prove.Proof{
			{Case: of("limit", "The limit holds."), Standing: prove.Proven, Trials: []prove.Trial{
				{Fault: low, Verdict: report.Failed}, {Fault: lost, Verdict: report.Error}, {Fault: rst, Verdict: report.Passed},
			}},
			{Case: of("data[a|b]", ""), Standing: prove.Proven, Trials: []prove.Trial{{Fault: lost, Verdict: report.Error}}},
			{Case: of("weak", "It looks away.\x1b[2J"), Standing: prove.Survivor, Trials: []prove.Trial{
				{Fault: lost, Verdict: report.Passed}, {Fault: rst, Verdict: report.Passed},
			}},
			{Case: of("idle", ""), Standing: prove.Unconcerned},
			{Case: of("broken", ""), Standing: prove.Unfit, Message: "f.star:4: undefined: foo\n    > foo"},
			{Case: of("new", ""), Standing: prove.Skipped, Message: "needs Linux >=99"},
		},
		Summary: report.Summary{
			Passed: 8, Failed: 2, Errors: 2, Skipped: 1, Duration: 1500 * time.Millisecond, KernelWarnings: 1, Audit: []string{"open file left: x (1)"},
		},
	}
}

func TestTerminal(t *testing.T) {
	for name, style := range map[string]report.Style{
		"plain":  {},
		"matrix": {Verbose: true, Timelines: true},
		"live":   {Live: true, Width: func() int { return 60 }},
	} {
		t.Run(name, func(t *testing.T) {
			r := everything(t)
			var out bytes.Buffer
			terminal := prove.NewTerminal(&out, "backend fake: nothing, 1 jobs, seed 1", style)
			terminal.Start(len(r.Proofs), len(r.Faults))
			for _, p := range r.Proofs {
				terminal.Running(p.Case, nil)
				for _, x := range p.Trials {
					terminal.Running(p.Case, x.Fault)
				}
				terminal.Done(p)
			}
			terminal.Finish(r)
			golden(t, name, out.Bytes())
		})
	}
}

func TestMarkdown(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, everything(t).WriteMarkdown(&out))
	golden(t, "markdown", out.Bytes())
}
