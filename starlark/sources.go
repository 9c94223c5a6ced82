package starlark

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"

	"go.starlark.net/syntax"
)

// Sources reads scripts and the modules that they load, and runs none of them. Each is read once.
type Sources struct {
	loader  *loader
	overlay func(path string) (text []byte, ok bool)
	read    map[string]*Source
}

// Source is a script that was read.
type Source struct {
	Name string       // for people: as given, or "@std//topology.star"
	Path string       // absolute, in the form of the system; empty in the library that comes with the program
	Text []byte       // nil when it cannot be read
	File *syntax.File // as written, with comments; nil when it cannot be parsed
	Err  error        // why it cannot be read or parsed: a *ScriptError

	script *script
}

// OpenSources opens what loads of scripts are resolved in, by the rules of Load. Text that overlay has for an absolute path is
// taken instead of the file's; overlay may be nil.
func OpenSources(root string, overlay func(path string) ([]byte, bool)) (*Sources, error) {
	l, err := newLoader(context.Background(), Options{Root: root})
	if err != nil {
		return nil, err
	}
	return &Sources{loader: l, overlay: overlay, read: map[string]*Source{}}, nil
}

// Close lets go of the folders.
func (s *Sources) Close() error { return s.loader.close() }

// Open reads the script at a path. Its errors are in the source.
func (s *Sources) Open(name string) *Source {
	t, key, err := s.loader.locate(name)
	if err != nil {
		name = shortest(name)
		return &Source{Name: name, Err: unreadable(name, err)}
	}
	return s.source(t, key)
}

// Load reads the module that a load statement of a script names. The error tells why there can be none; errors within the module
// are in the source.
func (s *Sources) Load(from *Source, module string) (*Source, error) {
	t, key, err := s.loader.resolve(from.script, module)
	if err != nil {
		return nil, err
	}
	loaded := s.source(t, key)
	if loaded.Text == nil {
		return nil, errors.New(Problems(loaded.Name, loaded.Err)[0].Message)
	}
	return loaded, nil
}

func (s *Sources) source(t *tree, key string) *Source {
	name := t.nameOf(key)
	if src, ok := s.read[name]; ok {
		return src
	}
	src := &Source{Name: name, script: &script{name: name, key: key, tree: t}}
	s.read[name] = src
	if t != s.loader.std {
		if path, err := filepath.Abs(filepath.FromSlash(t.prefix + key)); err == nil {
			src.Path = path
		}
	}
	var err error
	if src.Text, err = s.text(t, key, src.Path); err != nil {
		src.Err = unreadable(name, notThere(t.files, key, err))
		return src
	}
	src.File, src.Err = Parse(name, src.Text)
	return src
}

func unreadable(name string, err error) error {
	return &ScriptError{Problems: []Problem{{File: name, Message: err.Error()}}}
}

func (s *Sources) text(t *tree, key, path string) ([]byte, error) {
	if s.overlay != nil && path != "" {
		if text, ok := s.overlay(path); ok {
			return text, nil
		}
	}
	text, err := fs.ReadFile(t.files, key)
	if err == nil && text == nil {
		text = []byte{}
	}
	return text, err
}

// Excerpt is the text of a node of the script.
func (s *Source) Excerpt(n syntax.Node) string {
	return (&script{source: s.Text}).text(n)
}

// Modules are the names by which the script can load others: of the library that comes with the program, of the folder lib of its
// root, and of its own folder.
func (s *Sources) Modules(from *Source) []string {
	var names []string
	if from.script == nil {
		return nil
	}
	for _, place := range []struct {
		tree        *tree
		dir, prefix string
	}{
		{s.loader.std, ".", stdPrefix},
		{from.script.tree, "lib", "//lib/"},
		{from.script.tree, path.Dir(from.script.key), ""},
	} {
		entries, err := fs.ReadDir(place.tree.files, place.dir)
		if err != nil {
			continue // there is no such folder
		}
		for _, e := range entries {
			if path.Ext(e.Name()) == ".star" && place.prefix+e.Name() != path.Base(from.script.key) {
				names = append(names, place.prefix+e.Name())
			}
		}
	}
	return names
}
