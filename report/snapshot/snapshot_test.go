package snapshot_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
)

var (
	endpoints = []pm.Endpoint{{ID: 1, Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSubflow}}
	addresses = []lab.Address{{Interface: "eth1", Prefix: netip.MustParsePrefix("10.0.1.1/24")}}
	packets   = []lab.Packet{{Link: "a-b", From: "a", To: "b"}}
	ends      = [2]lab.LinkEnd{{Node: "a", Interface: "eth1"}, {Node: "b", Interface: "eth1"}}
	events    = []lab.Event{{Event: pm.Event{Kind: pm.EventCreated}}}
	errLost   = errors.New("2 events were lost")
	errMade   = errors.New("no room")
)

// fakeLab makes what shows the values above; a thing named "none" cannot be made.
type fakeLab struct{ lab.Lab }

func (fakeLab) Host(_ context.Context, name string, _ lab.HostOptions) (lab.Host, error) {
	return fakeHost{name: name}, madeErr(name)
}

func (fakeLab) Switch(_ context.Context, name string) (lab.Node, error) {
	return fakeHost{name: name}, madeErr(name)
}

func (fakeLab) Link(_ context.Context, a, _ lab.End, _ lab.LinkOptions) (lab.Link, error) {
	return fakeLink{}, madeErr(a.Interface)
}

func madeErr(name string) error {
	if name == "none" {
		return errMade
	}
	return nil
}

type fakeHost struct {
	lab.Host
	name string
}

func (h fakeHost) Name() string               { return h.name }
func (fakeHost) Addresses() []lab.Address     { return addresses }
func (fakeHost) PathManager() lab.PathManager { return fakeManager{} }
func (fakeHost) Conns() ([]lab.Conn, error)   { return []lab.Conn{{Token: 7}}, nil }
func (fakeHost) Events() ([]lab.Event, error) { return events, errLost }
func (fakeHost) Counters() (lab.Counters, error) {
	return lab.Counters{"MPJoinSynRx": 1, "RmAddr": 0}, nil
}

type fakeManager struct{ lab.PathManager }

func (fakeManager) Limits() (pm.Limits, error)        { return pm.Limits{Subflows: 2}, nil }
func (fakeManager) Endpoints() ([]pm.Endpoint, error) { return endpoints, nil }

type fakeLink struct{ lab.Link }

func (fakeLink) Name() string                   { return "a-b" }
func (fakeLink) Ends() [2]lab.LinkEnd           { return ends }
func (fakeLink) Traffic() [2]lab.Traffic        { return [2]lab.Traffic{{Received: 3}} }
func (fakeLink) Packets() ([]lab.Packet, error) { return packets, nil }

func TestTake(t *testing.T) {
	ctx := t.Context()
	l := snapshot.Watch(fakeLab{})
	_, err := l.Host(ctx, "a", lab.HostOptions{Router: true})
	require.NoError(t, err)
	_, err = l.Switch(ctx, "b")
	require.NoError(t, err)
	_, err = l.Link(ctx, lab.End{}, lab.End{}, lab.LinkOptions{})
	require.NoError(t, err)

	_, err = l.Host(ctx, "none", lab.HostOptions{})
	require.ErrorIs(t, err, errMade)
	_, err = l.Switch(ctx, "none")
	require.ErrorIs(t, err, errMade)
	_, err = l.Link(ctx, lab.End{Interface: "none"}, lab.End{}, lab.LinkOptions{})
	require.ErrorIs(t, err, errMade)

	require.Equal(t, &snapshot.Snapshot{
		Nodes: []snapshot.Node{
			{
				Name: "a", Router: true, Addresses: addresses, Limits: pm.Limits{Subflows: 2}, Endpoints: endpoints,
				Conns: []lab.Conn{{Token: 7}}, Events: events, Counters: lab.Counters{"MPJoinSynRx": 1},
			},
			{Name: "b", Switch: true},
		},
		Links:   []snapshot.Link{{Name: "a-b", Ends: ends, Traffic: [2]lab.Traffic{{Received: 3}}, Packets: packets}},
		Missing: []string{"events of a: 2 events were lost"},
	}, l.Take())
}
