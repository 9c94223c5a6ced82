package starlark

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"go.starlark.net/starlark"
)

// helpText is what help() shows before the names that have been defined.
const helpText = `lab is an empty lab: build, connect, look. All names of the language are there, and what load takes from modules.

  client, server = lab.host("client"), lab.host("server")
  lab.link(client, server)
  conn = lab.connect(client, server)
  conn.client.subflows

help(x) documents a value or a name, such as help(lab.connect) or help("check"); so does x? alone on a line. Tab completes names,
attributes and arguments. Ctrl-C ends a statement, Ctrl-D the session. _ is the last value.
`

// help is the built-in of sessions.
func (s *Session) help(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var about starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 0, &about); err != nil {
		return nil, err
	}
	text := s.overview()
	if about != nil {
		text = describe(about)
	}
	fmt.Fprint(s.out, text)
	return starlark.None, nil
}

// about is the documentation that a question asks for: of the value that a name has, or else of a name of the language.
func (s *Session) about(ctx context.Context, topic string) string {
	if topic == "" {
		return s.overview()
	}
	s.run.ctx = ctx
	if v := s.lookUp(strings.Split(topic, ".")); v != nil {
		return describe(v)
	}
	return describe(starlark.String(topic))
}

// overview is what help() shows.
func (s *Session) overview() string {
	var w strings.Builder
	w.WriteString(helpText)
	table := tabwriter.NewWriter(&w, 0, 0, 2, ' ', 0)
	headed := false
	for _, name := range sortedKeys(s.globals) {
		if _, given := predeclared[name]; given || name == "lab" || name == helpName || name == lastName {
			continue
		}
		if !headed {
			fmt.Fprint(&w, "\nDefined so far:\n")
			headed = true
		}
		fmt.Fprintf(table, "  %s\t%s\n", name, cut(s.globals[name].String(), 80))
	}
	_ = table.Flush() // into memory
	return w.String()
}

// describe documents a value.
func describe(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.String:
		text, err := Doc(string(v))
		if err != nil {
			return err.Error() + "\n"
		}
		return text
	case *starlark.Builtin:
		return describeBuiltin(v)
	case *starlark.Function:
		return describeFunction(v)
	}
	if text, err := Doc(v.Type()); err == nil {
		return text
	}
	text := fmt.Sprintf("a value of the type %s\n", v.Type())
	if with, ok := v.(starlark.HasAttrs); ok && len(with.AttrNames()) > 0 {
		text += "with " + strings.Join(with.AttrNames(), ", ") + "\n"
	}
	return text
}

// describeBuiltin documents a function of the language, or of Starlark itself.
func describeBuiltin(b *starlark.Builtin) string {
	name := b.Name()
	if name == helpName {
		return helpText
	}
	if text, err := Doc(name); err == nil {
		return text
	}
	if of := b.Receiver(); of != nil {
		name = of.Type() + "·" + name
	}
	return ofStarlark(b.Name(), name)
}

// describeFunction documents a function of a script.
func describeFunction(fn *starlark.Function) string {
	text := fn.Name() + "(" + strings.Join(parameters(fn), ", ") + ")\n"
	if doc := fn.Doc(); doc != "" {
		text += "\n    " + strings.Join(dedent(strings.TrimSpace(doc)), "\n    ") + "\n"
	}
	return text + fmt.Sprintf("\ndefined at %s\n", fn.Position())
}

// parameters are those of a function, as it declares them, with their defaults.
func parameters(fn *starlark.Function) []string {
	var all []string
	plain := fn.NumParams()
	if fn.HasKwargs() {
		plain--
	}
	if fn.HasVarargs() {
		plain--
	}
	for i := range fn.NumParams() {
		name, _ := fn.Param(i)
		switch {
		case i < plain:
			if d := fn.ParamDefault(i); d != nil {
				name += " = " + cut(d.String(), 40)
			}
		case fn.HasVarargs() && i == plain:
			name = "*" + name
		default:
			name = "**" + name
		}
		all = append(all, name)
	}
	return all
}
