package starlark_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// fakeLab is a lab in memory with virtual time: enough for the mechanics of the language, and nothing of MPTCP.
type fakeLab struct {
	now      time.Duration
	hosts    []lab.Host
	timeline []lab.Entry
	links    []*fakeLink
}

var _ lab.Lab = (*fakeLab)(nil)

func (l *fakeLab) Host(_ context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	if name == "panic" {
		panic("the fake was told to")
	}
	h := &fakeHost{lab: l, name: name, router: o.Router, sysctl: o.Sysctl}
	l.hosts = append(l.hosts, h)
	return h, nil
}

func (l *fakeLab) Switch(_ context.Context, name string) (lab.Node, error) {
	return &fakeHost{lab: l, name: name}, nil
}

func (l *fakeLab) Link(_ context.Context, a, b lab.End, _ lab.LinkOptions) (lab.Link, error) {
	link := &fakeLink{}
	l.links = append(l.links, link)
	for i, e := range []lab.End{a, b} {
		h := e.Node.(*fakeHost)
		h.links++
		if e.Interface == "" {
			e.Interface = fmt.Sprintf("eth%d", h.links)
		}
		for _, p := range e.Addresses {
			h.addresses = append(h.addresses, lab.Address{Interface: e.Interface, Prefix: p})
		}
		link.ends[i] = lab.LinkEnd{Node: h.name, Interface: e.Interface, Addresses: e.Addresses}
	}
	return link, nil
}

func (l *fakeLab) Alone() bool       { return false }
func (l *fakeLab) Hosts() []lab.Host { return l.hosts }

// Wait lets time pass in steps of 10 ms, in no time at all.
func (l *fakeLab) Wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	for end := l.now + timeout; ; l.now += 10 * time.Millisecond {
		ok, err := cond()
		if ok || err != nil || l.now >= end || ctx.Err() != nil {
			return ok, err
		}
	}
}

