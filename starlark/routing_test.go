package starlark_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// TestRoutesReachEverything makes random labs, and sends packets by the routes that lab.route_all installs: whatever routers lead to is
// reached by the fewest of them, from each address of a host by its own interface, and what is nowhere is refused, not passed around.
func TestRoutesReachEverything(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			text := randomLab(rand.New(rand.NewPCG(seed, 1)))
			in := &fakeLab{}
			out := script(t, text)[0].Run(t.Context(), in)
			require.Equal(t, report.Passed, out.Verdict, out.Message)
			w := newWorld(in)
			for _, from := range w.hosts {
				for _, to := range w.addresses {
					w.check(t, text, from, to)
				}
				for _, nowhere := range []string{"203.0.113.1", "2001:db8::1"} {
					_, ok := w.send(from, netip.Addr{}, netip.MustParseAddr(nowhere))
					require.False(t, ok, text)
				}
			}
		})
	}
}

// randomLab is a script of some hosts, routers and switches, of which not all are joined.
func randomLab(r *rand.Rand) string {
	var w strings.Builder
	w.WriteString("def test_x(lab):\n    n = [lab.host(\"r\", router = True)]\n")
	hosts := 3 + r.IntN(9)
	for i := 1; i < hosts; i++ {
		router := "False"
		if r.IntN(3) > 0 {
			router = "True"
		}
		fmt.Fprintf(&w, "    n.append(lab.host(\"h%d\", router = %s))\n", i, router)
	}
	switches := r.IntN(3)
	for i := range switches {
		fmt.Fprintf(&w, "    n.append(lab.switch(\"s%d\"))\n", i)
	}
	for range hosts + r.IntN(6) {
		a, b := r.IntN(hosts), r.IntN(hosts+switches)
		if a != b {
			fmt.Fprintf(&w, "    lab.link(n[%d], n[%d])\n", a, b)
		}
	}
	w.WriteString("    lab.route_all()\n    check.true(n)\n")
	return w.String()
}

// world is hosts and the addresses by which they know each other.
type world struct {
	hosts     []*fakeHost
	addresses []netip.Prefix
	owner     map[netip.Addr]*fakeHost
	places    map[netip.Prefix]map[*fakeHost][]string // who is in a network, and by which interfaces
}

func newWorld(l *fakeLab) *world {
	w := &world{owner: map[netip.Addr]*fakeHost{}, places: map[netip.Prefix]map[*fakeHost][]string{}}
	for _, x := range l.hosts {
		h := x.(*fakeHost)
		w.hosts = append(w.hosts, h)
		for _, a := range h.addresses {
			w.addresses = append(w.addresses, a.Prefix)
			w.owner[a.Prefix.Addr()] = h
			network := a.Prefix.Masked()
			if w.places[network] == nil {
				w.places[network] = map[*fakeHost][]string{}
			}
			w.places[network][h] = append(w.places[network][h], a.Interface)
		}
	}
	return w
}

// distance is the smallest number of routers between an interface of a host, or any, and a network, -1 if there is no way. It
// widens a circle.
func (w *world) distance(from *fakeHost, to netip.Prefix, iface string) int {
	inside := map[*fakeHost]bool{from: true}
	for passed := 0; passed <= len(w.hosts); passed++ {
		next := map[*fakeHost]bool{}
		for h := range inside {
			for network, members := range w.places {
				own := members[h]
				if len(own) == 0 || network.Addr().Is4() != to.Addr().Is4() || h == from && iface != "" && !slices.Contains(own, iface) {
					continue
				}
				if network == to {
					return passed
				}
				for m := range members {
					if m.router {
						next[m] = true
					}
				}
			}
		}
		delete(next, from)
		for h := range inside {
			if h != from {
				next[h] = true
			}
		}
		inside = next
	}
	return -1
}

// send passes a packet from host to host, and tells how many routers it took to the network of the address, and whether it arrived.
func (w *world) send(at *fakeHost, source, to netip.Addr) (passed int, arrived bool) {
	passed = -1
	for hops := 0; w.owner[to] != at; hops++ {
		if hops > len(w.hosts) {
			panic("a packet goes in circles")
		}
		next := w.next(at, source, to)
		switch direct := w.direct(at, source, to); {
		case passed >= 0:
		case direct:
			passed = hops
		case next == w.owner[to]:
			passed = hops + 1 // a router, which is in the network itself
		}
		if next == nil || next != w.owner[to] && !next.router {
			return passed, false
		}
		at, source = next, netip.Addr{}
	}
	return passed, true
}

// direct tells whether a host has an address in the network of another one, on the interface of the source if there is one.
func (w *world) direct(h *fakeHost, source, to netip.Addr) bool {
	own := h.interfaceOf(source)
	for _, a := range h.addresses {
		if a.Prefix.Contains(to) && (own == "" || own == a.Interface) {
			return true
		}
	}
	return false
}

// interfaceOf is that of an address; empty for one that the host does not have.
func (h *fakeHost) interfaceOf(source netip.Addr) string {
	for _, a := range h.addresses {
		if a.Prefix.Addr() == source {
			return a.Interface
		}
	}
	return ""
}

// next is to whom a host hands a packet: the longest match decides, in the table of the source if the packet has one.
func (w *world) next(h *fakeHost, source, to netip.Addr) *fakeHost {
	own := h.interfaceOf(source)
	best, bits := (*fakeHost)(nil), -1
	for _, a := range h.addresses {
		if a.Prefix.Contains(to) && (own == "" || own == a.Interface) && a.Prefix.Bits() > bits {
			best, bits = w.owner[to], a.Prefix.Bits()
		}
	}
	for _, r := range h.routes {
		if r.Destination.Contains(to) && r.Destination.Bits() > bits && w.applies(r, source, own) {
			best, bits = w.owner[r.Via], r.Destination.Bits()
		}
	}
	return best
}

// applies tells whether a route is in the table that is looked at.
func (w *world) applies(r lab.Route, source netip.Addr, own string) bool {
	if r.Source.IsValid() {
		return r.Source == source
	}
	return own == "" || own == r.Interface
}

// check sends a packet to an address: from anywhere, and from each address of a host that is no router.
func (w *world) check(t *testing.T, text string, from *fakeHost, to netip.Prefix) {
	if w.owner[to.Addr()] == from {
		return
	}
	require.Equal(t, w.distance(from, to.Masked(), ""), w.passed(from, netip.Addr{}, to), "%s to %s\n%s", from.name, to, text)
	for _, a := range from.addresses {
		if from.router || a.Prefix.Addr().Is4() != to.Addr().Is4() {
			continue
		}
		require.Equal(t, w.distance(from, to.Masked(), a.Interface), w.passed(from, a.Prefix.Addr(), to), "%s from %s to %s\n%s", from.name, a.Prefix, to, text)
	}
}

func (w *world) passed(from *fakeHost, source netip.Addr, to netip.Prefix) int {
	n, arrived := w.send(from, source, to.Addr())
	if !arrived {
		return -1
	}
	return n
}
