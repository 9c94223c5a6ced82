// Package report holds what became of a run, and shows it to people: [Result] is one case's, [Summary] the whole run's,
// and [Terminal] prints both as they come.
//
// It judges nothing: verdicts are given by the cases and the runner (package runner), which calls a reporter's methods
// one at a time.
package report
