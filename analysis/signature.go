package analysis

import (
	"slices"
	"strings"

	"go.starlark.net/syntax"

	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// Signature is what a function takes, be it of the language or of a script.
type Signature struct {
	Name   string
	Usage  string // the call as documentation shows it
	Params []Param
	Rest   bool // further arguments without a name
	Named  bool // further arguments with any name
}

// Param is one parameter of a function.
type Param struct {
	Name      string
	Required  bool
	NamedOnly bool            // it is given by name alone
	Builtin   *lang.Parameter // of a function of the language: what it takes
}

// Signature is that of a function; nil for a value that is none, or of which nothing is known.
func (t Type) Signature() *Signature {
	switch {
	case t.Builtin != nil:
		return builtinSignature(t.Builtin)
	case t.Function != nil:
		return t.Function.signature()
	}
	return nil
}

func builtinSignature(b *lang.Builtin) *Signature {
	s := &Signature{Name: b.Name, Usage: b.Signature}
	for _, p := range b.Params {
		switch {
		case strings.HasPrefix(p.Name, "**"):
			s.Named = len(p.Named) == 0
			for _, n := range p.Named {
				s.Params = append(s.Params, Param{Name: n.Name, NamedOnly: true, Builtin: &n})
			}
		case strings.HasPrefix(p.Name, "*"):
			s.Rest = true
		default:
			s.Params = append(s.Params, Param{Name: p.Name, Required: p.Default == "", Builtin: &p})
		}
	}
	return s
}

func (f *Function) signature() *Signature {
	s := &Signature{Name: f.Name}
	var usage []string
	star := false
	for _, p := range f.Params {
		id := parameter(p)
		switch p := p.(type) {
		case *syntax.UnaryExpr:
			switch {
			case p.Op == syntax.STARSTAR:
				s.Named = true
				usage = append(usage, "**"+id.Name)
			case id != nil:
				s.Rest, star = true, true
				usage = append(usage, "*"+id.Name)
			default:
				star = true
				usage = append(usage, "*")
			}
		default:
			def, optional := p.(*syntax.BinaryExpr)
			s.Params = append(s.Params, Param{Name: id.Name, Required: !optional, NamedOnly: star})
			if optional {
				usage = append(usage, id.Name+" = "+f.Module.Source.Excerpt(def.Y))
			} else {
				usage = append(usage, id.Name)
			}
		}
	}
	s.Usage = f.Name + "(" + strings.Join(usage, ", ") + ")"
	return s
}

// Param is the identifier of a parameter of the function; nil when it has none of that name.
func (f *Function) Param(name string) *syntax.Ident {
	for _, p := range f.Params {
		if id := parameter(p); id != nil && id.Name == name {
			return id
		}
	}
	return nil
}

// Names are the parameters that can be given by name.
func (s *Signature) Names() []string {
	var names []string
	for _, p := range s.Params {
		names = append(names, p.Name)
	}
	return names
}

// Param finds a parameter by its name.
func (s *Signature) Param(name string) (Param, bool) {
	if i := slices.IndexFunc(s.Params, func(p Param) bool { return p.Name == name }); i >= 0 {
		return s.Params[i], true
	}
	return Param{}, false
}
