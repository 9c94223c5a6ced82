//go:build linux

package pm_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// refusal is a request that the kernel refuses; the words are those of side.words.
type refusal struct {
	name string
	do   func(side) error
	want pm.Error // without " on token TOKEN"
}

const (
	signal = pm.FlagSignal
	backup = pm.FlagBackup
)

var none netip.AddrPort

// userspaceRefusals expect that the list of the connection has FOREIGN with ID 3.
var userspaceRefusals = []refusal{
	{
		"announce without address",
		func(s side) error { return s.Announce(s.token, pm.Endpoint{ID: 4, Flags: signal}) },
		pm.Error{Op: "announce id 4 signal", Errno: unix.EINVAL, Message: "missing family", Attr: "ADDR"},
	},
	{
		"announce without ID",
		func(s side) error { return s.Announce(s.token, pm.Endpoint{Address: s.second, Flags: signal}) },
		pm.Error{Op: "announce SECOND signal", Errno: unix.EINVAL, Message: "invalid addr id", Attr: "ADDR"},
	},
	{
		"announce without signal",
		func(s side) error { return s.Announce(s.token, pm.Endpoint{ID: 4, Address: s.second, Flags: backup}) },
		pm.Error{Op: "announce SECOND id 4 backup", Errno: unix.EINVAL, Message: "invalid addr flags", Attr: "ADDR"},
	},
	{
		"announce a known ID with another address",
		func(s side) error { return s.Announce(s.token, pm.Endpoint{ID: 3, Address: s.second, Flags: signal}) },
		pm.Error{Op: "announce SECOND id 3 signal", Errno: unix.EINVAL, Message: "did not match address and id", Attr: "ADDR"},
	},
	{
		"announce a known address with another ID",
		func(s side) error { return s.Announce(s.token, pm.Endpoint{ID: 4, Address: s.foreign, Flags: signal}) },
		pm.Error{Op: "announce FOREIGN id 4 signal", Errno: unix.EINVAL, Message: "did not match address and id", Attr: "ADDR"},
	},
	{
		"remove an unknown ID",
		func(s side) error { return s.Remove(s.token, 9) },
		pm.Error{Op: "remove id 9", Errno: unix.EINVAL, Message: "address with id 9 not found", Attr: "LOC_ID"},
	},
	{
		"create a subflow without local address",
		func(s side) error { return s.SubflowCreate(s.token, pm.Endpoint{ID: 4}, s.remote) },
		pm.Error{Op: "create subflow id 4 to REMOTE", Errno: unix.EINVAL, Message: "missing family", Attr: "ADDR"},
	},
	{
		"create a subflow without remote address",
		func(s side) error { return s.SubflowCreate(s.token, pm.Endpoint{ID: 4, Address: s.second}, none) },
		pm.Error{Op: "create subflow SECOND id 4 to invalid AddrPort", Errno: unix.EINVAL, Message: "missing family", Attr: "ADDR_REMOTE"},
	},
	{
		"create a subflow with signal",
		func(s side) error {
			return s.SubflowCreate(s.token, pm.Endpoint{ID: 4, Address: s.second, Flags: signal}, s.remote)
		},
		pm.Error{Op: "create subflow SECOND id 4 signal to REMOTE", Errno: unix.EINVAL, Message: "invalid addr flags", Attr: "ADDR"},
	},
	{
		"create a subflow with a known ID of another address",
		func(s side) error { return s.SubflowCreate(s.token, pm.Endpoint{ID: 3, Address: s.second}, s.remote) },
		pm.Error{Op: "create subflow SECOND id 3 to REMOTE", Errno: unix.EINVAL, Message: "did not match address and id", Attr: "ADDR"},
	},
	{
		"create a subflow from a known address with another ID",
		func(s side) error { return s.SubflowCreate(s.token, pm.Endpoint{ID: 4, Address: s.foreign}, s.remote) },
		pm.Error{Op: "create subflow FOREIGN id 4 to REMOTE", Errno: unix.EINVAL, Message: "did not match address and id", Attr: "ADDR"},
	},
	{
		"create a subflow between families",
		func(s side) error { return s.SubflowCreate(s.token, pm.Endpoint{ID: 4, Address: s.other}, s.remote) },
		pm.Error{Op: "create subflow OTHER id 4 to REMOTE", Errno: unix.EINVAL, Message: "families mismatch"},
	},
	{
		"create a subflow from a foreign address",
		func(s side) error { return s.SubflowCreate(s.token, pm.Endpoint{ID: 3, Address: s.foreign}, s.remote) },
		pm.Error{Op: "create subflow FOREIGN id 3 to REMOTE", Errno: unix.EADDRNOTAVAIL, Message: "connect error: -99"},
	},
	{
		"create a subflow from a taken port",
		func(s side) error {
			local := pm.Endpoint{ID: 4, Address: s.local.Addr(), Port: s.local.Port()}
			return s.SubflowCreate(s.token, local, s.remote)
		},
		pm.Error{Op: "create subflow LOCAL_IP port LOCAL_PORT id 4 to REMOTE", Errno: unix.EADDRINUSE, Message: "connect error: -98"},
	},
	{
		"create a subflow to where no route leads",
		func(s side) error {
			return s.SubflowCreate(s.token, pm.Endpoint{ID: 4, Address: s.second}, netip.AddrPortFrom(s.foreign, 1))
		},
		pm.Error{Op: "create subflow SECOND id 4 to FOREIGN_1", Errno: unix.ENETUNREACH, Message: "connect error: -101"},
	},
	{
		"create a subflow through an unknown interface",
		func(s side) error {
			return s.SubflowCreate(s.token, pm.Endpoint{ID: 4, Address: s.second, IfIndex: 77}, s.remote)
		},
		pm.Error{Op: "create subflow SECOND id 4 dev if77 to REMOTE", Errno: unix.ENODEV, Message: "connect error: -19"},
	},
	{
		"destroy a subflow without local address",
		func(s side) error { return s.SubflowDestroy(s.token, none, s.remote) },
		pm.Error{Op: "destroy subflow invalid AddrPort to REMOTE", Errno: unix.EINVAL, Message: "missing family", Attr: "ADDR"},
	},
	{
		"destroy a subflow without remote address",
		func(s side) error { return s.SubflowDestroy(s.token, s.local, none) },
		pm.Error{Op: "destroy subflow LOCAL to invalid AddrPort", Errno: unix.EINVAL, Message: "missing family", Attr: "ADDR_REMOTE"},
	},
	{
		"destroy a subflow between families",
		func(s side) error { return s.SubflowDestroy(s.token, netip.AddrPortFrom(s.other, 1), s.remote) },
		pm.Error{Op: "destroy subflow OTHER_1 to REMOTE", Errno: unix.EINVAL, Message: "address families do not match"},
	},
	{
		"destroy a subflow without local port",
		func(s side) error { return s.SubflowDestroy(s.token, netip.AddrPortFrom(s.second, 0), s.remote) },
		pm.Error{Op: "destroy subflow SECOND_0 to REMOTE", Errno: unix.EINVAL, Message: "missing local port", Attr: "ADDR"},
	},
	{
		"destroy a subflow without remote port",
		func(s side) error { return s.SubflowDestroy(s.token, s.local, netip.AddrPortFrom(s.second, 0)) },
		pm.Error{Op: "destroy subflow LOCAL to SECOND_0", Errno: unix.EINVAL, Message: "missing remote port", Attr: "ADDR_REMOTE"},
	},
	{
		"destroy an unknown subflow",
		func(s side) error { return s.SubflowDestroy(s.token, netip.AddrPortFrom(s.second, 1), s.remote) },
		pm.Error{Op: "destroy subflow SECOND_1 to REMOTE", Errno: unix.ESRCH, Message: "subflow not found"},
	},
	{
		"set flags without local address",
		func(s side) error { return s.SetFlags(s.token, none, s.remote, backup) },
		pm.Error{
			Op: "set flags backup on subflow invalid AddrPort to REMOTE", Errno: unix.EINVAL,
			Message: "invalid local address family", Attr: "ADDR",
		},
	},
	{
		"set flags without remote address",
		func(s side) error { return s.SetFlags(s.token, s.local, none, 0) },
		pm.Error{
			Op: "set flags nobackup on subflow LOCAL to invalid AddrPort", Errno: unix.EINVAL,
			Message: "missing family", Attr: "ADDR_REMOTE",
		},
	},
	{
		"set flags of an unknown subflow",
		func(s side) error { return s.SetFlags(s.token, netip.AddrPortFrom(s.second, 1), s.remote, backup) },
		pm.Error{Op: "set flags backup on subflow SECOND_1 to REMOTE", Errno: unix.EINVAL, Message: "subflow not found"},
	},
	{
		"get an unknown ID",
		func(s side) error { _, err := s.Address(s.token, 9); return err },
		pm.Error{Op: "get address id 9", Errno: unix.EINVAL, Message: "address not found", Attr: "ADDR"},
	},
}

