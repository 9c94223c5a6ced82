package export

import (
	"context"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// SetUp implements [lab.Link].
func (l *link) SetUp(ctx context.Context, up bool) error {
	err := l.Link.SetUp(ctx, up)
	if err != nil {
		return err
	}
	l.lab.with(func(s *script) {
		setUp(s, up, l.ends[:]...)
		if up {
			for _, p := range l.ends {
				s.add("up %s %s", p.node.ns, quote(p.name))
			}
		}
	})
	return nil
}

// SetMTU implements [lab.Link].
func (l *link) SetMTU(ctx context.Context, mtu int) error {
	err := l.Link.SetMTU(ctx, mtu)
	l.lab.with(func(s *script) {
		for _, p := range l.ends {
			s.try(err, "%s link set %s mtu %d", p.node.ip(), p.dev(), mtu)
		}
	})
	return err
}

// Impair implements [lab.Link].
func (l *link) Impair(ctx context.Context, from int, i impair.Impairment) error {
	l.lab.skipping("how link %s treats what %s sends", l.Name(), l.Ends()[from].Node)
	return l.Link.Impair(ctx, from, i)
}

// AddRule implements [lab.Link].
func (l *link) AddRule(ctx context.Context, r *lab.Rule) error {
	l.lab.skipping("a rule of link %s for its packets", l.Name())
	return l.Link.AddRule(ctx, r)
}

// RemoveRule implements [lab.Link].
func (l *link) RemoveRule(r *lab.Rule) error {
	l.lab.skipping("the end of a rule of link %s", l.Name())
	return l.Link.RemoveRule(r)
}

// Inject implements [lab.Link].
func (l *link) Inject(ctx context.Context, i lab.Injection) error {
	l.lab.skipping("a packet forged on link %s", l.Name())
	return l.Link.Inject(ctx, i)
}
