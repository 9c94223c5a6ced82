package starlark

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// Options are those of Load.
type Options struct {
	// Root is the directory that load("//lib/x.star") starts from. Empty: for each file, the nearest directory above it
	// that holds scripts in lib/ or is named scenarios, or else its own.
	Root string
	// MaxSteps bounds the steps of a case, and of each file while it is loaded; 0: 50 million.
	MaxSteps uint64
	// MaxMemory bounds the heap of the process while scripts run, in bytes; 0: 1 GiB. Scripts beyond it end.
	MaxMemory uint64
	// Features is what the backend can do, for lab.require.
	Features lab.Features
}

func (o Options) maxSteps() uint64  { return cmp.Or(o.MaxSteps, 50_000_000) }
func (o Options) maxMemory() uint64 { return cmp.Or(o.MaxMemory, 1<<30) }

// maxCases bounds the cases that the each values of one function make.
const maxCases = 4096

// Load finds the cases of paths, in order. A path is a script, or a directory whose scripts (*.star, at any depth) are
// taken except those in a directory named lib and those whose name starts with an underscore; "PATH::CASE" selects one
// case of a script, or all cases of one function. Whatever is wrong with the scripts is one *ScriptError.
func Load(ctx context.Context, paths []string, o Options) (cases []runner.Case, err error) {
	l, err := newLoader(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	var wrong []Problem
	seen := map[string]bool{}
	for _, p := range paths {
		found, bad := l.path(p)
		for _, b := range bad {
			if !slices.Contains(wrong, b) {
				wrong = append(wrong, b)
			}
		}
		for _, c := range found {
			if !seen[c.ID] {
				seen[c.ID] = true
				cases = append(cases, c)
			}
		}
	}
	if len(wrong) > 0 {
		return nil, &ScriptError{Problems: wrong}
	}
	return cases, nil
}

// LoadFS finds the cases of one script of a scenario root that need not be on this machine, such as one that a program carries.
// People know the root by the name dir.
func LoadFS(ctx context.Context, root fs.FS, dir, name string, o Options) ([]runner.Case, error) {
	l, err := newLoader(ctx, o)
	if err != nil {
		return nil, err
	}
	cases, wrong := l.casesOf(l.exec(&tree{prefix: dir + "/", files: root}, name, nil))
	if len(wrong) > 0 {
		return nil, &ScriptError{Problems: wrong}
	}
	return cases, nil
}

// path finds the cases of one path.
func (l *loader) path(arg string) ([]runner.Case, []Problem) {
	name, selector, selected := strings.Cut(arg, "::")
	name = filepath.Clean(name)
	files, err := scriptsBelow(name)
	if err != nil {
		return nil, []Problem{{File: filepath.ToSlash(name), Message: err.Error()}}
	}
	var (
		cases []runner.Case
		wrong []Problem
	)
	for _, f := range files {
		found, bad := l.cases(f)
		cases, wrong = append(cases, found...), append(wrong, bad...)
	}
	switch {
	case len(wrong) > 0:
	case selected:
		return choose(filepath.ToSlash(name), selector, cases)
	case len(cases) == 0:
		wrong = []Problem{{File: filepath.ToSlash(name), Message: "there are no cases: a case is a top-level function whose name starts with test_"}}
	}
	return cases, wrong
}

// scriptsBelow are the scripts of a path, sorted.
func scriptsBelow(name string) ([]string, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unreachable(name, err)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var files []string
	err = filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		base := d.Name()
		hidden := base == "lib" || strings.HasPrefix(base, "_") || strings.HasPrefix(base, ".")
		switch {
		case err != nil:
			return err
		case p != name && d.IsDir() && hidden:
			return filepath.SkipDir
		case !d.IsDir() && !hidden && filepath.Ext(p) == ".star":
			files = append(files, p)
		}
		return nil
	})
	return files, err
}

// choose keeps the cases that a selector names: all of a function, or the one with that ID.
func choose(file, selector string, cases []runner.Case) ([]runner.Case, []Problem) {
	var (
		chosen []runner.Case
		known  []string
	)
	for _, c := range cases {
		_, id, _ := strings.Cut(c.ID, "::")
		function, _, _ := strings.Cut(id, "[")
		if selector == id || selector == function {
			chosen = append(chosen, c)
		}
		known = append(known, function, id)
	}
	if len(chosen) == 0 {
		return nil, []Problem{{File: file, Message: fmt.Sprintf("there is no case %s%s", selector, DidYouMean(selector, known))}}
	}
	return chosen, nil
}

func (l *loader) cases(name string) ([]runner.Case, []Problem) { return l.casesOf(l.file(name)) }

// casesOf are the cases of one script, in order of their definition.
func (l *loader) casesOf(s *script) ([]runner.Case, []Problem) {
	if s.err != nil {
		return nil, Problems(s.name, s.err)
	}
	var functions []*starlark.Function
	for global, v := range s.globals {
		if fn, ok := v.(*starlark.Function); ok && strings.HasPrefix(global, "test_") {
			functions = append(functions, fn)
		}
	}
	slices.SortFunc(functions, func(a, b *starlark.Function) int { return cmp.Compare(a.Position().Line, b.Position().Line) })
	var (
		cases []runner.Case
		wrong []Problem
	)
	for _, fn := range functions {
		variants, err := variantsOf(fn)
		if err != nil {
			wrong = append(wrong, problemAt(fn.Position(), err.Error()))
			continue
		}
		for _, v := range variants {
			cases = append(cases, l.newCase(s, fn, v))
		}
	}
	return cases, wrong
}

func (l *loader) newCase(s *script, fn *starlark.Function, v variant) runner.Case {
	title, doc, _ := strings.Cut(strings.Join(dedent(strings.TrimSpace(fn.Doc())), "\n"), "\n")
	id := s.name + "::" + fn.Name() + v.label()
	return runner.Case{
		Case: report.Case{
			ID: id, File: s.name, Line: int(fn.Position().Line), Tags: tags(s, fn),
			Title: strings.TrimSpace(title), Doc: strings.TrimSpace(doc), About: strings.TrimSpace(s.doc()),
		},
		Run: func(ctx context.Context, in lab.Lab) runner.Outcome {
			return l.runCase(ctx, in, id, fn, v.kwargs)
		},
	}
}
