package analysis

import (
	"errors"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// Project is a set of scripts that may load each other.
type Project struct {
	Language *Language

	sources *lang.Sources
	modules map[*lang.Source]*Module
}

// Open opens a project; root and overlay are those of starlark.OpenSources.
func Open(root string, overlay func(path string) ([]byte, bool)) (*Project, error) {
	sources, err := lang.OpenSources(root, overlay)
	if err != nil {
		return nil, err
	}
	return &Project{Language: NewLanguage(), sources: sources, modules: map[*lang.Source]*Module{}}, nil
}

// Close lets go of the folders of the project.
func (p *Project) Close() error { return p.sources.Close() }

// Module analyses the script at a path.
func (p *Project) Module(name string) *Module { return p.module(p.sources.Open(name)) }

// Load analyses the module that a script would load by that name. The error tells why there is none.
func (p *Project) Load(from *Module, module string) (*Module, error) {
	src, err := p.sources.Load(from.Source, module)
	if err != nil {
		return nil, err
	}
	return p.module(src), nil
}

// Modules are the names by which a script can load others.
func (p *Project) Modules(from *Module) []string { return p.sources.Modules(from.Source) }

// Module is one script.
type Module struct {
	*lang.Source
	Problems []lang.Problem // why it could not be read or parsed, or which names have no meaning in it
	Loads    []*Load

	project *Project
	globals map[string]*syntax.Ident
	values  map[*syntax.Ident][]value // what is assigned to a variable, by its first identifier
	types   map[syntax.Node]Type      // of variables, and of what functions return, as far as asked
	asked   map[syntax.Node]bool      // whose type is being found out
	places  map[*syntax.Ident]bool    // identifiers that make a variable rather than use it
}

// value is something that a variable can hold.
type value struct {
	made syntax.Node // where: an assignment, a loop, a function, a load
	typ  func() Type
}

// Load is one name of a load statement.
type Load struct {
	Stmt     *syntax.LoadStmt
	From, To *syntax.Ident
	Module   *Module // nil when it is not there
	Err      error   // why
}

func (p *Project) module(src *lang.Source) *Module {
	if m, ok := p.modules[src]; ok {
		return m
	}
	m := &Module{
		Source: src, project: p,
		globals: map[string]*syntax.Ident{}, values: map[*syntax.Ident][]value{},
		types: map[syntax.Node]Type{}, asked: map[syntax.Node]bool{}, places: map[*syntax.Ident]bool{},
	}
	p.modules[src] = m
	var wrong *lang.ScriptError
	if errors.As(src.Err, &wrong) {
		m.Problems = wrong.Problems
	}
	if src.File != nil {
		m.resolve()
		m.collect()
	}
	return m
}

// Language is that of the script.
func (m *Module) Language() *Language { return m.project.Language }

// resolve finds what each identifier means.
func (m *Module) resolve() {
	err := resolve.File(m.File, m.project.Language.predeclared, starlark.Universe.Has)
	if err != nil {
		m.Problems = append(m.Problems, lang.Problems(m.Name, err)...)
	}
}

// load finds the module of a load statement, once.
func (m *Module) load(s *syntax.LoadStmt) (*Module, error) { return m.project.Load(m, s.ModuleName()) }

// Global is the identifier that makes a global variable of the script; nil when there is none of that name.
func (m *Module) Global(name string) *syntax.Ident { return m.globals[name] }

// Globals are the names of the global variables.
func (m *Module) Globals() []string {
	var names []string
	for name := range m.globals {
		names = append(names, name)
	}
	return names
}

// Made is the identifier that makes the variable which an identifier stands for; nil for a name of the language, or none at all.
func Made(id *syntax.Ident) *syntax.Ident {
	b, ok := id.Binding.(*resolve.Binding)
	if !ok {
		return nil
	}
	return b.First
}

// Predeclared tells whether an identifier stands for a name of the language, rather than for a variable of that name.
func Predeclared(id *syntax.Ident) bool {
	b, ok := id.Binding.(*resolve.Binding)
	return ok && (b.Scope == resolve.Predeclared || b.Scope == resolve.Universal)
}

// Makes tells whether an identifier makes or sets a variable, rather than uses it.
func (m *Module) Makes(id *syntax.Ident) bool { return m.places[id] }

// Makers are the nodes that make or set the variable of an identifier: assignments, loops, functions, loads.
func (m *Module) Makers(made *syntax.Ident) []syntax.Node {
	var nodes []syntax.Node
	for _, v := range m.values[made] {
		nodes = append(nodes, v.made)
	}
	return nodes
}
