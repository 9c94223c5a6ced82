package starlark_test

import (
	"flag"
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

var update = flag.Bool("update", false, "write the golden files of testdata/wrong anew")

// ephemeral are the ports, tokens, keys and sequence numbers that the kernel picks, which differ from run to run.
var ephemeral = regexp.MustCompile(`(:)[3-6]\d{4}\b|(token )[0-9a-f]{8}\b|(0x)[0-9a-f]{16}\b|(seq )\d+(?::\d+)?|(ack )\d+`)

// TestWrongScripts holds what each wrong script says against a golden file: one clear error, with its position, and never
// a stack trace of Go.
func TestWrongScripts(t *testing.T) {
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	backend, err := kernel.Open(t.Context())
	require.NoError(t, err)
	scripts, err := filepath.Glob("testdata/wrong/*.star")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(scripts), 40)

	said := &verdicts{}
	var cases []runner.Case
	messages := map[string]string{}
	for _, script := range scripts {
		loaded, err := starlark.Load(t.Context(), []string{script}, starlark.Options{})
		if err != nil {
			messages[script] = "cannot be loaded:\n" + err.Error() + "\n"
			continue
		}
		cases = append(cases, loaded...)
	}
	summary := runner.Run(t.Context(), backend, cases, runner.Config{Timeout: time.Minute}, said)
	require.Empty(t, summary.Audit)
	for _, r := range said.results {
		messages[r.Case.File] = string(r.Verdict) + ":\n" + strings.TrimRight(r.Message, "\n") + "\n"
	}

	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".star"), func(t *testing.T) {
			message := ephemeral.ReplaceAllString(messages[script], "${1}${2}${3}${4}${5}EPHEMERAL")
			require.NotEmpty(t, message)
			require.NotContains(t, message, "goroutine ")
			golden := strings.TrimSuffix(script, ".star") + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(message), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), message)
		})
	}
}

// verdicts collects the results of a run.
type verdicts struct{ results []report.Result }

func (*verdicts) Start(int)                  {}
func (*verdicts) CaseStarted(report.Case)    {}
func (*verdicts) CasePostponed(report.Case)  {}
func (v *verdicts) CaseDone(r report.Result) { v.results = append(v.results, r) }
func (*verdicts) Finish(report.Summary)      {}
