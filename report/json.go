package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// JSONVersion is the version of the lines that [JSON] writes. It changes when a field changes its meaning or goes away, not
// when one is added.
const JSONVersion = 1

// JSON writes a line of JSON for each event of a run, at once. docs/reports.md says what each field means.
type JSON struct {
	output
	run RunInfo
	enc *json.Encoder
}

// RunInfo is what is known of a run before it starts.
type RunInfo struct {
	Backend string
	Machine string
	Jobs    int
	Seed    uint64

	Timelines bool // those of cases that passed are wanted, too
}

// Line is one line of a run's JSON: an event with what belongs to it.
type Line struct {
	Event string     `json:"event"` // one of the Event constants
	Run   *LineRun   `json:"run,omitempty"`
	Case  *LineCase  `json:"case,omitempty"`
	Done  *LineDone  `json:"result,omitempty"`
	Ended *LineEnded `json:"summary,omitempty"`
}

// The events.
const (
	EventRunStarted    = "run_started"
	EventCaseStarted   = "case_started"
	EventCasePostponed = "case_postponed"
	EventCaseDone      = "case_done"
	EventRunEnded      = "run_ended"
)

// LineRun is what run_started tells.
type LineRun struct {
	Version int    `json:"version"`
	Cases   int    `json:"cases"`
	Backend string `json:"backend"`
	Machine string `json:"machine"`
	Jobs    int    `json:"jobs"`
	Seed    uint64 `json:"seed"`
}

// LineCase says of which case an event is.
type LineCase struct {
	ID    string `json:"id"`
	File  string `json:"file"`
	Line  int    `json:"line"`
	Title string `json:"title"`
}

// LineDone is what case_done tells.
type LineDone struct {
	Verdict  Verdict      `json:"verdict"`
	Message  string       `json:"message"`
	Position LinePosition `json:"position"`
	Duration float64      `json:"duration_ms"`
	Checks   int          `json:"checks"`
	Seed     uint64       `json:"seed"`
	Output   []string     `json:"output"`
	Timeline []LineEntry  `json:"timeline"`
	Kernel   []string     `json:"kernel"`
}

// LinePosition is where a case failed.
type LinePosition struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// LineEntry is one entry of a timeline.
type LineEntry struct {
	Time float64       `json:"time_ms"`
	Host string        `json:"host"`
	Kind lab.EntryKind `json:"kind"`
	Text string        `json:"text"`
}

// LineEnded is what run_ended tells.
type LineEnded struct {
	Passed         int      `json:"passed"`
	Failed         int      `json:"failed"`
	Errors         int      `json:"errors"`
	Skipped        int      `json:"skipped"`
	NotRun         int      `json:"not_run"`
	Duration       float64  `json:"duration_ms"`
	Interrupted    bool     `json:"interrupted"`
	Audit          []string `json:"audit"`
	KernelWarnings int      `json:"kernel_warnings"`
	Measured       []string `json:"measured"`
	Notes          []string `json:"notes"`
	Trace          string   `json:"trace_digest,omitempty"`
}

// NewJSON returns a reporter that writes to w.
func NewJSON(w io.Writer, run RunInfo) *JSON {
	j := &JSON{output: newOutput("JSON", w), run: run}
	j.enc = json.NewEncoder(j.to)
	j.enc.SetEscapeHTML(false)
	return j
}

func (j *JSON) line(l Line) {
	j.keep(0, j.enc.Encode(l))
	j.flush()
}

// Start implements [Reporter].
func (j *JSON) Start(n int) {
	j.line(Line{Event: EventRunStarted, Run: &LineRun{
		Version: JSONVersion, Cases: n,
		Backend: j.run.Backend, Machine: j.run.Machine, Jobs: j.run.Jobs, Seed: j.run.Seed,
	}})
}

// CaseStarted implements [Reporter].
func (j *JSON) CaseStarted(c Case) { j.line(Line{Event: EventCaseStarted, Case: lineCase(c)}) }

// CasePostponed implements [Reporter].
func (j *JSON) CasePostponed(c Case) { j.line(Line{Event: EventCasePostponed, Case: lineCase(c)}) }

// CaseDone implements [Reporter].
func (j *JSON) CaseDone(r Result) {
	done := &LineDone{
		Verdict: r.Verdict, Message: r.Message, Position: LinePosition(r.Position()), Duration: milliseconds(r.Duration),
		Checks: r.Checks, Seed: r.Seed, Output: list(r.Output), Timeline: []LineEntry{}, Kernel: list(r.Kernel),
	}
	if r.Verdict != Passed || j.run.Timelines {
		for _, e := range r.Timeline {
			done.Timeline = append(done.Timeline, LineEntry{Time: milliseconds(e.Time), Host: e.Host, Kind: e.Kind, Text: e.Text})
		}
	}
	j.line(Line{Event: EventCaseDone, Case: lineCase(r.Case), Done: done})
}

// Finish implements [Reporter].
func (j *JSON) Finish(s Summary) {
	j.line(Line{Event: EventRunEnded, Ended: &LineEnded{
		Passed: s.Passed, Failed: s.Failed, Errors: s.Errors, Skipped: s.Skipped, NotRun: s.NotRun,
		Duration: milliseconds(s.Duration), Interrupted: s.Interrupted, Audit: list(s.Audit),
		KernelWarnings: s.KernelWarnings, Measured: list(s.Measured), Notes: list(s.Notes), Trace: s.Trace,
	}})
}

func lineCase(c Case) *LineCase {
	return &LineCase{ID: c.ID, File: c.File, Line: c.Line, Title: c.Title}
}

// milliseconds is to the microsecond, as timelines show times.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// list is never nil, so that it is never null in JSON.
func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}
