package report

import (
	"io"
	"strings"
)

// KTAP writes a run as the kernel's test protocol, KTAP version 1 (Documentation/dev-tools/ktap.rst): a test for each
// script, and in it a test for each of its cases. A script is written when the last of its cases has ended, so that cases
// of several scripts may run at once.
type KTAP struct {
	ignored
	output

	scripts []*ktapScript // in the order in which they were first named
	of      map[string]*ktapScript
	written int // scripts
}

// ktapScript is a test with its subtests.
type ktapScript struct {
	name    string
	planned []string            // names of cases; nil when it is written
	left    int                 // cases that have not ended
	results map[string][]Result // by name
}

// NewKTAP returns a reporter that writes to w. The cases are those to be run, each as often as it is.
func NewKTAP(w io.Writer, cases []Case) *KTAP {
	k := &KTAP{output: newOutput("KTAP", w), of: map[string]*ktapScript{}}
	for _, c := range cases {
		s := k.of[c.Script()]
		if s == nil {
			s = &ktapScript{name: c.Script(), results: map[string][]Result{}}
			k.of[s.name] = s
			k.scripts = append(k.scripts, s)
		}
		s.planned = append(s.planned, c.Name())
		s.left++
	}
	return k
}

// Start writes the version and the plan.
func (k *KTAP) Start(int) {
	k.printf("KTAP version 1\n1..%d\n", len(k.scripts))
	k.flush()
}

// CaseDone writes the script of the case, if it was its last one.
func (k *KTAP) CaseDone(r Result) {
	s := k.of[r.Case.Script()]
	if s == nil || s.left == 0 {
		return // it was not planned
	}
	name := r.Case.Name()
	s.results[name] = append(s.results[name], r)
	if s.left--; s.left == 0 {
		k.script(s)
		k.flush()
	}
}

// Finish writes the scripts of which some cases were not run, what is to be said of the run as a whole, and the totals as
// kselftest does.
func (k *KTAP) Finish(s Summary) {
	for _, script := range k.scripts {
		if script.planned != nil {
			k.script(script)
		}
	}
	for _, list := range [][]string{prefixed("audit: ", s.Audit), prefixed("measured: ", s.Measured), prefixed("note: ", s.Notes)} {
		k.diagnostics("", "", list)
	}
	k.printf("# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:%d error:%d\n", s.Passed, s.Failed, s.Skipped, s.Errors+s.NotRun)
	k.flush()
}

// script writes a test with its subtests in the order of the plan, and forgets them.
func (k *KTAP) script(s *ktapScript) {
	name := ktapName(s.name)
	k.printf("  KTAP version 1\n  # Subtest: %s\n  1..%d\n", name, len(s.planned))
	ok, skipped := true, 0
	for i, planned := range s.planned {
		of := s.results[planned]
		if len(of) == 0 {
			ok = false
			k.printf("  not ok %d %s # ERROR not run\n", i+1, ktapName(planned))
			continue
		}
		r := of[0]
		s.results[planned] = of[1:]
		ok = ok && (r.Verdict == Passed || r.Verdict == Skipped)
		if r.Verdict == Skipped {
			skipped++
		}
		k.result(i+1, r)
	}
	k.written++
	switch {
	case !ok:
		k.printf("not ok %d %s\n", k.written, name)
	case skipped == len(s.planned):
		k.printf("ok %d %s # SKIP every case was skipped\n", k.written, name)
	default:
		k.printf("ok %d %s\n", k.written, name)
	}
	s.planned, s.results = nil, nil
}

// result writes a subtest, with what is known of it in front.
func (k *KTAP) result(n int, r Result) {
	const indent = "  "
	name := ktapName(r.Case.Name())
	if r.Verdict == Failed || r.Verdict == Error {
		k.diagnostics(indent, name+": ", strings.Split(strings.TrimRight(r.Message, "\n"), "\n"))
		k.diagnostics(indent, "  ", headed("output", r.Output))
		k.diagnostics(indent, "  ", headed("timeline", timeline(r.Timeline)))
	}
	k.diagnostics(indent, "  ", headed("kernel log", r.Kernel))
	switch r.Verdict {
	case Passed:
		k.printf("  ok %d %s\n", n, name)
	case Skipped:
		k.printf("  ok %d %s # SKIP %s\n", n, name, firstLine(r.Message))
	case Failed:
		k.printf("  not ok %d %s\n", n, name)
	default:
		k.printf("  not ok %d %s # ERROR %s\n", n, name, firstLine(r.Message))
	}
}

// diagnostics writes lines that say more; those after the first of each text are indented.
func (k *KTAP) diagnostics(indent, prefix string, texts []string) {
	for _, text := range texts {
		for line := range strings.SplitSeq(printable(strings.TrimRight(text, "\n")), "\n") {
			k.printf("%s\n", strings.TrimRight(indent+"# "+prefix+line, " "))
		}
	}
}

// ktapName is a name as a result line may have it: the number sign ends it there.
func ktapName(name string) string { return printable(strings.ReplaceAll(name, "#", "%23")) }

func prefixed(prefix string, list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, prefix+s)
	}
	return out
}

// headed is a list under its title, or nothing.
func headed(title string, list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return append([]string{title + ":"}, prefixed("  ", list)...)
}
