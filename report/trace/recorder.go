package trace

import "github.com/mptcp-lab/mptcp-lab/report"

// Recorder is a reporter that keeps the trace of a run, whose results need their timelines, and passes on what it is told to
// another one, whose summary then has the trace's digest.
type Recorder struct {
	report.Reporter
	trace Trace
}

// Record returns a recorder before another reporter.
func Record(next report.Reporter) *Recorder { return &Recorder{Reporter: next} }

// CaseDone implements [report.Reporter].
func (r *Recorder) CaseDone(res report.Result) {
	r.trace.add(Case{ID: res.Case.ID, Seed: res.Seed, Verdict: res.Verdict, Message: res.Message, Entries: res.Timeline})
	r.Reporter.CaseDone(res)
}

// Finish implements [report.Reporter].
func (r *Recorder) Finish(s report.Summary) {
	s.Trace = r.trace.Digest()
	r.Reporter.Finish(s)
}

// Trace is what was seen. It is complete when the run has ended.
func (r *Recorder) Trace() Trace { return r.trace }
