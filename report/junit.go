package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// JUnit writes a run as JUnit XML, in the form that Jenkins states in a schema (junit-10.xsd of its xUnit plugin) and that
// other servers read as well: a suite for each script. It is written at the end of the run.
type JUnit struct {
	ignored
	to      io.Writer
	suites  []*junitSuite
	of      map[string]*junitSuite
	began   time.Time
	now     func() time.Time
	failure error
}

type junitSuites struct {
	XMLName  xml.Name      `xml:"testsuites"`
	Name     string        `xml:"name,attr"`
	Time     string        `xml:"time,attr"`
	Tests    int           `xml:"tests,attr"`
	Failures int           `xml:"failures,attr"`
	Errors   int           `xml:"errors,attr"`
	Suites   []*junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	Err        string          `xml:"system-err,omitempty"`

	duration time.Duration
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string       `xml:"name,attr"`
	Classname string       `xml:"classname,attr"`
	Time      string       `xml:"time,attr"`
	Skipped   *junitReason `xml:"skipped"`
	Error     *junitReason `xml:"error"`
	Failure   *junitReason `xml:"failure"`
	Out       string       `xml:"system-out,omitempty"`
	Err       string       `xml:"system-err,omitempty"`
}

type junitReason struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// NewJUnit returns a reporter that writes to w.
func NewJUnit(w io.Writer) *JUnit {
	return &JUnit{to: w, of: map[string]*junitSuite{}, now: time.Now}
}

// Start remembers when the run began.
func (j *JUnit) Start(int) { j.began = j.now() }

// CaseDone adds the case to the suite of its script.
func (j *JUnit) CaseDone(r Result) {
	name := r.Case.Script()
	s := j.of[name]
	if s == nil {
		s = &junitSuite{Name: name, Timestamp: j.began.UTC().Format("2006-01-02T15:04:05")}
		j.of[name] = s
		j.suites = append(j.suites, s)
	}
	c := junitCase{
		Name: r.Case.Name(), Classname: classname(name), Time: junitTime(r.Duration),
		Out: lines(r.Output), Err: lines(r.Kernel),
	}
	reason := &junitReason{Message: firstLine(r.Message), Text: junitText(r)}
	switch r.Verdict {
	case Failed:
		reason.Type, c.Failure = "check", reason
		s.Failures++
	case Error:
		reason.Type, c.Error = "error", reason
		s.Errors++
	case Skipped:
		c.Skipped = &junitReason{Message: printable(strings.TrimSpace(r.Message))}
		s.Skipped++
	}
	s.Tests++
	s.duration += r.Duration
	s.Cases = append(s.Cases, c)
}

// Finish writes the file.
func (j *JUnit) Finish(s Summary) {
	all := junitSuites{Name: "mptcp-lab", Time: junitTime(s.Duration), Failures: s.Failed, Errors: s.Errors, Suites: j.suites}
	for _, suite := range j.suites {
		all.Tests += suite.Tests
		suite.Time = junitTime(suite.duration)
		suite.Properties = []junitProperty{
			{"backend", s.Backend}, {"machine", s.Machine}, {"seed", fmt.Sprint(s.Seed)},
		}
	}
	if n := len(j.suites); n > 0 { // there is no place for what concerns the whole run
		j.suites[n-1].Err = lines(prefixed("audit: ", s.Audit))
	}
	b, err := xml.MarshalIndent(all, "", " ")
	if err == nil {
		_, err = fmt.Fprintf(j.to, "%s%s\n", xml.Header, b)
	}
	if err != nil {
		j.failure = fmt.Errorf("write JUnit XML: %w", err)
	}
}

// Err implements [Writer].
func (j *JUnit) Err() error { return j.failure }

// junitText is all that is known of a failure.
func junitText(r Result) string {
	var b strings.Builder
	p := r.Position()
	fmt.Fprintf(&b, "%s:%d\n%s\n", p.File, p.Line, printable(strings.TrimRight(r.Message, "\n")))
	section(&b, "timeline", timeline(r.Timeline))
	fmt.Fprintf(&b, "again: %s\n", r.Again())
	return b.String()
}

// classname is a script as servers group cases: at dots, into packages and classes.
func classname(script string) string {
	return strings.ReplaceAll(strings.Trim(strings.TrimSuffix(script, ".star"), "./"), "/", ".")
}

func junitTime(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func lines(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return printable(strings.Join(list, "\n")) + "\n"
}
