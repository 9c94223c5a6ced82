package docs_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// mistake is a script of docs/mistakes, with what is wrong and how it is mended.
type mistake struct {
	script, title, about string
	wrong, right         string // text of the script, and what mends it
	rule                 string // that the report names
}

var mistakes = []mistake{
	{
		"limits_swapped", "Limits swapped",
		"The server is to announce its second address and the client to accept it, but the limit of accepted addresses stands at the host that announces.",
		"    client.mptcp.limits.set(subflows = 1)\n    server.mptcp.limits.set(subflows = 1, add_addr_accepted = 1)\n",
		"    client.mptcp.limits.set(subflows = 1, add_addr_accepted = 1)\n    server.mptcp.limits.set(subflows = 1)\n",
		"add_addr_accepted",
	},
	{
		"wrong_port", "Wrong port",
		"The server listens on port 8080, and its path manager announces 8008.",
		"port = 8008", "port = 8080",
		"listener",
	},
	{
		"wrong_side", "Endpoint on the wrong side",
		"The endpoint is one of the server, where it makes the server connect to the client.",
		"server.mptcp.endpoint.add(server.address(1), subflow = True)", "client.mptcp.endpoint.add(client.address(1), subflow = True)",
		"side",
	},
	{
		"missing_route", "Missing route",
		"Nobody has told the hosts how to reach each other over the routers.",
		"    lab.link(far, server)\n", "    lab.link(far, server)\n    lab.route_all()\n",
		"route",
	},
	{
		"c_flag", "The C flag",
		"The server wants no joins to the address of the initial subflow, and announces no other.",
		"    client.mptcp.endpoint.add(client.address(1), subflow = True)\n", "    server.mptcp.endpoint.add(server.address(1), signal = True)\n",
		"c_flag",
	},
}

const mistakesHead = `# Five mistakes, and what the report says

Each of these scripts is wrong in a way that is easy to overlook: everything that it does is allowed, and the second subflow does not come.
A ` + "`check.subflows`" + ` or ` + "`lab.wait`" + ` that wanted more subflows than there are says why: the first broken link of the chain that leads from an endpoint to an
established subflow, with what was observed and a remedy. ` + "`conn.why()`" + ` asks for the same anywhere in a script, ` + "`mptcp-lab explain`" + ` tells it of every case,
and ` + "`mptcp-lab watch`" + ` of the connections of a real host.

The reports are those of modelled hosts (` + "`--backend emulator`" + `); real ones differ in times, ports, tokens and keys. The timeline that
follows in each is left out here. This page is written by ` + "`go test ./docs -run Mistakes -update`" + `.
`

// TestMistakes runs the scripts, holds the page against their reports, and sees that what mends them does.
func TestMistakes(t *testing.T) {
	page := bytes.NewBufferString(mistakesHead)
	for _, m := range mistakes {
		script := read(t, "mistakes/"+m.script+".star")
		wrong := runMistake(t, m.script, script)
		require.Equal(t, report.Failed, wrong.Verdict, wrong.Message)
		require.Contains(t, wrong.Message, "rule: "+m.rule+" (")
		require.Contains(t, script, m.wrong)
		right := runMistake(t, m.script, strings.Replace(script, m.wrong, m.right, 1))
		require.Equal(t, report.Passed, right.Verdict, right.Message)

		var said bytes.Buffer
		wrong.Timeline, wrong.Duration = nil, 0
		terminal := report.NewTerminal(&said, "", report.Style{})
		terminal.CaseDone(wrong)
		fmt.Fprintf(page, "\n## %s\n\n%s [%s.star](mistakes/%s.star):\n\n```python\n%s```\n\n```console\n$ mptcp-lab run --backend emulator %s.star\n%s```\n\nIt is mended by\n\n```python\n%s\n```\n",
			m.title, m.about, m.script, m.script, script, m.script, said.String(), strings.TrimSpace(strings.ReplaceAll("\n"+m.right, "\n    ", "\n")))
	}
	if *update {
		require.NoError(t, os.WriteFile("mistakes.md", page.Bytes(), 0o644))
	}
	require.Equal(t, page.String(), read(t, "mistakes.md"), "mistakes.md is stale: go test ./docs -run Mistakes -update")
	files, err := filepath.Glob("mistakes/*.star")
	require.NoError(t, err)
	require.Len(t, files, len(mistakes))
}

// runMistake runs the one case of a script, in a folder where its path, which decides on the seed, is always the same.
func runMistake(t *testing.T, name, script string) (r report.Result) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Chdir(t.TempDir())
		require.NoError(t, os.WriteFile(name+".star", []byte(script), 0o600))
		b, err := emulator.New(emulator.Options{})
		require.NoError(t, err)
		cases, err := starlark.Load(t.Context(), []string{name + ".star"}, starlark.Options{Features: b.Features()})
		require.NoError(t, err)
		said := &verdicts{}
		runner.Run(t.Context(), b, cases, runner.Config{Jobs: 1, Timeout: time.Minute, Seed: 1, Flags: " --backend emulator"}, said)
		require.Len(t, said.results, 1)
		r = said.results[0]
	})
	return r
}
