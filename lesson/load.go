package lesson

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/scenarios"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// root is the name of the scenario root that the program carries.
const root = "scenarios"

// All are the lessons that the program carries.
func All(ctx context.Context) (Course, error) {
	scripts, err := fs.Glob(scenarios.Files, "lessons/*.star")
	if err != nil {
		return nil, fmt.Errorf("list the lessons: %w", err)
	}
	var cases []report.Case
	for _, name := range scripts {
		found, err := starlark.LoadFS(ctx, scenarios.Files, root, name, starlark.Options{})
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			cases = append(cases, c.Case)
		}
	}
	return CourseOf(cases), nil
}

// Load loads the cases of a lesson: of a script on this machine, if the word ends as its name does, or else of one that the
// program carries.
func Load(ctx context.Context, word string, features lab.Features) (Lesson, []runner.Case, error) {
	o := starlark.Options{Features: features}
	if filepath.Ext(word) == ".star" {
		cases, err := starlark.Load(ctx, []string{word}, o)
		if err != nil {
			return Lesson{}, nil, err
		}
		return Of(cases[0].Case), cases, nil
	}
	all, err := All(ctx)
	if err != nil {
		return Lesson{}, nil, err
	}
	l, err := all.Find(word)
	if err != nil {
		return Lesson{}, nil, err
	}
	cases, err := starlark.LoadFS(ctx, scenarios.Files, root, l.carried(), o)
	return l, cases, err
}

// carried is where the program has the script of one of its lessons.
func (l Lesson) carried() string { return "lessons/" + path.Base(l.File) }

// Script is the text of one of the program's lessons.
func (l Lesson) Script() (string, error) {
	text, err := fs.ReadFile(scenarios.Files, l.carried())
	if err != nil {
		return "", fmt.Errorf("read the script of lesson %s: %w", l.Name, err)
	}
	return string(text), nil
}

// Run runs the cases of a lesson, one after the other, and returns what is to be told of them. It closes the backend.
func Run(ctx context.Context, b lab.Backend, cases []runner.Case, cfg runner.Config) ([]report.Result, report.Summary) {
	cfg.Jobs, cfg.Timelines, cfg.Snapshots = 1, true, true
	var all results
	summary := runner.Run(ctx, b, cases, cfg, &all)
	return all.list, summary
}

// results keeps those of a run.
type results struct{ list []report.Result }

func (*results) Start(int)                  {}
func (*results) CaseStarted(report.Case)    {}
func (*results) CasePostponed(report.Case)  {}
func (r *results) CaseDone(x report.Result) { r.list = append(r.list, x) }
func (*results) Finish(report.Summary)      {}
