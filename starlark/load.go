package starlark

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

//go:embed stdlib/*.star
var stdlib embed.FS

// stdPrefix starts the names of the modules that come with the program.
const stdPrefix = "@std//"

// dialect is what scripts may use of Starlark beyond the core: sets. Neither recursion nor while: every script ends.
var dialect = &syntax.FileOptions{Set: true}

// script is one file, executed once per Load; its globals are frozen, so that cases can share them.
type script struct {
	name    string // for people: as given on the command line
	key     string // module path within its tree: "lib/topology.star"
	tree    *tree
	source  []byte
	globals starlark.StringDict
	err     error
	loading bool
	syntax  func() *syntax.File // as written; nil when it cannot be parsed
}

// tree is a set of scripts that may load each other: a scenario root, or the standard library.
type tree struct {
	prefix string // of names for people
	files  fs.FS
}

// nameOf is the name of a script for people.
func (t *tree) nameOf(key string) string {
	if t.prefix == stdPrefix {
		return stdPrefix + key
	}
	return shortest(t.prefix + key)
}

// loader loads the scripts of one Load.
type loader struct {
	ctx     context.Context
	options Options
	std     *tree
	roots   map[string]*tree
	closers []func() error
	scripts map[string]*script // by name
}

func newLoader(ctx context.Context, o Options) (*loader, error) {
	std, err := fs.Sub(stdlib, "stdlib")
	if err != nil {
		return nil, fmt.Errorf("standard library: %w", err)
	}
	return &loader{
		ctx: ctx, options: o,
		std:     &tree{prefix: stdPrefix, files: std},
		roots:   map[string]*tree{},
		scripts: map[string]*script{},
	}, nil
}

// close lets go of the scenario roots.
func (l *loader) close() error {
	var errs []error
	for _, c := range l.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// file executes the script at a path of the command line.
func (l *loader) file(name string) *script {
	t, key, err := l.locate(name)
	if err != nil {
		return &script{name: name, err: err}
	}
	return l.exec(t, key, nil)
}

// locate finds the scenario root of a script, and its path within.
func (l *loader) locate(name string) (*tree, string, error) {
	root := l.options.Root
	if root == "" {
		root = findRoot(name)
	}
	t, err := l.root(root)
	if err != nil {
		return nil, "", err
	}
	key, err := within(root, name)
	return t, key, err
}

// root opens a scenario root; it cannot be left, neither by .. nor by a symbolic link.
func (l *loader) root(dir string) (*tree, error) {
	if t, ok := l.roots[dir]; ok {
		return t, nil
	}
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open scenario root: %w", err)
	}
	prefix := filepath.ToSlash(dir) + "/"
	if dir == "." {
		prefix = ""
	}
	t := &tree{prefix: prefix, files: r.FS()}
	l.roots[dir], l.closers = t, append(l.closers, r.Close)
	return t, nil
}

// findRoot walks up from a file to a directory that is named scenarios or whose lib/ holds scripts; a lib/ of anything else,
// such as /usr/lib, does not count. Without one, the root is the file's own directory.
func findRoot(file string) string {
	own := filepath.Dir(file)
	dir, err := filepath.Abs(own)
	if err != nil {
		return own
	}
	for up := own; ; up = filepath.Join(up, "..") {
		library, _ := filepath.Glob(filepath.Join(dir, "lib", "*.star"))
		if len(library) > 0 || filepath.Base(dir) == "scenarios" {
			return up
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return own
		}
		dir = parent
	}
}

// shortest is a path as people would write it: ../regression/limits.star is limits.star within regression.
func shortest(name string) string {
	name = filepath.Clean(name)
	if filepath.IsAbs(name) {
		return filepath.ToSlash(name)
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return filepath.ToSlash(name)
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return filepath.ToSlash(name)
	}
	if rel, err := filepath.Rel(dir, abs); err == nil {
		name = rel
	}
	return filepath.ToSlash(name)
}

// within is the path of a file relative to the root, in slashes.
func within(root, file string) (string, error) {
	absRoot, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	absFile, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(absRoot, absFile)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%s is outside of the scenario root %s", file, root)
	}
	return filepath.ToSlash(rel), nil
}

// exec executes a script of a tree, or returns what became of it before. The chain is the names that are being loaded.
func (l *loader) exec(t *tree, key string, chain []string) *script {
	name := t.nameOf(key)
	if s, ok := l.scripts[name]; ok {
		if s.loading {
			return &script{name: name, err: fmt.Errorf("cycle of loads: %s", strings.Join(append(chain, name), " loads "))}
		}
		return s
	}
	s := &script{name: name, key: key, tree: t, loading: true}
	l.scripts[name] = s
	s.err = l.run(s, append(chain, name))
	s.loading = false
	return s
}

func (l *loader) run(s *script, chain []string) error {
	var err error
	if s.source, err = fs.ReadFile(s.tree.files, s.key); err != nil {
		return notThere(s.tree.files, s.key, err)
	}
	s.syntax = sync.OnceValue(func() *syntax.File {
		f, err := dialect.Parse(s.name, bytes.Clone(s.source), 0)
		if err != nil {
			return nil
		}
		return f
	})
	file, err := dialect.Parse(s.name, s.source, 0)
	if err != nil {
		return err
	}
	guard(file)
	program, err := starlark.FileProgram(file, predeclared.Has)
	if err != nil {
		return err
	}
	thread, done := newThread(l.ctx, s.name, l.options, nil)
	defer done()
	thread.Load = func(_ *starlark.Thread, module string) (starlark.StringDict, error) {
		t, key, err := l.resolve(s, module)
		if err != nil {
			return nil, err
		}
		loaded := l.exec(t, key, chain)
		return loaded.globals, placed(loaded)
	}
	s.globals, err = program.Init(thread, predeclared)
	s.globals.Freeze()
	return err
}

// placed is the error of a loaded script with its positions; one without a position gets that of the load statement.
func placed(s *script) error {
	if s.err == nil {
		return nil
	}
	found := Problems(s.name, s.err)
	if found[0].Line == 0 {
		return s.err
	}
	return &ScriptError{Problems: found}
}

// resolve finds the module that a script means: "//lib/x.star" from the root, "@std//x.star", or "x.star" beside itself.
func (l *loader) resolve(from *script, module string) (*tree, string, error) {
	t, key := from.tree, path.Join(path.Dir(from.key), module)
	switch {
	case strings.HasPrefix(module, stdPrefix):
		t, key = l.std, path.Clean(strings.TrimPrefix(module, stdPrefix))
	case strings.HasPrefix(module, "//"):
		key = path.Clean(strings.TrimPrefix(module, "//"))
	case path.IsAbs(module) || strings.ContainsAny(module, `\:`):
		return nil, "", fmt.Errorf(`module %q: expected "//lib/x.star" from the scenario root, "x.star" beside this file, or "@std//x.star"`, module)
	}
	if !fs.ValidPath(key) {
		return nil, "", fmt.Errorf("module %q leaves the scenario root", module)
	}
	if path.Ext(key) != ".star" {
		return nil, "", fmt.Errorf("module %q: the name of a module ends in .star", module)
	}
	return t, key, nil
}

// notThere adds the nearest name to the error of a file that does not exist.
func notThere(files fs.FS, key string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", key, errors.Unwrap(err))
	}
	entries, _ := fs.ReadDir(files, path.Dir(key))
	var names []string
	for _, e := range entries {
		names = append(names, path.Join(path.Dir(key), e.Name()))
	}
	return fmt.Errorf("there is no file %s%s", key, DidYouMean(key, names))
}
