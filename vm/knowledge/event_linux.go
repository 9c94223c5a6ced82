package knowledge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// eventWithin is how long an event may take that a kernel may not know.
const eventWithin = 2 * time.Second

// trial is two hosts joined by two links, in which everything is made to happen that events tell of.
type trial struct {
	lab            lab.Lab
	client, server lab.Host
}

// askEvents makes happen what events tell of, and collects those that come, each with all attributes that any of its kind had.
func askEvents(ctx context.Context, b lab.Backend) (items []Item, err error) {
	l, err := b.Open(ctx, lab.Options{Name: "events"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	t := trial{lab: l}
	if err := t.provoke(ctx); err != nil {
		return nil, fmt.Errorf("provoke events: %w", err)
	}
	has := map[pm.EventKind]pm.Attrs{}
	for _, h := range l.Hosts() {
		events, err := h.Events()
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			has[e.Kind] |= e.Has
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(has)) {
		items = append(items, Item{Event, kind.String(), has[kind].String()})
	}
	return items, nil
}

// link joins the hosts by one more link: 10.0.N.1 is the client's address there, 10.0.N.2 the server's.
func (t *trial) link(ctx context.Context, n byte) error {
	end := func(h lab.Host, last byte) lab.End {
		return lab.End{Node: h, Addresses: []netip.Prefix{netip.PrefixFrom(address(n, last), 24)}}
	}
	_, err := t.lab.Link(ctx, end(t.client, 1), end(t.server, 2), lab.LinkOptions{})
	return err
}

func address(network, host byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, network, host}) }

func (t *trial) provoke(ctx context.Context) error {
	var err error
	if t.client, err = t.lab.Host(ctx, "client", lab.HostOptions{}); err != nil {
		return err
	}
	if t.server, err = t.lab.Host(ctx, "server", lab.HostOptions{}); err != nil {
		return err
	}
	if err := errors.Join(t.link(ctx, 1), t.link(ctx, 2)); err != nil {
		return err
	}
	limit := uint32(2)
	limits := pm.LimitsUpdate{Subflows: &limit, AddAddrAccepted: &limit}
	if err := errors.Join(t.client.PathManager().SetLimits(limits), t.server.PathManager().SetLimits(limits)); err != nil {
		return err
	}
	listener, err := t.server.Listen(ctx, lab.ListenOptions{Address: netip.AddrPortFrom(address(1, 2), 0)})
	if err != nil {
		return err
	}
	client, err := t.client.Dial(ctx, lab.DialOptions{Remote: listener.Address()})
	if err != nil {
		return err
	}
	server, err := listener.Accept(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(client.Send(ctx, 1000), server.Receive(ctx, 1000)); err != nil {
		return err
	}
	if err := t.manage(ctx); err != nil {
		return err
	}
	if err := errors.Join(client.Abort(), server.Close(), listener.Close()); err != nil {
		return err
	}
	if err := t.await(ctx, t.server, pm.EventClosed); err != nil {
		return err
	}
	return t.await(ctx, t.server, pm.EventListenerClosed)
}

// manage makes the path managers announce, join, change a priority, close and remove.
func (t *trial) manage(ctx context.Context) error {
	path := pm.Endpoint{Address: address(2, 1), ID: 1, Flags: pm.FlagSubflow}
	announced := pm.Endpoint{Address: address(2, 2), ID: 1, Flags: pm.FlagSignal}
	backup := path
	backup.Flags |= pm.FlagBackup
	steps := []struct {
		do    func() error
		where lab.Host
		event pm.EventKind
	}{
		{func() error { return t.client.PathManager().AddEndpoint(path) }, t.client, pm.EventSubEstablished},
		{func() error { return t.client.PathManager().ChangeEndpoint(backup) }, t.server, pm.EventSubPriority},
		{func() error { return t.server.PathManager().AddEndpoint(announced) }, t.client, pm.EventAnnounced},
		{func() error { return t.client.PathManager().DeleteEndpoint(path) }, t.client, pm.EventSubClosed},
		{func() error { return t.server.PathManager().DeleteEndpoint(announced) }, t.client, pm.EventRemoved},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return err
		}
		if err := t.await(ctx, s.where, s.event); err != nil {
			return err
		}
	}
	return nil
}

// await waits until the host has seen the event; one that does not come is one that the kernel does not know.
func (t *trial) await(ctx context.Context, h lab.Host, kind pm.EventKind) error {
	_, err := t.lab.Wait(ctx, eventWithin, func() (bool, error) {
		events, err := h.Events()
		return slices.ContainsFunc(events, func(e lab.Event) bool { return e.Kind == kind }), err
	})
	return err
}