// provoke asks for all of it, and returns the errors after comparing them.
func provoke(t *testing.T, s side, refusals []refusal) []error {
	t.Helper()
	var errs []error
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			err := r.do(s)
			want := r.want
			want.Op = s.words(want.Op + " on token TOKEN")
			requireRefused(t, want, err)
			errs = append(errs, err)
		})
	}
	return errs
}

func TestUserspaceRefusals(t *testing.T) {
	eachSide(t, []path{ipv4, ipv6}, func(t *testing.T, s side) {
		known := pm.Endpoint{ID: 3, Address: s.foreign, Flags: signal}
		for _, r := range userspaceRefusals {
			require.NoError(t, s.Announce(s.token, known), "a failed subflow takes its address off the list")
			provoke(t, s, []refusal{r})
		}
	})
}

// tokenRefusals is what each command says of a token that is none of its own.
func tokenRefusals(message string) []refusal {
	refused := func(op string) pm.Error {
		return pm.Error{Op: op, Errno: unix.EINVAL, Message: message, Attr: "TOKEN"}
	}
	return []refusal{
		{
			"announce",
			func(s side) error { return s.Announce(s.token, pm.Endpoint{ID: 3, Address: s.second, Flags: signal}) },
			refused("announce SECOND id 3 signal"),
		},
		{
			"remove",
			func(s side) error { return s.Remove(s.token, 3) },
			refused("remove id 3"),
		},
		{
			"create subflow",
			func(s side) error { return s.SubflowCreate(s.token, pm.Endpoint{Address: s.second}, s.remote) },
			refused("create subflow SECOND to REMOTE"),
		},
		{
			"destroy subflow",
			func(s side) error { return s.SubflowDestroy(s.token, s.local, s.remote) },
			refused("destroy subflow LOCAL to REMOTE"),
		},
		{
			"set flags",
			func(s side) error { return s.SetFlags(s.token, s.local, s.remote, backup) },
			refused("set flags backup on subflow LOCAL to REMOTE"),
		},
		{
			"get address",
			func(s side) error { _, err := s.Address(s.token, 3); return err },
			pm.Error{Op: "get address id 3", Errno: unix.EINVAL, Message: "address not found", Attr: "ADDR"},
		},
		{
			"list addresses",
			func(s side) error { _, err := s.Addresses(s.token); return err },
			refused("list addresses"),
		},
	}
}

