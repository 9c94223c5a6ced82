package lab

import (
	"errors"
	"fmt"
)

// String is the route as ip(8) would write it.
func (r Route) String() string {
	s := "route " + r.Destination.String()
	if r.Destination.Bits() == 0 {
		s = "route default"
	}
	if r.Via.IsValid() {
		s += " via " + r.Via.String()
	}
	if r.Source.IsValid() {
		s += " from " + r.Source.String()
	}
	return s
}

// Validate refuses what no host can have, and a kernel would refuse without words.
func (r Route) Validate() error {
	destination := r.Destination.Addr()
	switch {
	case !r.Destination.IsValid():
		return errors.New("add route: no destination")
	case r.Destination != r.Destination.Masked():
		return fmt.Errorf("%s: the destination has bits set beyond its length, want %s", r, r.Destination.Masked())
	case r.Via.IsValid() && r.Via.Is4() && destination.Is6():
		return fmt.Errorf("%s: an IPv6 route cannot go via an IPv4 next hop", r)
	case r.Source.IsValid() && r.Source.Is4() != destination.Is4():
		return fmt.Errorf("%s: source and destination are of different families", r)
	}
	return nil
}
