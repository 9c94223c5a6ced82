package ipmptcp

import (
	"context"
	"math"

	"github.com/mdlayher/netlink"
)

// limit is one of the two limits as the words behind "limits set" and "limits show" give it; nil: not at all.
type limit struct {
	word string
	attr uint16
	n    *uint32
}

// parseLimits reads the words; the last of several values counts. The limits come in the order in which ip sends them.
func parseLimits(words []string) ([]limit, error) {
	limits := []limit{{word: "add_addr_accepted", attr: attrRcvAddAddrs}, {word: "subflows", attr: attrSubflows}}
	for len(words) > 0 {
		l := findLimit(limits, words[0])
		if l == nil {
			return nil, wrong(words[0], "unknown limit")
		}
		if len(words) == 1 {
			return nil, incomplete()
		}
		n, ok := parseUint(words[1], math.MaxUint32)
		if !ok {
			return nil, wrong(words[1], "invalid %s\n", l.word)
		}
		l.n = new(uint32(n))
		words = words[2:]
	}
	return limits, nil
}

func findLimit(limits []limit, word string) *limit {
	for i := range limits {
		if abbreviates(word, limits[i].word) {
			return &limits[i]
		}
	}
	return nil
}

// limits is "limits set" and "limits show", which takes values too, and whose values the kernel does not heed.
func (s *session) limits(ctx context.Context, cmd Cmd, words []string) error {
	limits, err := parseLimits(words)
	if err != nil {
		return err
	}
	e := netlink.NewAttributeEncoder()
	for _, l := range limits {
		if l.n != nil {
			e.Uint32(l.attr, *l.n)
		}
	}
	attrs, err := e.Encode()
	if err != nil {
		return refused(err)
	}
	reply, err := s.do(ctx, Request{Cmd: cmd, Attrs: attrs})
	for _, m := range reply.Messages {
		s.printLimits(m)
	}
	return err
}
