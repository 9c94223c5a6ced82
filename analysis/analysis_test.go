package analysis_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// open analyses scripts, by their names; the first one is returned.
func open(t *testing.T, scripts ...string) *analysis.Module {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(scripts); i += 2 {
		name := filepath.Join(dir, scripts[i])
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(scripts[i+1]), 0o600))
	}
	p, err := analysis.Open("", nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p.Module(filepath.Join(dir, scripts[0]))
}

func TestTypeOf(t *testing.T) {
	const module = `
def pair(lab):
    a, b = lab.host("a"), lab.host("b")
    return a, b

def either(lab, which):
    if which:
        return lab.host("a")
    return None

def links(lab, n):
    a, b = pair(lab)
    return [lab.link(a, b) for _ in range(n)]

def again(n):
    return again(n)

NAMES = ["a", "b"]
`
	for expression, want := range map[string]string{
		`lab`:                                    "lab",
		`lab.host("x")`:                          "host",
		`pair(lab)`:                              "tuple[host, host]",
		`pair(lab)[1].mptcp.endpoint`:            "host.mptcp.endpoint",
		`client.mptcp.endpoint.add`:              "builtin_function_or_method",
		`server.addresses`:                       "list[string]",
		`server.addresses[0]`:                    "string",
		`either(lab, 1)`:                         "?",
		`links(lab, 2)`:                          "list[link]",
		`links(lab, 2)[0].packets(option = "x")`: "list[packet]",
		`links(lab, 2)[1:]`:                      "list[link]",
		`conn.client.subflows`:                   "list[subflow]",
		`lab.connect(client, server).client`:     "socket",
		`server.conns`:                           "list[view]",
		`client.mptcp.endpoint.change(id = 1)`:   "endpoint",
		`client.mptcp.endpoint.show()`:           "?",
		`again(1)`:                               "?",
		`unknown`:                                "?",
		`len(NAMES)`:                             "int",
		`NAMES`:                                  "list[string]",
		`sorted(NAMES)[0]`:                       "string",
		`[h for h in lab.hosts]`:                 "list[host]",
		`[n for n, h in enumerate(lab.hosts)]`:   "list[int]",
		`[h for n, h in enumerate(lab.hosts)]`:   "list[host]",
		`len(NAMES) == 2`:                        "bool",
		`"%d" % 1`:                               "string",
		`"a" if client else "b"`:                 "string",
		`"a" if client else 1`:                   "?",
		`lambda: 1`:                              "function",
		`changed`:                                "?",
		`{}`:                                     "dict",
		`pair`:                                   "function",
		`check`:                                  "check",
		`option("ADD_ADDR")`:                     "option",
	} {
		t.Run(expression, func(t *testing.T) {
			m := open(t, "x.star", `load("lib/m.star", "pair", "either", "links", "again", "NAMES")
def test_x(lab):
    client, server = pair(lab)
    conn = lab.connect(client, server)
    changed = client
    changed = 1
    _ = `+expression+"\n", "lib/m.star", module)
			var found analysis.Type
			syntax.Walk(m.File, func(n syntax.Node) bool {
				if a, ok := n.(*syntax.AssignStmt); ok {
					found = m.TypeOf(a.RHS)
				}
				return true
			})
			require.Equal(t, want, found.String())
		})
	}
}

// TestReturnsAreUnderstood sees to it that what the tables say a function returns is understood, or known to say little.
func TestReturnsAreUnderstood(t *testing.T) {
	vague := map[string]bool{
		"what the condition returned": true, "endpoint, or list of endpoints": true, "each": true, "struct": true,
		"int, string, info, list of tcp infos, list of (local, remote), or full info": true,
	}
	language := analysis.NewLanguage()
	for _, b := range lang.Reference() {
		if b.Signature == "" || vague[b.Returns] {
			continue
		}
		require.True(t, language.Returned(b.Returns).Known(), "%s returns %q", b.Name, b.Returns)
	}
}

func TestSignature(t *testing.T) {
	m := open(t, "x.star", "def f(a, b = [1], *, c, **d):\n    pass\n\nf()\nlab = 1\n")
	call := m.File.Stmts[1].(*syntax.ExprStmt).X.(*syntax.CallExpr)
	s := m.TypeOf(call.Fn).Signature()
	require.Equal(t, "f(a, b = [1], *, c, **d)", s.Usage)
	require.Equal(t, []string{"a", "b", "c"}, s.Names())
	require.True(t, s.Named)
	c, ok := s.Param("c")
	require.True(t, ok)
	require.True(t, c.Required && c.NamedOnly)
}

func ExampleModule_TypeOf() {
	p, err := analysis.Open("", nil)
	if err != nil {
		fmt.Println(err)
	}
	defer p.Close()
	m := p.Module("../scenarios/lib/topology.star")
	f := m.Global("cabled")
	syntax.Walk(m.File, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			if id, ok := call.Fn.(*syntax.Ident); ok && analysis.Made(id) == f {
				fmt.Println(m.TypeOf(call))
			}
		}
		return true
	})
	// Output: tuple[host, host, list[link]]
}
