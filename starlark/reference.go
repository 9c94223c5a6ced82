package starlark

import (
	"fmt"
	"io"
	"strings"

	"go.starlark.net/starlark"
)

// Builtin documents one name of the language.
type Builtin struct {
	Name      string      // as scripts reach it: "host.mptcp.endpoint.add"
	Signature string      // of a function: "lab.wait(condition, timeout = \"5s\")"; empty for an attribute or a kind of value
	Params    []Parameter // of a function
	Returns   string      // what it returns, or what the attribute holds; empty for a kind of value
	Doc       string      // in Markdown
	Example   string      // runs as the body of a case, after `client, server = two_paths(lab)`, or is a whole script
}

// Parameter documents one parameter of a function. The names of those that take several arguments start with * or **.
type Parameter struct {
	Name    string
	Kind    string // what it takes: "a duration such as \"300ms\""
	Default string // as a script would write it; empty when the argument must be given
	Doc     string
	Types   []string    // the types of what it takes, where that is told: "string"
	Named   []Parameter // of a ** parameter: the arguments that it takes; empty when any name will do

	param param
}

// Accepts tells what is wrong with a constant as an argument; nil when nothing is.
func (p Parameter) Accepts(v starlark.Value) error {
	if v == starlark.None && p.param.def == starlark.None {
		return nil
	}
	_, err := p.param.kind.convert(v)
	return err
}

func (p param) parameter() Parameter {
	doc := Parameter{Name: p.name, Kind: p.kind.want, Doc: p.doc, Types: p.kind.types, param: p}
	if p.def != nil {
		doc.Default = p.def.String()
	}
	for _, n := range p.kind.named {
		doc.Named = append(doc.Named, n.parameter())
	}
	return doc
}

// documented is a table that knows its documentation.
type documented interface{ builtins() []Builtin }

// chapters are the tables of the language, in the order of the reference.
func chapters() []documented {
	return []documented{
		labNoun, hostNoun, addrNoun, routeNoun, firewallNoun, managerNoun, endpointNoun, limitsNoun, monitorNoun, subflowNoun, linkNoun, impairmentSettings, trafficSnapshot,
		selectionSettings, ruleNoun, heldNoun, verdictNoun, switchNoun,
		connNoun, socketNoun, listenerNoun, checkNoun, predictionNoun,
		endpointSnapshot, limitsSnapshot, subflowSnapshot, infoSnapshot, connSnapshot, listeningSnapshot, messageSnapshot, tcpInfoSnapshot, fullInfoSnapshot, fullSubflowSnapshot, eventSnapshot, packetSnapshot,
		entrySnapshot, resultSnapshot, ipResultSnapshot, firewallSnapshot, errorSnapshot, findingSnapshot,
	}
}

// Reference is the documentation of every name of the language, in the order of the written reference.
func Reference() []Builtin {
	all := []Builtin{eachSignature.builtinDoc("each"), structSignature.builtinDoc("struct")}
	for _, c := range chapters() {
		all = append(all, c.builtins()...)
	}
	all = append(all, optionSignature.builtinDoc("option"))
	for _, t := range optionTypes {
		all = append(all, t.builtins()...)
	}
	return append(all, Builtin{
		Name: "counters",
		Doc: "A reading of MPTcpExt counters: `counters.MPJoinSynRx` or `counters[\"MPJoinSynRx\"]`. " +
			"`later - earlier` is how far each has moved in between.",
	})
}

func (s *signature) builtinDoc(name string) Builtin {
	b := Builtin{Name: name, Signature: s.usage(name), Returns: s.returns, Doc: s.doc, Example: s.example}
	for _, p := range s.params {
		b.Params = append(b.Params, p.parameter())
	}
	return b
}

func (n *noun[T]) builtins() []Builtin {
	all := []Builtin{{Name: n.name, Doc: n.doc}}
	for _, a := range n.attributes {
		if a.returns == n.name+"."+a.name {
			continue // it has a table of its own
		}
		all = append(all, Builtin{Name: n.name + "." + a.name, Returns: a.returns, Doc: a.doc})
	}
	for i := range n.methods {
		all = append(all, n.methods[i].builtinDoc(n.name+"."+n.methods[i].name))
	}
	return all
}

func (s *snapshot[T]) builtins() []Builtin {
	all := []Builtin{{Name: s.name, Doc: s.doc}}
	for _, f := range s.fields {
		all = append(all, Builtin{Name: s.name + "." + f.name, Returns: "field", Doc: sentence(f.doc)})
	}
	for i := range s.methods {
		all = append(all, s.methods[i].builtinDoc(s.name+"."+s.methods[i].name))
	}
	return all
}

// sentence makes a sentence of a phrase.
func sentence(phrase string) string {
	if phrase == "" {
		return ""
	}
	return strings.ToUpper(phrase[:1]) + phrase[1:] + "."
}

// Doc documents one name for a terminal: a full one ("host.mptcp.endpoint.add"), or its last words ("endpoint.add").
// A name of Starlark itself is told to be one. An unknown name is an error with the nearest one.
func Doc(name string) (string, error) {
	name = strings.TrimRight(name, "()")
	var (
		names []string
		found []Builtin
	)
	for _, b := range Reference() {
		if b.Name == name {
			return b.terminal() + others(name), nil
		}
		if strings.HasSuffix(b.Name, "."+name) {
			found = append(found, b)
		}
		words := strings.Split(b.Name, ".")
		for i := range words {
			names = append(names, strings.Join(words[i:], "."))
		}
	}
	if _, universal := starlark.Universe[name]; universal && len(found) == 0 {
		return ofStarlark(name, name), nil
	}
	if len(found) == 0 {
		return "", fmt.Errorf("the language has no %s%s", name, DidYouMean(name, names))
	}
	texts := make([]string, len(found))
	for i, b := range found {
		texts[i] = b.terminal()
	}
	return strings.Join(texts, "\n"), nil
}