func TestTokenOfNoConnection(t *testing.T) {
	client, server := establish(t, userspaceNetNS(t), ipv4)
	client.token = client.token ^ server.token ^ 1 // neither of the two
	provoke(t, client, tokenRefusals("invalid token"))
}

func TestTokenOfAnotherNamespace(t *testing.T) {
	s, _ := establish(t, userspaceNetNS(t), ipv4)
	s.Client = dial(t, userspaceNetNS(t))
	provoke(t, s, tokenRefusals("invalid token"))
}

func TestTokenOfTheKernelsConnection(t *testing.T) {
	eachPath := []path{ipv4, ipv6}
	for _, p := range eachPath {
		t.Run(p.name, func(t *testing.T) {
			ns := userspaceNetNS(t)
			selectManager(t, ns, "0")
			client, server := establish(t, ns, p)
			selectManager(t, ns, "1") // for connections to come
			for _, s := range []side{client, server} {
				provoke(t, s, tokenRefusals("userspace PM not selected"))
			}
		})
	}
}

// early is the client's side of a connection whose server has not said anything.
func early(t *testing.T) side {
	t.Helper()
	ns := userspaceNetNS(t)
	s := side{path: ipv4, Client: dial(t, ns), monitor: listen(t, ns), ns: ns}
	open(t, ns, ipv4)
	created := last(until(t, s.monitor, pm.EventCreated, func(e pm.Event) bool { return !e.ServerSide }))
	s.token, s.local, s.remote = created.Token, created.Local, created.Remote
	return s
}

var earlyRefusal = []refusal{{
	"create a subflow too early",
	func(s side) error { return s.SubflowCreate(s.token, pm.Endpoint{ID: 4, Address: s.second}, s.remote) },
	pm.Error{Op: "create subflow SECOND id 4 to REMOTE", Errno: unix.ENOTCONN, Message: "connect error: -107"},
}}

func TestSubflowBeforeEstablished(t *testing.T) {
	provoke(t, early(t), earlyRefusal)
}
