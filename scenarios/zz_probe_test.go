//go:build linux

package scenarios_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

type col struct{ r []report.Result }

func (*col) Start(int)                  {}
func (*col) CaseStarted(report.Case)    {}
func (c *col) CaseDone(r report.Result) { c.r = append(c.r, r) }
func (*col) Finish(report.Summary)      {}

func TestProbe(t *testing.T) {
	b, err := kernel.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	faults := map[string]fault{
		"none": {}, "unset": {manager: limitsAs(unset)}, "less": {manager: limitsAs(less)}, "more": {manager: limitsAs(more)},
		"leftout": {manager: newLeftOut},
		"signal": {manager: without(pm.FlagSignal)}, "subflow": {manager: without(pm.FlagSubflow)},
		"backup": {manager: without(pm.FlagBackup)}, "fullmesh": {manager: without(pm.FlagFullmesh)},
		"add": {lost: addAddr}, "echo": {lost: echo}, "join": {lost: joinSYN}, "rm": {lost: rmAddr}, "prio": {lost: mpPrio},
	}
	cases, err := starlark.Load(t.Context(), []string{"regression", "features", "lessons"}, starlark.Options{Features: b.Features()})
	if err != nil {
		t.Fatal(err)
	}
	var all []runner.Case
	if os.Getenv("FIRST") != "" {
		seen := map[string]bool{}
		var some []runner.Case
		for _, c := range cases {
			id, _, _ := strings.Cut(c.ID, "[")
			if !seen[id] {
				seen[id] = true
				some = append(some, c)
			}
		}
		cases = some
	}
	for n, f := range faults {
		if want := os.Getenv("FAULT"); want != "" && want != n {
			continue
		}
		for _, c := range cases {
			d := c
			d.ID = n + " " + c.ID
			d.Run = func(ctx context.Context, l lab.Lab) runner.Outcome { return c.Run(ctx, faultyLab{l, f}) }
			all = append(all, d)
		}
	}
	start := time.Now()
	o := &col{}
	s := runner.Run(t.Context(), b, all, runner.Config{Jobs: 64, Timeout: time.Minute}, o)
	fmt.Println(len(cases), len(all), time.Since(start), s.Audit)
	counts := map[string]int{}
	out, _ := os.Create("/tmp/ff/out.txt")
	for _, r := range o.r {
		n, _, _ := strings.Cut(r.Case.ID, " ")
		counts[n+" "+string(r.Verdict)]++
		if r.Verdict != report.Passed {
			fmt.Fprintln(out, "=====", r.Case.ID, r.Verdict, r.Duration)
			fmt.Fprintln(out, r.Message)
			for _, e := range r.Timeline {
				fmt.Fprintln(out, "    ", e)
			}
		}
	}
	fmt.Println(counts)
}