// others points to the other names that end in the same words.
func others(name string) string {
	var more []string
	for _, b := range Reference() {
		if strings.HasSuffix(b.Name, "."+name) {
			more = append(more, b.Name)
		}
	}
	if len(more) == 0 {
		return ""
	}
	return "\nSee also: " + strings.Join(more, ", ") + "\n"
}

// Markdown is the documentation for an editor.
func (b Builtin) Markdown() string {
	var w strings.Builder
	switch {
	case b.Signature != "":
		fmt.Fprintf(&w, "```python\n%s\n```\n\n%s Returns: %s.\n", b.Signature, b.Doc, b.Returns)
	case b.Returns != "":
		fmt.Fprintf(&w, "```python\n%s\n```\n\n%s It is: %s.\n", b.Name, b.Doc, b.Returns)
	default:
		fmt.Fprintf(&w, "```python\n%s\n```\n\n%s\n", b.Name, b.Doc)
	}
	b.details(&w)
	return w.String()
}

// terminal is the documentation as plain text.
func (b Builtin) terminal() string {
	var w strings.Builder
	switch {
	case b.Signature != "":
		fmt.Fprintf(&w, "%s → %s\n", b.Signature, b.Returns)
	case b.Returns != "":
		fmt.Fprintf(&w, "%s: %s\n", b.Name, b.Returns)
	default:
		fmt.Fprintln(&w, b.Name)
	}
	fmt.Fprintf(&w, "\n    %s\n", b.Doc)
	for _, p := range b.Params {
		fmt.Fprintf(&w, "\n    %s: %s%s\n        %s\n", p.Name, p.Kind, defaultText(p), sentence(p.Doc))
	}
	if b.Example != "" {
		fmt.Fprintf(&w, "\nExample:\n    %s\n", strings.ReplaceAll(b.Example, "\n", "\n    "))
	}
	if b.Signature == "" && b.Returns == "" {
		fmt.Fprintln(&w)
		for _, part := range Reference() {
			if rest, ok := strings.CutPrefix(part.Name, b.Name+"."); ok && !strings.Contains(rest, ".") {
				fmt.Fprintf(&w, "    .%-20s %s\n", rest, part.Doc)
			}
		}
	}
	return w.String()
}

// ofStarlark documents what is not of this language but of Starlark: where its specification has it.
func ofStarlark(name, anchor string) string {
	return name + "\n\n    A part of Starlark itself: https://github.com/bazelbuild/starlark/blob/master/spec.md#" + anchor + "\n"
}

func defaultText(p Parameter) string {
	if p.Default == "" {
		return ""
	}
	return ", default " + p.Default
}

const referenceHead = `# The language

<!-- Generated from the built-ins' own documentation: edit that, not this page. -->

Scripts are [Starlark](https://github.com/bazelbuild/starlark/blob/master/spec.md), a small dialect of Python. A case is a
top-level function ` + "`test_*`" + `; the first line of its docstring is its title; its first parameter is ` + "`lab`" + `; a parameter
whose default is ` + "`each(…)`" + ` makes one case per value. A case that makes no check is an error.

A case has tags, by which ` + "`--tag`" + ` selects: the folders and the name of its script; the words of a line ` + "`Tags: slow, nat`" + ` in its
docstring or that of the script; and the selftests of the kernel behind ` + "`Counterpart:`" + ` there.

` + "`load(\"//lib/topology.star\", \"name\")`" + ` loads from the scenario root, ` + "`load(\"other.star\", \"name\")`" + ` from beside the script, and
` + "`load(\"@std//topology.star\", \"two_paths\")`" + ` from the library that comes with the program.

Durations are strings such as ` + "`\"300ms\"`" + `, sizes are numbers of bytes or strings such as ` + "`\"64KB\"`" + `, addresses are plain strings.
Beside Starlark's own functions there are ` + "`each`, `struct`, `check`, `option`, `verdict`" + ` and what the ` + "`lab`" + ` parameter gives. There is no recursion and no
` + "`while`" + `: every script ends.

Each example below is the body of a case that begins with ` + "`client, server = two_paths(lab)`" + `, unless it is a whole script.
`

// WriteReference writes the reference of the language, in Markdown.
func WriteReference(w io.Writer) error {
	var text strings.Builder
	text.WriteString(referenceHead)
	for _, b := range Reference() {
		b.markdown(&text)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (b Builtin) markdown(w *strings.Builder) {
	switch {
	case b.Signature != "":
		fmt.Fprintf(w, "\n### `%s`\n\n%s Returns: %s.\n", b.Signature, b.Doc, b.Returns)
	case b.Returns != "":
		fmt.Fprintf(w, "- `%s` (%s): %s\n", b.Name, b.Returns, b.Doc)
		return
	default:
		fmt.Fprintf(w, "\n## %s\n\n%s\n\n", b.Name, b.Doc)
		return
	}
	b.details(w)
}

// details are the parameters of a function and its example.
func (b Builtin) details(w *strings.Builder) {
	if len(b.Params) > 0 {
		w.WriteString("\n")
	}
	for _, p := range b.Params {
		fmt.Fprintf(w, "- `%s`: %s. Takes %s%s.\n", p.Name, p.Doc, p.Kind, defaultMarkdown(p))
	}
	if b.Example != "" {
		fmt.Fprintf(w, "\n```python\n%s\n```\n", b.Example)
	}
}

func defaultMarkdown(p Parameter) string {
	if p.Default == "" {
		return ""
	}
	return "; default `" + p.Default + "`"
}
