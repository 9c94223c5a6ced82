package coverage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/coverage"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fake is what a lab shows.
type fake struct {
	alone     bool
	lost      error // of the events
	counters  lab.Counters
	events    []lab.Event
	packets   []lab.Packet
	endpoints []pm.Endpoint

	linked []lab.Node
	closed int
}

type fakeBackend struct {
	lab.Backend
	fake *fake
}

func (b fakeBackend) Open(context.Context, lab.Options) (lab.Lab, error) {
	return fakeLab{fake: b.fake}, nil
}

type fakeLab struct {
	lab.Lab
	fake *fake
}

func (l fakeLab) Alone() bool       { return l.fake.alone }
func (l fakeLab) Hosts() []lab.Host { return []lab.Host{fakeHost{fake: l.fake}} }

func (l fakeLab) Host(context.Context, string, lab.HostOptions) (lab.Host, error) {
	return fakeHost{fake: l.fake}, nil
}

func (l fakeLab) Link(_ context.Context, a, b lab.End, _ lab.LinkOptions) (lab.Link, error) {
	l.fake.linked = append(l.fake.linked, a.Node, b.Node)
	return fakeLink{fake: l.fake}, nil
}

func (l fakeLab) Close() error {
	l.fake.closed++
	return nil
}

type fakeLink struct {
	lab.Link
	fake *fake
}

func (l fakeLink) Packets() ([]lab.Packet, error) { return l.fake.packets, nil }

type fakeHost struct {
	lab.Host
	fake *fake
}

func (h fakeHost) Counters() (lab.Counters, error) { return h.fake.counters, nil }
func (h fakeHost) Events() ([]lab.Event, error)    { return h.fake.events, h.fake.lost }
func (h fakeHost) PathManager() lab.PathManager    { return fakeManager{fake: h.fake} }
func (h fakeHost) IPNamespace() ipmptcp.Namespace  { return fakeNamespace{fake: h.fake} }
func (fakeHost) SetSysctl(string, string) error    { return nil }
func (fakeHost) Name() string                      { return "client" }

type fakeManager struct {
	lab.PathManager
	fake *fake
}

func (m fakeManager) Endpoints() ([]pm.Endpoint, error) { return m.fake.endpoints, nil }
func (fakeManager) AddEndpoint(pm.Endpoint) error       { return nil }

func (fakeManager) SetFlags(uint32, netip.AddrPort, netip.AddrPort, pm.Flags) error { return nil }

type fakeNamespace struct {
	ipmptcp.Namespace
	fake *fake
}

func (n fakeNamespace) Open(context.Context, int) (ipmptcp.Manager, error) {
	return fakeIP{fake: n.fake}, nil
}

type fakeIP struct {
	ipmptcp.Manager
	fake *fake
}

func (m fakeIP) Do(_ context.Context, r ipmptcp.Request) (ipmptcp.Reply, error) {
	if r.Cmd == ipmptcp.CmdAddAddr {
		m.fake.endpoints = append(m.fake.endpoints, pm.Endpoint{Flags: pm.FlagSubflow | pm.FlagFullmesh})
	}
	return ipmptcp.Reply{}, nil
}

// open opens a lab of the fake, recorded as that case.
func open(t *testing.T, r *coverage.Recorder, f *fake, name string) lab.Lab {
	t.Helper()
	l, err := r.Wrap(fakeBackend{fake: f}).Open(t.Context(), lab.Options{Name: name})
	require.NoError(t, err)
	return l
}

func host(t *testing.T, l lab.Lab, o lab.HostOptions) lab.Host {
	t.Helper()
	h, err := l.Host(t.Context(), "client", o)
	require.NoError(t, err)
	return h
}

// exercised are the names of the items of a kind that some case has exercised.
func exercised(r coverage.Report, k coverage.Kind) []string {
	i := slices.IndexFunc(r.Groups, func(g coverage.Group) bool { return g.Kind == k })
	var names []string
	for _, item := range r.Groups[i].Items {
		if len(item.Cases) > 0 {
			names = append(names, item.Name)
		}
	}
	return names
}

