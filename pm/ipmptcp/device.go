package ipmptcp

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// devices knows the network interfaces. They are listed once, when first needed, and a name once learnt stays, even if an
// interface is renamed meanwhile; what is not known is looked for again.
type devices struct {
	manager Manager
	known   []Link
	listed  bool
}

// list fills the list, unless that was done.
func (d *devices) list(ctx context.Context) error {
	if d.listed {
		return nil
	}
	links, err := d.manager.Links(ctx)
	if err != nil {
		return &failure{text: fmt.Sprintf("RTNETLINK answers: %s\nDump terminated\n", errorText(err)), status: statusFailed, final: true}
	}
	d.known, d.listed = links, true
	return nil
}

// index is that of the interface with the name or alternative name, or 0.
func (d *devices) index(ctx context.Context, name string) int32 {
	if i := find(d.known, name); i != 0 {
		return i
	}
	// if_nametoindex(3) ends a name at a colon, behind which an alias once stood.
	before, _, _ := strings.Cut(name, ":")
	links := d.refresh(ctx)
	for _, n := range []string{name, before} {
		if i := find(links, n); i != 0 {
			return i
		}
	}
	return unnamedIndex(name)
}

func find(links []Link, name string) int32 {
	for _, l := range links {
		if l.Name == name || slices.Contains(l.AltNames, name) {
			return l.Index
		}
	}
	return 0
}

// name is that of the interface, or "if" and the index if there is none.
func (d *devices) name(ctx context.Context, index int32) string {
	has := func(l Link) bool { return l.Index == index }
	if !slices.ContainsFunc(d.known, has) {
		d.refresh(ctx)
	}
	if i := slices.IndexFunc(d.known, has); i >= 0 {
		return d.known[i].Name
	}
	return "if" + strconv.FormatUint(uint64(uint32(index)), 10)
}

// refresh adds interfaces that are new, and returns all as they are now.
func (d *devices) refresh(ctx context.Context) []Link {
	links, err := d.manager.Links(ctx)
	if err != nil {
		return nil // an interface that cannot be looked up is unknown
	}
	for _, l := range links {
		if !slices.ContainsFunc(d.known, func(k Link) bool { return k.Index == l.Index }) {
			d.known = append(d.known, l)
		}
	}
	return links
}

// unnamedIndex reads a name as sscanf(3) reads "if%u": a number may have a sign, and anything may follow.
func unnamedIndex(name string) int32 {
	digits, ok := strings.CutPrefix(name, "if")
	if !ok {
		return 0
	}
	digits = strings.TrimLeft(digits, cSpace)
	unsigned := strings.TrimPrefix(strings.TrimPrefix(digits, "-"), "+")
	if len(digits)-len(unsigned) > 1 {
		return 0
	}
	end := strings.IndexFunc(unsigned, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(unsigned)
	}
	n, err := strconv.ParseUint(unsigned[:end], 10, 64)
	if err != nil {
		return 0
	}
	if digits[0] == '-' {
		n = -n
	}
	return int32(uint32(n))
}

// validName tells whether the kernel could have an interface of that name.
func validName(name string) bool {
	const size = 16 // IFNAMSIZ, with the final 0
	return name != "" && len(name) < size && name != "." && name != ".." && !strings.ContainsAny(name, cSpace+"/")
}
