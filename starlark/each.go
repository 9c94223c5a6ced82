package starlark

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// eachSignature declares each, the one built-in that is used outside of cases.
var eachSignature = signature{
	name:    "each",
	params:  []param{{name: "*values", kind: anyKind, doc: "the values, one case each"}},
	returns: "each",
	doc: "As the default of a parameter of a test_ function, makes one case per value. Several such parameters make one case " +
		"per combination. The values are part of the case's name: `test_join[family=ipv4]`.",
	example: `def test_ping(lab, family = each("ipv4", "ipv6")):
    client, server = two_paths(lab, family)
    conn = lab.connect(client, server)
    conn.ping_pong(3)
    check.false(conn.client.fallback)`,
}

// each is the default of a parameter that makes one case per value.
type each struct{ values starlark.Tuple }

func (e *each) String() string        { return "each" + e.values.String() }
func (e *each) Type() string          { return "each" }
func (e *each) Freeze()               { e.values.Freeze() }
func (e *each) Truth() starlark.Bool  { return true }
func (e *each) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: each") }

func makeEach(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(kwargs) > 0 || len(args) == 0 {
		return nil, fmt.Errorf("each: expected one or more values, without names\n    %s", eachSignature.usage("each"))
	}
	labels := map[string]bool{}
	for _, v := range args {
		if labels[labelOf(v)] {
			return nil, fmt.Errorf("each: two values are named %s: the cases could not be told apart", labelOf(v))
		}
		labels[labelOf(v)] = true
	}
	return &each{values: args}, nil
}

// labelOf is a value as the name of a case shows it.
func labelOf(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.String:
		return string(v)
	case starlark.Callable:
		return v.Name()
	}
	return v.String()
}

// variant is one choice of values for the each parameters of a function.
type variant struct{ kwargs []starlark.Tuple }

// label is "[family=ipv4,n=2]", or empty when there is nothing to choose.
func (v variant) label() string {
	if len(v.kwargs) == 0 {
		return ""
	}
	var parts []string
	for _, kv := range v.kwargs {
		parts = append(parts, string(kv[0].(starlark.String))+"="+labelOf(kv[1]))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// variantsOf is the product of the each parameters of a function, the last one varying first.
func variantsOf(fn *starlark.Function) ([]variant, error) {
	if fn.HasVarargs() || fn.HasKwargs() {
		return nil, fmt.Errorf("%s: a case takes lab and parameters whose default is each(…), not * or **", fn.Name())
	}
	if fn.NumParams() == 0 {
		return nil, fmt.Errorf("%s: the first parameter of a case is lab", fn.Name())
	}
	variants := []variant{{}}
	for i := range fn.NumParams() {
		name, _ := fn.Param(i)
		def := fn.ParamDefault(i)
		choices, ok := def.(*each)
		switch {
		case i == 0 && (name != "lab" || def != nil):
			return nil, fmt.Errorf("%s: the first parameter of a case is lab", fn.Name())
		case i == 0:
			continue
		case def == nil:
			return nil, fmt.Errorf("%s: nothing gives a value to %s: write %s = each(…)", fn.Name(), name, name)
		case !ok:
			continue
		}
		if len(variants)*len(choices.values) > maxCases {
			return nil, fmt.Errorf("%s: its parameters make more than %d cases", fn.Name(), maxCases)
		}
		var product []variant
		for _, v := range variants {
			for _, value := range choices.values {
				kwargs := append(slices.Clone(v.kwargs), starlark.Tuple{starlark.String(name), value})
				product = append(product, variant{kwargs: kwargs})
			}
		}
		variants = product
	}
	return variants, nil
}