func TestRecorder(t *testing.T) {
	tests := []struct {
		name string
		kind coverage.Kind
		fake fake
		do   func(t *testing.T, l lab.Lab)
		want []string
	}{
		{"a counter that moved", coverage.Counter, fake{counters: lab.Counters{"AddAddr": 2, "RmAddr": 0}}, nil, []string{"AddAddr"}},
		{"a counter that nobody knows", coverage.Counter, fake{counters: lab.Counters{"New": 1}}, nil, []string{"New"}},
		{"a gauge that was read meanwhile", coverage.Counter, fake{counters: lab.Counters{"MPCurrEstab": 1}}, func(t *testing.T, l lab.Lab) {
			h := host(t, l, lab.HostOptions{})
			counters, err := h.Counters()
			require.NoError(t, err)
			counters["MPCurrEstab"] = 0
		}, []string{"MPCurrEstab"}},
		{"an event", coverage.Event, fake{events: []lab.Event{{Event: pm.Event{Kind: pm.EventRemoved}}}}, nil, []string{"REMOVED"}},
		{"attributes of an event", coverage.Attribute, fake{events: []lab.Event{{Event: pm.Event{Has: pm.AttrRemoteID | pm.AttrToken}}}}, nil, []string{"TOKEN", "REM_ID"}},
		{"nobody listens to events", coverage.Event, fake{alone: true, events: []lab.Event{{Event: pm.Event{Kind: pm.EventRemoved}}}}, nil, nil},
		{"commands", coverage.Command, fake{}, func(t *testing.T, l lab.Lab) {
			m := host(t, l, lab.HostOptions{}).PathManager()
			require.NoError(t, m.AddEndpoint(pm.Endpoint{}))
			require.NoError(t, m.SetFlags(1, netip.AddrPort{}, netip.AddrPort{}, 0))
		}, []string{"endpoint add", "subflow change"}},
		{"flags that were asked for", coverage.Flag, fake{}, func(t *testing.T, l lab.Lab) {
			require.NoError(t, host(t, l, lab.HostOptions{}).PathManager().AddEndpoint(pm.Endpoint{Flags: pm.FlagSignal | pm.FlagBackup}))
		}, []string{"signal", "backup"}},
		{"a flag that the kernel gave", coverage.Flag, fake{endpoints: []pm.Endpoint{{Flags: pm.FlagImplicit}}}, nil, []string{"implicit"}},
		{"a command of ip-mptcp(8)", coverage.Command, fake{}, ipAdd, []string{"endpoint add"}},
		{"flags by ip-mptcp(8)", coverage.Flag, fake{}, ipAdd, []string{"subflow", "fullmesh"}},
		{"options", coverage.Option, fake{packets: []lab.Packet{{Packet: wire.Packet{Options: []wire.Option{&wire.MPPrio{}, &wire.DSS{}}}}}}, link, []string{"DSS", "MP_PRIO"}},
		{"a reason of a reset", coverage.ResetReason, fake{packets: []lab.Packet{{Packet: wire.Packet{Options: []wire.Option{&wire.TCPRst{Reason: wire.ResetResources}}}}}}, link, []string{"2 lack of resources"}},
		{"settings", coverage.Sysctl, fake{}, func(t *testing.T, l lab.Lab) {
			h := host(t, l, lab.HostOptions{Sysctl: map[string]string{"net.mptcp.enabled": "0"}})
			require.NoError(t, h.SetSysctl("net.ipv4.tcp_timestamps", "0"))
		}, []string{"net.mptcp.enabled", "net.ipv4.tcp_timestamps"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r coverage.Recorder
			l := open(t, &r, &test.fake, "a.star::test_a")
			if test.do != nil {
				test.do(t, l)
			}
			require.NoError(t, l.Close())
			require.Equal(t, test.want, exercised(r.Report(), test.kind))
			require.Empty(t, r.Report().Partial)
		})
	}
}

func ipAdd(t *testing.T, l lab.Lab) {
	m, err := host(t, l, lab.HostOptions{}).IPNamespace().Open(t.Context(), 0)
	require.NoError(t, err)
	_, err = m.Do(t.Context(), ipmptcp.Request{Cmd: ipmptcp.CmdAddAddr})
	require.NoError(t, err)
}

