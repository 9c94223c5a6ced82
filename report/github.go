package report

import (
	"io"
	"path/filepath"
	"strings"
)

// GitHub marks failures at their lines in scripts, with the workflow commands of GitHub Actions
// (https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
type GitHub struct {
	ignored
	output
	root string
}

// NewGitHub returns a reporter that writes to w. The root is the folder of the repository, $GITHUB_WORKSPACE: a script that
// is named by its absolute path is marked as a file of it. It may be empty.
func NewGitHub(w io.Writer, root string) *GitHub {
	return &GitHub{output: newOutput("annotations", w), root: root}
}

// CaseDone marks a case that failed or erred, or during which the kernel warned.
func (g *GitHub) CaseDone(r Result) {
	p := r.Position()
	file := p.File
	if in, err := filepath.Rel(g.root, file); err == nil && filepath.IsAbs(file) && filepath.IsLocal(in) {
		file = filepath.ToSlash(in)
	}
	at := "file=" + property(file)
	if r.Verdict == Failed || r.Verdict == Error {
		g.printf("::error %s,line=%d,title=%s::%s\n", at, p.Line, property(r.Case.ID), data(r.Message))
	}
	for _, warning := range r.Kernel {
		g.printf("::warning %s,line=%d,title=%s::%s\n", at, p.Line, property("kernel log: "+r.Case.ID), data(warning))
	}
	g.flush()
}

// Finish marks what the run left behind.
func (g *GitHub) Finish(s Summary) {
	for _, left := range s.Audit {
		g.printf("::error title=audit::%s\n", data(left))
	}
	g.flush()
}

var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func data(text string) string     { return dataEscapes.Replace(printable(strings.TrimRight(text, "\n"))) }
func property(text string) string { return propertyEscapes.Replace(printable(text)) }
