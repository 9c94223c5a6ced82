package export_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/export"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

var update = flag.Bool("update", false, "write the golden files anew")

func model(t *testing.T) lab.Backend {
	t.Helper()
	b, err := emulator.New(emulator.Options{Kernel: emulator.DefaultKernel})
	require.NoError(t, err)
	return b
}

// load loads the cases of scripts.
func load(t *testing.T, path string) []runner.Case {
	t.Helper()
	cases, err := starlark.Load(t.Context(), []string{path}, starlark.Options{Features: model(t).Features()})
	require.NoError(t, err)
	return cases
}

// exported is a case as a script, and what was said of it.
func exported(t *testing.T, c runner.Case) (string, report.Result) {
	t.Helper()
	var (
		r export.Recorder
		o observer
		b bytes.Buffer
	)
	runner.Run(t.Context(), r.Wrap(model(t)), []runner.Case{c}, runner.Config{Jobs: 1, Seed: 1}, &o)
	require.NoError(t, r.Write(&b, export.Head{Case: c.ID, Title: c.Title, Machine: "a model", Verdict: string(o.Verdict)}))
	return b.String(), o.Result
}

type observer struct{ report.Result }

func (*observer) Start(int)                  {}
func (*observer) CaseStarted(report.Case)    {}
func (*observer) CasePostponed(report.Case)  {}
func (o *observer) CaseDone(r report.Result) { o.Result = r }
func (*observer) Finish(report.Summary)      {}

// parses sees that a shell can read a script.
func parses(t *testing.T, script string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-n")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestGolden(t *testing.T) {
	for _, c := range load(t, filepath.Join("testdata", "join.star")) {
		_, name, _ := strings.Cut(c.ID, "::")
		t.Run(name, func(t *testing.T) {
			got, result := exported(t, c)
			require.Equal(t, report.Passed, result.Verdict, result.Message)
			parses(t, got)
			if name != "test_join" {
				return
			}
			path := filepath.Join("testdata", "join.sh")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// TestLibrary sees that every case of the library becomes a script that a shell can read.
func TestLibrary(t *testing.T) {
	cases := load(t, filepath.Join("..", "scenarios"))
	if testing.Short() {
		sample := cases[:0]
		for i, c := range cases {
			if i%40 == 0 {
				sample = append(sample, c)
			}
		}
		cases = sample
	}
	o := writer{t: t}
	runner.Run(t.Context(), o.Wrap(model(t)), cases, runner.Config{Jobs: 1, Seed: 1}, &o)
	require.GreaterOrEqual(t, o.written, len(cases))
	parses(t, o.scripts.String())
}

// writer observes a run, one case at a time, and writes the script of each.
type writer struct {
	observer
	export.Recorder
	t       *testing.T
	scripts bytes.Buffer
	written int
}

func (w *writer) CaseDone(r report.Result) {
	require.NotEqual(w.t, report.Error, r.Verdict, "%s: %s", r.Case.ID, r.Message)
	w.written++
	require.NoError(w.t, w.Write(&w.scripts, export.Head{Case: r.Case.ID, Title: r.Case.Title}))
	if w.scripts.Len() > 1<<20 {
		parses(w.t, w.scripts.String())
		w.scripts.Reset()
	}
}

// TestSkippedIsSaid sees that what cannot be exported is marked at its place, and counted.
func TestSkippedIsSaid(t *testing.T) {
	for _, c := range load(t, filepath.Join("testdata", "join.star")) {
		if !strings.HasSuffix(c.ID, "test_no_room") {
			continue
		}
		script, _ := exported(t, c)
		require.Contains(t, script, "# Not exported: 2 actions")
		require.Regexp(t, `(?m)^# link .* impair\(delay = "5ms"\)\n# not exported: how link .* treats what client sends$`, script)
		return
	}
	t.Fatal("no such case")
}

// TestTextIsNoCommand gives names and texts that a shell would carry out.
func TestTextIsNoCommand(t *testing.T) {
	trap := filepath.Join(t.TempDir(), "trap")
	evil := "x'; touch " + trap + "; $(touch " + trap + ") `touch " + trap + "`\ntouch " + trap + "\r"
	ctx := context.Background()
	var r export.Recorder
	l, err := r.Wrap(model(t)).Open(ctx, lab.Options{Seed: 1})
	require.NoError(t, err)
	h, err := l.Host(ctx, evil, lab.HostOptions{})
	require.NoError(t, err)
	other, err := l.Host(ctx, "x", lab.HostOptions{})
	require.NoError(t, err)
	_, err = l.Link(ctx, lab.End{Node: h, Interface: "a;$(x)`y`'"}, lab.End{Node: other}, lab.LinkOptions{})
	require.NoError(t, err)
	l.Note(lab.KindStep, "", evil)
	l.Note(lab.KindCheck, "", evil)
	l.Note(lab.KindAction, evil, evil)
	require.NoError(t, l.Close())
	var b bytes.Buffer
	require.NoError(t, r.Write(&b, export.Head{Case: evil, Title: evil, Machine: evil, Verdict: evil}))
	parses(t, b.String())

	// With every program replaced, all that can run is the shell's own.
	empty := t.TempDir()
	for _, program := range []string{"ip", "ss", "nstat", "sysctl", "python3", "cat", "mktemp", "sleep", "rm", "grep"} {
		text := "#!/bin/sh\n[ " + program + " != mktemp ] || echo " + empty + "\n[ " + program + " != ip ] || echo state UP\n"
		require.NoError(t, os.WriteFile(filepath.Join(empty, program), []byte(text), 0o755))
	}
	touch, err := exec.LookPath("touch")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(touch, filepath.Join(empty, "touch")))
	cmd := exec.CommandContext(ctx, "/bin/sh")
	cmd.Env = []string{"PATH=" + empty}
	cmd.Stdin = &b
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "== x'; touch")
	require.NoFileExists(t, trap)
}