// Together does one thing after the other.
func (l *fakeLab) Together(ctx context.Context, do ...func(context.Context) error) error {
	for _, f := range do {
		if err := f(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (l *fakeLab) Timeout(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, cause)
}

func (l *fakeLab) Wake()                 {}
func (l *fakeLab) Now() time.Duration    { return l.now }
func (l *fakeLab) Timeline() []lab.Entry { return l.timeline }
func (l *fakeLab) Close() error          { return nil }

func (l *fakeLab) Note(kind lab.EntryKind, host, text string) {
	l.timeline = append(l.timeline, lab.Entry{Time: l.now, Host: host, Kind: kind, Text: text})
}

// fakeLink carries nothing. A new rule is asked about the sample packets at once, and the link keeps what it decides.
type fakeLink struct {
	ends     [2]lab.LinkEnd
	verdicts []lab.Verdict
}

func (l *fakeLink) Name() string {
	return fmt.Sprintf("%s:%s-%s:%s", l.ends[0].Node, l.ends[0].Interface, l.ends[1].Node, l.ends[1].Interface)
}

func (l *fakeLink) Ends() [2]lab.LinkEnd              { return l.ends }
func (l *fakeLink) SetUp(context.Context, bool) error { return nil }
func (l *fakeLink) SetMTU(context.Context, int) error { return nil }
func (l *fakeLink) Packets() ([]lab.Packet, error)    { return nil, nil }

func (l *fakeLink) Impair(_ context.Context, _ int, i impair.Impairment) error { return i.Validate() }
func (l *fakeLink) RemoveRule(*lab.Rule) error                                 { return nil }
func (l *fakeLink) Seen(*lab.Rule) (matched, selected uint)                    { return 0, 0 }
func (l *fakeLink) Inject(context.Context, lab.Injection) error                { return nil }
func (l *fakeLink) Traffic() [2]lab.Traffic                                    { return [2]lab.Traffic{} }

func (l *fakeLink) AddRule(_ context.Context, r *lab.Rule) error {
	if err := r.Select.Validate(); err != nil {
		return err
	}
	for _, frame := range sampleFrames() {
		decoded, err := wire.Decode(frame, wire.LayerEthernet)
		if err != nil {
			return err
		}
		decide := func(v lab.Verdict) error {
			l.verdicts = append(l.verdicts, v)
			return nil
		}
		p := lab.Packet{Link: l.Name(), From: l.ends[0].Node, To: l.ends[1].Node, Head: lab.HeadOf(frame), Packet: decoded}
		if r.Select.Match.Matches(decoded, match.AToB) {
			if v := r.Judge(p, frame, decide); v.Action != lab.ActionWait && v.Action != lab.ActionHold {
				l.verdicts = append(l.verdicts, v)
			}
		}
	}
	return nil
}

// sampleFrames are some packets of a connection, as they are on an Ethernet link.
func sampleFrames() [][]byte {
	client, server := netip.MustParseAddrPort("10.0.1.1:40000"), netip.MustParseAddrPort("10.0.1.2:8001")
	var frames [][]byte
	for _, x := range []struct {
		flags   wire.TCPFlags
		payload string
		options []wire.Option
	}{
		{wire.FlagSYN, "", []wire.Option{&wire.MPCapable{Version: 1, Crypto: 1}}},
		{wire.FlagSYN, "", []wire.Option{&wire.MPJoin{ID: 1, Token: 2, Nonce: 3}}},
		{wire.FlagSYN | wire.FlagACK, "", []wire.Option{&wire.MPJoin{Phase: wire.JoinSYNACK, ID: 1, TruncatedHMAC: 2, Nonce: 3}}},
		{wire.FlagACK, "", []wire.Option{&wire.AddAddr{ID: 1, Address: netip.MustParseAddr("10.0.2.2"), HMAC: 4}}},
		{wire.FlagACK, "", []wire.Option{&wire.RemoveAddr{IDs: []uint8{1, 2}}, &wire.MPPrio{Backup: true}}},
		{wire.FlagACK | wire.FlagPSH, "hello", []wire.Option{&wire.DSS{HasAck: true, Ack: 1, HasMapping: true, DSN: 1 << 40, DSN64: true, SubflowSeq: 1, DataLen: 5}}},
		{wire.FlagRST | wire.FlagACK, "", []wire.Option{&wire.FastClose{Key: 7}}},
	} {
		packet, err := wire.Encode(wire.Packet{Src: client, Dst: server, Flags: x.flags, Seq: 100, Ack: 200, Window: 300, Options: x.options}, []byte(x.payload))
		if err != nil {
			panic(err)
		}
		ethernet := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}
		frames = append(frames, append(ethernet, packet...))
	}
	return frames
}

// fakeHost is a host and its path manager.
type fakeHost struct {
	lab       *fakeLab
	name      string
	links     int
	addresses []lab.Address
	routes    []lab.Route
	router    bool
	sysctl    map[string]string
	endpoints []pm.Endpoint
	limits    pm.Limits
	pending   []*fakeSocket
	conns     int
}

var (
	_ lab.Host        = (*fakeHost)(nil)
	_ lab.PathManager = fakeManager{}
)

var errFake = errors.New("not in the fake")

func (h *fakeHost) IPNamespace() ipmptcp.Namespace { return nil }
func (h *fakeHost) Enter() string                  { return "" }
func (h *fakeHost) Name() string                   { return h.name }

func (h *fakeHost) Addresses() []lab.Address { return h.addresses }

func (h *fakeHost) AddAddress(context.Context, string, netip.Prefix) error { return errFake }

func (h *fakeHost) DeleteAddress(context.Context, string, netip.Prefix) error { return errFake }

func (h *fakeHost) AddRoute(_ context.Context, r lab.Route) error {
	h.routes = append(h.routes, r)
	return nil
}

func (h *fakeHost) RouteTo(context.Context, netip.Addr, netip.Addr) (lab.Way, error) {
	return lab.Way{}, errFake
}

func (h *fakeHost) SetInterfaceUp(context.Context, string, bool) error { return errFake }

func (h *fakeHost) InterfaceIndex(string) (int32, error) { return 2, nil }

func (h *fakeHost) Sysctl(name string) (string, error) { return h.sysctl[name], nil }

func (h *fakeHost) SetSysctl(name, value string) error { h.sysctl[name] = value; return nil }
func (h *fakeHost) Firewall() lab.Firewall             { return nil }
func (h *fakeHost) PathManager() lab.PathManager       { return fakeManager{h} }
func (h *fakeHost) Conns() ([]lab.Conn, error)         { return nil, nil }

func (h *fakeHost) Conn(uint32) (lab.Conn, error)          { return lab.Conn{}, errFake }
func (h *fakeHost) Listeners() ([]lab.Listening, error)    { return nil, nil }
func (h *fakeHost) SocketsInUse(lab.Protocol) (int, error) { return h.conns, nil }

func (h *fakeHost) Exec(context.Context, []string, string) (lab.ExecResult, error) {
	return lab.ExecResult{}, errFake
}

// Counters move with every connection.
func (h *fakeHost) Counters() (lab.Counters, error) {
	return lab.Counters{"MPCapableSYNTX": uint64(h.conns), "MPJoinSynRx": 0, "MPJoinAckRx": 0, "AddAddr": 2, "EchoAddTx": 1}, nil
}

// Events are one for every connection.
func (h *fakeHost) Events() ([]lab.Event, error) {
	var events []lab.Event
	for i := range h.conns {
		events = append(events, lab.Event{Event: pm.Event{Kind: pm.EventCreated, Has: pm.AttrToken | pm.AttrRemoteID, Token: uint32(i + 1)}})
	}
	return events, nil
}

func (h *fakeHost) Listen(_ context.Context, o lab.ListenOptions) (lab.Listener, error) {
	return &fakeListener{h, o.Address}, nil
}

func (h *fakeHost) Dial(_ context.Context, o lab.DialOptions) (lab.Socket, error) {
	for _, peer := range h.lab.hosts {
		for _, a := range peer.Addresses() {
			if a.Prefix.Addr() == o.Remote.Addr() {
				return h.dialled(peer.(*fakeHost), o), nil
			}
		}
	}
	return nil, syscall.ECONNREFUSED
}

func (h *fakeHost) dialled(peer *fakeHost, o lab.DialOptions) lab.Socket {
	local := netip.AddrPortFrom(h.addresses[0].Prefix.Addr(), 40000)
	near := &fakeSocket{host: h, local: local, remote: o.Remote}
	far := &fakeSocket{host: peer, local: o.Remote, remote: local, peer: near}
	near.peer = far
	peer.pending = append(peer.pending, far)
	h.conns++
	return near
}

func (h *fakeHost) AddEndpoint(e pm.Endpoint) error {
	for _, x := range h.endpoints {
		if x.Address == e.Address {
			return &pm.Error{Op: "add endpoint " + e.Address.String(), Errno: syscall.EEXIST, Message: "too many addresses or duplicate one: -17"}
		}
	}
	if e.ID == 0 {
		e.ID = uint8(len(h.endpoints) + 1)
	}
	h.endpoints = append(h.endpoints, e)
	return nil
}

func (h *fakeHost) Endpoint(id uint8) (pm.Endpoint, error) {
	for _, e := range h.endpoints {
		if e.ID == id {
			return e, nil
		}
	}
	return pm.Endpoint{}, &pm.Error{Op: fmt.Sprintf("get endpoint id %d", id), Errno: syscall.EINVAL, Message: "address not found"}
}

func (h *fakeHost) DeleteEndpoint(pm.Endpoint) error  { return errFake }
func (h *fakeHost) ChangeEndpoint(pm.Endpoint) error  { return errFake }
func (h *fakeHost) Endpoints() ([]pm.Endpoint, error) { return h.endpoints, nil }
func (h *fakeHost) FlushEndpoints() error             { h.endpoints = nil; return nil }
func (h *fakeHost) Limits() (pm.Limits, error)        { return h.limits, nil }

func (h *fakeHost) SetLimits(u pm.LimitsUpdate) error {
	if u.Subflows != nil {
		h.limits.Subflows = *u.Subflows
	}
	if u.AddAddrAccepted != nil {
		h.limits.AddAddrAccepted = *u.AddAddrAccepted
	}
	return nil
}

// fakeManager is the path manager of a fake host.
type fakeManager struct{ *fakeHost }

func (h fakeManager) Announce(uint32, pm.Endpoint) error { return errFake }

func (h fakeManager) Remove(uint32, uint8) error { return errFake }

func (h fakeManager) SubflowCreate(uint32, pm.Endpoint, netip.AddrPort) error { return errFake }

func (h fakeManager) SubflowDestroy(uint32, netip.AddrPort, netip.AddrPort) error { return errFake }

func (h fakeManager) SetFlags(uint32, netip.AddrPort, netip.AddrPort, pm.Flags) error { return errFake }

func (h fakeManager) Address(uint32, uint8) (pm.Endpoint, error) { return pm.Endpoint{}, errFake }

func (h fakeManager) Addresses(uint32) ([]pm.Endpoint, error) { return nil, errFake }

type fakeListener struct {
	host    *fakeHost
	address netip.AddrPort
}

func (l *fakeListener) Address() netip.AddrPort { return l.address }
func (l *fakeListener) Close() error            { return nil }

func (l *fakeListener) Accept(ctx context.Context) (lab.Socket, error) {
	if len(l.host.pending) == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s := l.host.pending[0]
	l.host.pending = l.host.pending[1:]
	return s, nil
}

// fakeSocket is one end of a pipe.
type fakeSocket struct {
	host          *fakeHost
	local, remote netip.AddrPort
	peer          *fakeSocket
	received      bytes.Buffer
}

func (s *fakeSocket) Host() lab.Host                       { return s.host }
func (s *fakeSocket) Local() netip.AddrPort                { return s.local }
func (s *fakeSocket) Remote() netip.AddrPort               { return s.remote }
func (s *fakeSocket) Send(context.Context, int64) error    { return nil }
func (s *fakeSocket) Receive(context.Context, int64) error { return nil }
func (s *fakeSocket) CloseWrite() error                    { return nil }
func (s *fakeSocket) ReceiveEOF(context.Context) error     { return nil }
func (s *fakeSocket) Close() error                         { return nil }
func (s *fakeSocket) Abort() error                         { return nil }
func (s *fakeSocket) Option(string) (any, error)           { return 0, errFake }
func (s *fakeSocket) SetOption(lab.SocketOption) error     { return errFake }

func (s *fakeSocket) Reconnect(context.Context, netip.AddrPort) error { return errFake }

func (s *fakeSocket) ReceiveMessage(context.Context, int, bool) (lab.Message, error) {
	return lab.Message{}, errFake
}

func (s *fakeSocket) SendBytes(_ context.Context, b []byte) error {
	s.peer.received.Write(b)
	return nil
}

func (s *fakeSocket) ReceiveBytes(ctx context.Context, n int) ([]byte, error) {
	if s.received.Len() < n {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.received.Next(n), nil
}

func (s *fakeSocket) Conn() (lab.Conn, error) {
	return lab.Conn{Token: 7, Local: s.local, Remote: s.remote, State: "ESTAB", Subflows: []lab.Subflow{{Local: s.local, Remote: s.remote, State: "ESTAB"}}}, nil
}
