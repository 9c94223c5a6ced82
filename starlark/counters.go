package starlark

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// counters is a reading of a host's counters: a mapping whose keys are attributes too.
type counters struct {
	lab.Counters
	features *lab.Features
}

var (
	_ starlark.IterableMapping = counters{}
	_ starlark.HasAttrs        = counters{}
	_ starlark.Comparable      = counters{}
	_ starlark.HasBinary       = counters{}
)

var countersKind = is[counters]("a reading of host.counters")

func (h *host) counters() (counters, error) {
	read, err := h.host.Counters()
	if err != nil {
		return counters{}, fmt.Errorf("counters of %s: %w", h.host.Name(), err)
	}
	return counters{read, &h.run.options.Features}, nil
}

// String shows the counters that have moved.
func (c counters) String() string {
	var moved []string
	for _, name := range sortedKeys(c.Counters) {
		if n := c.Counters[name]; n != 0 {
			moved = append(moved, fmt.Sprintf("%s = %d", name, n))
		}
	}
	return "counters(" + strings.Join(moved, ", ") + ")"
}

func (c counters) Type() string          { return "counters" }
func (c counters) Freeze()               {}
func (c counters) Truth() starlark.Bool  { return len(c.Counters) > 0 }
func (c counters) Hash() (uint32, error) { return starlark.String(c.String()).Hash() }
func (c counters) AttrNames() []string   { return sortedKeys(c.Counters) }

func (c counters) Attr(name string) (starlark.Value, error) {
	if n, ok := c.Counters[name]; ok {
		return integer(n), nil
	}
	if f, known := c.features.Find("counter." + name); known && !f.OK {
		return nil, missing(f)
	}
	return nil, nil
}

// Get looks up a counter by its name. One that this kernel does not have, but another does, skips the case; any other name is an
// error, for it would be 0 forever.
func (c counters) Get(key starlark.Value) (starlark.Value, bool, error) {
	name, ok := starlark.AsString(key)
	if !ok {
		return nil, false, fmt.Errorf("counters are found by name, got %s", shown(key))
	}
	n, err := c.read(name)
	return integer(n), err == nil, err
}

func (c counters) read(name string) (uint64, error) {
	n, ok := c.Counters[name]
	if f, known := c.features.Find("counter." + name); !ok && known && !f.OK {
		return 0, missing(f)
	}
	if !ok {
		return 0, fmt.Errorf("the kernel has no counter MPTcpExt%s%s", name, DidYouMean(name, c.AttrNames()))
	}
	return n, nil
}

func (c counters) Iterate() starlark.Iterator {
	var names starlark.Tuple
	for _, name := range c.AttrNames() {
		names = append(names, text(name))
	}
	return names.Iterate()
}

func (c counters) Items() []starlark.Tuple {
	var items []starlark.Tuple
	for _, name := range c.AttrNames() {
		items = append(items, starlark.Tuple{text(name), integer(c.Counters[name])})
	}
	return items
}

func (c counters) CompareSameType(op syntax.Token, other starlark.Value, _ int) (bool, error) {
	o := other.(counters)
	if op != syntax.EQL && op != syntax.NEQ {
		return false, fmt.Errorf("counters %s counters: only == and != compare them", op)
	}
	equal := len(c.Since(o.Counters)) == 0 && len(o.Since(c.Counters)) == 0
	return equal == (op == syntax.EQL), nil
}

// Binary makes later - earlier how far each counter has moved in between.
func (c counters) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	earlier, ok := y.(counters)
	if op != syntax.MINUS || !ok || side != starlark.Left {
		return nil, nil
	}
	moved := lab.Counters{}
	for name, n := range c.Counters {
		moved[name] = n - earlier.Counters[name]
	}
	return counters{moved, c.features}, nil
}
