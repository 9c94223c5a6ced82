package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// TestTutorialScripts runs the scripts of the tutorial. Those named *_fails.star must fail, with the words that the tutorial
// shows.
func TestTutorialScripts(t *testing.T) {
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	tutorial := read(t, "tutorial.md")
	backend, err := kernel.Open(t.Context())
	require.NoError(t, err)
	cases, err := starlark.Load(t.Context(), []string{"tutorial"}, starlark.Options{Features: backend.Features()})
	require.NoError(t, err)
	require.NotEmpty(t, cases)

	said := &verdicts{}
	summary := runner.Run(t.Context(), backend, cases, runner.Config{Timeout: time.Minute}, said)
	require.Empty(t, summary.Audit)
	require.Len(t, said.results, len(cases))

	for _, r := range said.results {
		t.Run(r.Case.ID, func(t *testing.T) {
			if !strings.HasSuffix(r.Case.File, "_fails.star") {
				require.Contains(t, []report.Verdict{report.Passed, report.Skipped}, r.Verdict, r.Message)
				return
			}
			require.Equal(t, report.Failed, r.Verdict, r.Message)
			for line := range strings.Lines(r.Message) {
				require.Contains(t, tutorial, strings.TrimPrefix(strings.TrimSpace(line), "tutorial/"))
			}
		})
	}
}

// TestTutorialShowsItsScripts holds every block of Python in the tutorial against the scripts that are run.
func TestTutorialShowsItsScripts(t *testing.T) {
	tutorial := read(t, "tutorial.md")
	files, err := filepath.Glob("tutorial/*.star")
	require.NoError(t, err)
	require.NotEmpty(t, files)

	var scripts []string
	for _, file := range files {
		require.Contains(t, tutorial, filepath.Base(file), "the tutorial does not mention this script")
		scripts = append(scripts, read(t, file))
	}
	blocks := regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(tutorial, -1)
	require.NotEmpty(t, blocks)
	all := strings.Join(scripts, "\x00")
	for _, block := range blocks {
		require.Contains(t, all, block[1], "no script of docs/tutorial has this block")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// verdicts collects the results of a run.
type verdicts struct{ results []report.Result }

func (*verdicts) Start(int)                  {}
func (*verdicts) CaseStarted(report.Case)    {}
func (*verdicts) CasePostponed(report.Case)  {}
func (v *verdicts) CaseDone(r report.Result) { v.results = append(v.results, r) }
func (*verdicts) Finish(report.Summary)      {}
