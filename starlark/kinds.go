package starlark

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// kind is what a parameter takes: how errors and the reference call it, and how it becomes a Go value.
type kind struct {
	want    string
	convert func(starlark.Value) (any, error)
	types   []string // the types of the values that it can take, as type() has them; empty: not told
	named   []param  // of a parameter **NAME: what may be given; empty: any name
}

// of tells the types of the values that a kind can take.
func (k kind) of(types ...string) kind {
	k.types = types
	return k
}

var errWrongKind = errors.New("wrong kind")

// kindOf makes a kind of a conversion; errWrongKind from it becomes an error that says what was expected.
func kindOf[T any](want string, convert func(starlark.Value) (T, error)) kind {
	return kind{want: want, convert: func(v starlark.Value) (any, error) {
		x, err := convert(v)
		if errors.Is(err, errWrongKind) {
			return nil, fmt.Errorf("expected %s, got %s", want, shown(v))
		}
		if err != nil {
			return nil, err
		}
		return x, nil
	}}
}

// is makes a kind of the values of one Starlark type.
func is[T starlark.Value](want string) kind {
	return kindOf(want, func(v starlark.Value) (T, error) {
		x, ok := v.(T)
		if !ok {
			return x, errWrongKind
		}
		return x, nil
	})
}

// parsed makes a kind of strings that a parser understands.
func parsed[T any](want string, parse func(string) (T, error)) kind {
	return kindOf(want, func(v starlark.Value) (T, error) {
		s, ok := v.(starlark.String)
		if !ok {
			var zero T
			return zero, errWrongKind
		}
		x, err := parse(string(s))
		if err != nil {
			return x, fmt.Errorf("expected %s, got %s", want, shown(v))
		}
		return x, nil
	}).of("string")
}

var (
	anyKind      = kindOf("any value", func(v starlark.Value) (starlark.Value, error) { return v, nil })
	textKind     = parsed("a string", func(s string) (string, error) { return s, nil })
	boolKind     = kindOf("True or False", toBool).of("bool")
	hostKind     = is[*host]("a host").of("host")
	callableKind = is[starlark.Callable]("a function, such as lambda: …").of("function", "builtin_function_or_method")
	durationKind = parsed(`a duration such as "300ms" or "2s"`, parseDuration)
	sizeKind     = kindOf(`a size such as 1000, "64KB" or "1MiB", at most 1GiB`, toSize)
	addressKind  = parsed(`an IP address such as "10.0.1.1"`, netip.ParseAddr)
	prefixKind   = parsed(`an address with its prefix length, such as "10.0.1.1/24"`, netip.ParsePrefix)
	routeKind    = parsed(`a prefix such as "10.0.2.0/24", or "default"`, parseDestination)
	protocolKind = words("a protocol", map[string]lab.Protocol{"mptcp": lab.MPTCP, "tcp": lab.TCP})
	familyKind   = words("a family", map[string]string{"ipv4": "ipv4", "ipv6": "ipv6"})
	portKind     = number(0, 65535)
	endsKind     = kindOf(`a node, or a tuple of a node and its addresses: (client, "10.0.1.1/24")`, toEnd)
	listKind     = is[starlark.Iterable]("a list")
)

func toBool(v starlark.Value) (bool, error) {
	b, ok := v.(starlark.Bool)
	if !ok {
		return false, errWrongKind
	}
	return bool(b), nil
}

// number makes a kind of the whole numbers within bounds.
func number(low, high int64) kind {
	return kindOf(fmt.Sprintf("a number from %d to %d", low, high), func(v starlark.Value) (int64, error) {
		i, ok := v.(starlark.Int)
		if !ok {
			return 0, errWrongKind
		}
		n, ok := i.Int64()
		if !ok || n < low || n > high {
			return 0, errWrongKind
		}
		return n, nil
	}).of("int")
}

// words makes a kind of a few strings; a word that is none of them is told the nearest.
func words[T any](want string, known map[string]T) kind {
	names := sortedKeys(known)
	want += ": " + strings.Join(quoted(names), " or ")
	return kindOf(want, func(v starlark.Value) (T, error) {
		s, _ := v.(starlark.String)
		x, ok := known[string(s)]
		if !ok {
			return x, fmt.Errorf("expected %s, got %s%s", want, shown(v), DidYouMean(string(s), names))
		}
		return x, nil
	}).of("string")
}

// shown is a value as an error message names it, cut where it is long.
func shown(v starlark.Value) string {
	if v == starlark.None {
		return "None"
	}
	return v.Type() + " " + cut(v.String(), 100)
}

func cut(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return s
}
