package report

import "errors"

// Reporter is told of a run, as a runner's observer is: one call at a time.
type Reporter interface {
	Start(n int) // n cases will follow, repetitions included
	CaseStarted(c Case)
	CasePostponed(c Case) // it will start again
	CaseDone(r Result)
	Finish(s Summary)
}

// Writer is a reporter that writes somewhere, which may fail. It goes on being told of the run then, and writes no more.
type Writer interface {
	Reporter
	Err() error // the first failure; complete after Finish
}

// Reporters tells several reporters of a run, in their order.
type Reporters []Reporter

// Start implements [Reporter].
func (rs Reporters) Start(n int) {
	for _, r := range rs {
		r.Start(n)
	}
}

// CaseStarted implements [Reporter].
func (rs Reporters) CaseStarted(c Case) {
	for _, r := range rs {
		r.CaseStarted(c)
	}
}

// CasePostponed implements [Reporter].
func (rs Reporters) CasePostponed(c Case) {
	for _, r := range rs {
		r.CasePostponed(c)
	}
}

// CaseDone implements [Reporter].
func (rs Reporters) CaseDone(r Result) {
	for _, reporter := range rs {
		reporter.CaseDone(r)
	}
}

// Finish implements [Reporter].
func (rs Reporters) Finish(s Summary) {
	for _, r := range rs {
		r.Finish(s)
	}
}

// Err is what those that are a [Writer] could not write.
func (rs Reporters) Err() error {
	var errs []error
	for _, r := range rs {
		if w, ok := r.(Writer); ok {
			errs = append(errs, w.Err())
		}
	}
	return errors.Join(errs...)
}

// ignored are the methods of a reporter that does nothing but for what its own methods say.
type ignored struct{}

func (ignored) Start(int)          {}
func (ignored) CaseStarted(Case)   {}
func (ignored) CasePostponed(Case) {}
func (ignored) CaseDone(Result)    {}
func (ignored) Finish(Summary)     {}
