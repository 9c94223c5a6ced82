package analysis

import (
	"slices"
	"strings"

	"go.starlark.net/starlark"

	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// Language is what the language has, by name.
type Language struct {
	names  map[string]lang.Builtin   // "lab.connect"
	tables map[string][]lang.Builtin // "lab": its attributes and methods, in their order
	words  []string                  // the names that scripts see, beside those of Starlark
}

// NewLanguage reads the tables of the language.
func NewLanguage() *Language {
	l := &Language{names: map[string]lang.Builtin{}, tables: map[string][]lang.Builtin{}, words: lang.Predeclared()}
	for _, b := range lang.Reference() {
		l.names[b.Name] = b
		if b.Signature == "" && b.Returns == "" {
			l.tables[b.Name] = nil
		}
	}
	for _, b := range lang.Reference() {
		if i := strings.LastIndex(b.Name, "."); i >= 0 {
			if _, is := l.tables[b.Name[:i]]; is {
				l.tables[b.Name[:i]] = append(l.tables[b.Name[:i]], b)
			}
		}
	}
	return l
}

func (l *Language) predeclared(name string) bool {
	_, found := slices.BinarySearch(l.words, name)
	return found
}

// Predeclared are the names that scripts see, beside those of Starlark itself.
func (l *Language) Predeclared() []string { return l.words }

// Builtin finds a name of the language, in full: "lab.connect".
func (l *Language) Builtin(name string) (lang.Builtin, bool) {
	b, ok := l.names[name]
	return b, ok
}

// Has tells whether a kind of value is one of the language, and not of Starlark.
func (l *Language) Has(kind string) bool {
	_, is := l.tables[kind]
	return is || kind == "option"
}

// Attributes are those of a kind of value of the language, and whether there is such a kind. The fields of an MPTCP option
// depend on the option, and those of all are there.
func (l *Language) Attributes(kind string) (all []lang.Builtin, known bool) {
	if kind == "counters" {
		return l.counters(), true
	}
	if kind != "option" {
		all, known = l.tables[kind]
		return all, known
	}
	for name, fields := range l.tables {
		if strings.HasPrefix(name, "option.") {
			all = append(all, fields...)
		}
	}
	slices.SortFunc(all, func(a, b lang.Builtin) int { return strings.Compare(a.Name, b.Name) })
	return all, true
}

// counters are those that some release of Linux has.
func (l *Language) counters() []lang.Builtin {
	var all []lang.Builtin
	for _, p := range l.names["check.counters"].Params {
		for _, c := range p.Named {
			all = append(all, lang.Builtin{Name: "counters." + c.Name, Returns: "int", Doc: "The counter " + c.Name + " of MPTcpExt, " + c.Doc + "."})
		}
	}
	return all
}

// Attribute is the last word of a name.
func Attribute(b lang.Builtin) string { return b.Name[strings.LastIndex(b.Name, ".")+1:] }

// Returned is the kind of value that the tables describe in words: "list of hosts", "endpoint or None".
func (l *Language) Returned(words string) Type {
	if rest, ok := strings.CutPrefix(words, "list of "); ok {
		rest, _, _ = strings.Cut(rest, ",")
		if elem := l.Returned(singular(rest)); elem.Known() {
			return Type{Name: "list", elem: &elem}
		}
		return Type{Name: "list"}
	}
	for _, orNone := range []string{", or None", " or None"} {
		words = strings.TrimSuffix(words, orNone)
	}
	switch words {
	case "string", "int", "float", "bool", "bytes", "None":
		return Type{Name: words}
	case "option":
		return Type{Name: words}
	}
	if _, is := l.tables[words]; is {
		return Type{Name: words}
	}
	return Type{}
}

func singular(words string) string {
	if stem, ok := strings.CutSuffix(words, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(words, "s")
}

// AttributesOf are the names of what a value has, and whether all are known.
func (l *Language) AttributesOf(t Type) (names []string, known bool) {
	if all, known := l.Attributes(t.Name); known {
		for _, b := range all {
			names = append(names, Attribute(b))
		}
		return names, true
	}
	if v, ok := samples[t.Name]; ok {
		if has, ok := v.(starlark.HasAttrs); ok {
			names = has.AttrNames()
		}
		return names, true
	}
	return nil, false
}

// samples are values of the types of Starlark itself, which know their attributes.
var samples = map[string]starlark.Value{
	"string": starlark.String(""), "bytes": starlark.Bytes(""), "int": starlark.MakeInt(0), "float": starlark.Float(0),
	"bool": starlark.False, "None": starlark.None, "list": new(starlark.List), "dict": new(starlark.Dict), "tuple": starlark.Tuple{},
	"function": starlark.Universe["len"], "builtin_function_or_method": starlark.Universe["len"],
}