func link(t *testing.T, l lab.Lab) {
	_, err := l.Link(t.Context(), lab.End{}, lab.End{}, lab.LinkOptions{})
	require.NoError(t, err)
}

func TestBackendGetsItsOwnNodes(t *testing.T) {
	var (
		r coverage.Recorder
		f fake
	)
	l := open(t, &r, &f, "a")
	_, err := l.Link(t.Context(), lab.End{Node: host(t, l, lab.HostOptions{})}, lab.End{Node: node{}}, lab.LinkOptions{})
	require.NoError(t, err)
	require.IsType(t, fakeHost{}, f.linked[0])
	require.Equal(t, node{}, f.linked[1])
}

type node struct{}

func (node) Name() string { return "lan1" }

func TestLabIsReadOnce(t *testing.T) {
	var r coverage.Recorder
	f := &fake{}
	l := open(t, &r, f, "a")
	require.NoError(t, l.Close())
	f.counters = lab.Counters{"AddAddr": 1} // would be of another lab
	require.NoError(t, l.Close())
	require.Equal(t, 2, f.closed)
	require.Empty(t, exercised(r.Report(), coverage.Counter))
}

func TestLostEventsAreGaps(t *testing.T) {
	var r coverage.Recorder
	f := &fake{lost: errors.New("overrun"), events: []lab.Event{{Event: pm.Event{Kind: pm.EventClosed}}}}
	require.NoError(t, open(t, &r, f, "a").Close())
	report := r.Report()
	require.Equal(t, []string{"a"}, report.Partial)
	require.Equal(t, []string{"CLOSED"}, exercised(report, coverage.Event))
}

// TestCountersAreThoseOfTheKernel sees that a counter which this kernel does not have is not missed.
func TestCountersAreThoseOfTheKernel(t *testing.T) {
	var r coverage.Recorder
	require.NoError(t, open(t, &r, &fake{counters: lab.Counters{"AddAddr": 1, "RmAddr": 0}}, "a").Close())
	group := r.Report().Groups[0]
	require.Equal(t, coverage.Counter, group.Kind)
	require.Equal(t, []string{"RmAddr"}, group.Never())
	require.Equal(t, 1, group.Exercised())

	var empty coverage.Recorder
	require.Equal(t, coverage.Known(coverage.Counter), empty.Report().Groups[0].Never())
}

// report is one of three cases.
func report(t *testing.T) coverage.Report {
	var r coverage.Recorder
	for name, f := range map[string]*fake{
		"a.star::test_a": {counters: lab.Counters{"AddAddr": 2, "RmAddr": 0, "MPCapableSYNRX": 1}},
		"a.star::test_b": {counters: lab.Counters{"MPCapableSYNRX": 1}, endpoints: []pm.Endpoint{{Flags: pm.FlagSignal}}},
		"b.star::test_c": {lost: errors.New("overrun")},
	} {
		require.NoError(t, open(t, &r, f, name).Close())
	}
	return r.Report()
}

func TestWriteText(t *testing.T) {
	var got bytes.Buffer
	require.NoError(t, report(t).WriteText(&got))
	path := filepath.Join("testdata", "report.golden")
	if *update {
		require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	r := report(t)
	require.NoError(t, r.WriteJSON(&b))
	var back coverage.Report
	require.NoError(t, json.Unmarshal(b.Bytes(), &back))
	require.Equal(t, r, back)
	require.Equal(t, []string{"a.star::test_a", "a.star::test_b", "b.star::test_c"}, back.Cases)
	require.NotContains(t, b.String(), "null")
}

func TestKnownNamesAreDistinct(t *testing.T) {
	for _, k := range coverage.Kinds() {
		names := coverage.Known(k)
		require.NotEmpty(t, names, k)
		for i, name := range names {
			require.NotEmpty(t, name)
			require.NotContains(t, names[i+1:], name, "%s", k)
			require.NotContains(t, name, "UNKNOWN", "%s", k)
		}
	}
}
