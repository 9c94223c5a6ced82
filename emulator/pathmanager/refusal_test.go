package pathmanager

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// attrBytes is a request for [Manager.Do] in the making.
type attrBytes struct{ *netlink.AttributeEncoder }

func (b attrBytes) nest(number attr, payloads ...any) attrBytes {
	b.Nested(uint16(number), func(n *netlink.AttributeEncoder) error {
		for i := 0; i < len(payloads); i += 2 {
			n.Bytes(uint16(payloads[i].(int)), payloads[i+1].([]byte))
		}
		return nil
	})
	return b
}

func (b attrBytes) local(payloads ...any) attrBytes  { return b.nest(attrAddr, payloads...) }
func (b attrBytes) remote(payloads ...any) attrBytes { return b.nest(attrAddrRemote, payloads...) }

func (b attrBytes) number(number attr, n uint32) attrBytes {
	b.Uint32(uint16(number), n)
	return b
}

func (b attrBytes) id(n uint8) attrBytes {
	b.Uint8(uint16(attrLocID), n)
	return b
}

func u8(n uint8) []byte { return []byte{n} }

func u16(n uint16) []byte { return binary.NativeEndian.AppendUint16(nil, n) }

func u32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func four(a string) []any {
	return []any{addrFamily, u16(familyIPv4), addrAddr4, ip(a).AsSlice()}
}

func six(a string) []any {
	return []any{addrFamily, u16(familyIPv6), addrAddr6, ip(a).AsSlice()}
}

func with(payloads []any, more ...any) []any { return append(payloads, more...) }

// The connection of the tests has the token 0x12345678, runs from 10.0.1.2:40000 to 10.0.1.1:5000, and is left to userspace; that of
// the kernel has the token after it.
const ofKernel = token + 1

// TestRefusals is the table of the kernel's errors: command by command, what is wrong, and the answer.
func TestRefusals(t *testing.T) {
	flags := func(f pm.Flags) []byte { return u32(uint32(f)) }
	const (
		add, del, get, limits, setFlags = ipmptcp.CmdAddAddr, ipmptcp.CmdDelAddr, ipmptcp.CmdGetAddr, ipmptcp.CmdSetLimits, ipmptcp.CmdSetFlags
		announce, remove                = cmdAnnounce, cmdRemove
		create, destroy                 = cmdSubflowCreate, cmdSubflowDestroy
	)
	tests := []struct {
		name    string
		cmd     ipmptcp.Cmd
		build   func(attrBytes) attrBytes
		errno   syscall.Errno
		text    string
		missing uint32
	}{
		{"unknown command", 12, func(b attrBytes) attrBytes { return b }, eopnotsupp, "", 0},
		{"no command", 0, func(b attrBytes) attrBytes { return b }, eopnotsupp, "", 0},

		{"add without ADDR", add, func(b attrBytes) attrBytes { return b }, einval, "", 1},
		{"delete without ADDR", del, func(b attrBytes) attrBytes { return b }, einval, "", 1},
		{"get without ADDR", get, func(b attrBytes) attrBytes { return b }, einval, "", 1},
		{"set flags without ADDR", setFlags, func(b attrBytes) attrBytes { return b.number(attrToken, token).remote() }, einval, "", 1},
		{"announce without ADDR", announce, func(b attrBytes) attrBytes { return b }, einval, "", 1},
		{"announce without TOKEN", announce, func(b attrBytes) attrBytes { return b.local() }, einval, "", 4},
		{"remove without LOC_ID", remove, func(b attrBytes) attrBytes { return b }, einval, "", 5},
		{"remove without TOKEN", remove, func(b attrBytes) attrBytes { return b.id(1) }, einval, "", 4},
		{"create without ADDR", create, func(b attrBytes) attrBytes { return b.remote() }, einval, "", 1},
		{"create without ADDR_REMOTE", create, func(b attrBytes) attrBytes { return b.local() }, einval, "", 6},
		{"create without TOKEN", create, func(b attrBytes) attrBytes { return b.local().remote() }, einval, "", 4},
		{"destroy without ADDR", destroy, func(b attrBytes) attrBytes { return b.remote() }, einval, "", 1},
		{"destroy without ADDR_REMOTE", destroy, func(b attrBytes) attrBytes { return b.local() }, einval, "", 6},
		{"set flags of a subflow without ADDR_REMOTE", setFlags, func(b attrBytes) attrBytes { return b.local().number(attrToken, token) }, einval, "", 6},

		{"a short family", add, func(b attrBytes) attrBytes { return b.local(addrFamily, u8(2)) }, erange, textPolicy, 0},
		{"a short limit", limits, func(b attrBytes) attrBytes { b.Uint16(uint16(attrSubflows), 1); return b }, erange, textPolicy, 0},
		{"a short IPv6 address", add, func(b attrBytes) attrBytes { return b.local(addrAddr6, make([]byte, 15)) }, erange, textRange, 0},
		{"a long IPv6 address", add, func(b attrBytes) attrBytes { return b.local(addrAddr6, make([]byte, 17)) }, erange, textRange, 0},
		{"add without family", add, func(b attrBytes) attrBytes { return b.local(addrID, u8(1)) }, einval, "missing family", 0},
		{"an unknown family", add, func(b attrBytes) attrBytes { return b.local(addrFamily, u16(3)) }, einval, "unknown address family", 0},
		{"no IPv4 address", del, func(b attrBytes) attrBytes { return b.local(addrFamily, u16(2)) }, einval, "missing address data", 0},
		{"no IPv6 address", get, func(b attrBytes) attrBytes { return b.local(with(four("10.0.0.1"), addrFamily, u16(10))...) }, einval, "missing address data", 0},

		{
			"a port without signal", add, func(b attrBytes) attrBytes { return b.local(with(four("127.0.0.9"), addrPort, u16(1))...) },
			einval, "flags must have signal and not subflow when using port", 0,
		},
		{
			"a port with subflow", add,
			func(b attrBytes) attrBytes {
				return b.local(with(four("127.0.0.9"), addrPort, u16(1), addrFlags, flags(pm.FlagSignal|pm.FlagSubflow))...)
			},
			einval, "flags must have signal and not subflow when using port", 0,
		},
		{
			"signal and fullmesh", add,
			func(b attrBytes) attrBytes {
				return b.local(with(four("127.0.0.9"), addrFlags, flags(pm.FlagSignal|pm.FlagFullmesh))...)
			},
			einval, "flags mustn't have both signal and fullmesh", 0,
		},
		{
			"implicit", add, func(b attrBytes) attrBytes {
				return b.local(with(four("127.0.0.9"), addrFlags, flags(pm.FlagImplicit))...)
			},
			einval, "can't create IMPLICIT endpoint", 0,
		},
		{
			"a foreign address with a port", add,
			func(b attrBytes) attrBytes {
				return b.local(with(four("192.0.2.9"), addrPort, u16(1), addrFlags, flags(pm.FlagSignal))...)
			},
			99, "create listen socket error: -99", 0,
		},
		{
			"a taken port", add,
			func(b attrBytes) attrBytes {
				return b.local(with(four("127.0.0.1"), addrPort, u16(7777), addrFlags, flags(pm.FlagSignal))...)
			},
			98, "create listen socket error: -98", 0,
		},
		{
			"a taken ID", add, func(b attrBytes) attrBytes { return b.local(with(four("127.0.0.9"), addrID, u8(1))...) },
			ebusy, "too many addresses or duplicate one: -16", 0,
		},
		{"a known address", add, func(b attrBytes) attrBytes { return b.local(four("10.0.1.1")...) }, eexist, "too many addresses or duplicate one: -17", 0},
		{
			"a known address, mapped", add, func(b attrBytes) attrBytes { return b.local(six("::ffff:10.0.1.1")...) },
			eexist, "too many addresses or duplicate one: -17", 0,
		},
		{
			"an implicit address with an ID", add, func(b attrBytes) attrBytes { return b.local(with(four("10.0.8.8"), addrID, u8(99))...) },
			einval, "too many addresses or duplicate one: -22", 0,
		},
		{"delete an unknown ID", del, func(b attrBytes) attrBytes { return b.local(addrID, u8(77)) }, einval, "address not found", 0},
		{"delete ID 0", del, func(b attrBytes) attrBytes { return b.local(addrID, u8(0)) }, 0, "", 0},
		{"get an unknown ID", get, func(b attrBytes) attrBytes { return b.local(addrID, u8(77)) }, einval, "address not found", 0},
		{
			"get of a token that is none", get, func(b attrBytes) attrBytes { return b.local(addrID, u8(1)).number(attrToken, 1) },
			einval, "address not found", 0,
		},
		{"a limit beyond the maximum", limits, func(b attrBytes) attrBytes { return b.number(attrSubflows, 9) }, einval, "limit greater than maximum (8)", 0},
		{"change nothing", setFlags, func(b attrBytes) attrBytes { return b.local() }, eopnotsupp, "missing address ID", 0},
		{"change an unknown ID", setFlags, func(b attrBytes) attrBytes { return b.local(addrID, u8(77)) }, einval, "address not found", 0},
		{
			"make a signal endpoint fullmesh", setFlags,
			func(b attrBytes) attrBytes { return b.local(addrID, u8(1), addrFlags, flags(pm.FlagFullmesh)) },
			einval, "invalid addr flags", 0,
		},

		{"a token that is none", announce, func(b attrBytes) attrBytes { return b.local().number(attrToken, 1) }, einval, "invalid token", 0},
		{"the token of the kernel's", remove, func(b attrBytes) attrBytes { return b.id(1).number(attrToken, ofKernel) }, einval, "userspace PM not selected", 0},
		{
			"announce ID 0", announce,
			func(b attrBytes) attrBytes {
				return b.local(with(four("10.0.2.2"), addrFlags, flags(pm.FlagSignal))...).number(attrToken, token)
			},
			einval, "invalid addr id", 0,
		},
		{
			"announce without signal", announce,
			func(b attrBytes) attrBytes {
				return b.local(with(four("10.0.2.2"), addrID, u8(2))...).number(attrToken, token)
			},
			einval, "invalid addr flags", 0,
		},
		{
			"announce a bound ID", announce,
			func(b attrBytes) attrBytes {
				return b.local(with(four("10.0.2.2"), addrID, u8(3), addrFlags, flags(pm.FlagSignal))...).number(attrToken, token)
			},
			einval, "did not match address and id", 0,
		},
		{"remove an unknown ID", remove, func(b attrBytes) attrBytes { return b.id(9).number(attrToken, token) }, einval, "address with id 9 not found", 0},
		{
			"create with signal", create,
			func(b attrBytes) attrBytes {
				return b.local(with(four("10.0.2.2"), addrFlags, flags(pm.FlagSignal))...).remote().number(attrToken, token)
			},
			einval, "invalid addr flags", 0,
		},
		{
			"create without remote family", create,
			func(b attrBytes) attrBytes { return b.local(four("10.0.2.2")...).remote().number(attrToken, token) }, einval, "missing family", 0,
		},
		{
			"create between families", create,
			func(b attrBytes) attrBytes {
				return b.local(four("10.0.2.2")...).remote(six("2001:db8::1")...).number(attrToken, token)
			},
			einval, "families mismatch", 0,
		},
		{
			"create with a bound address", create,
			func(b attrBytes) attrBytes {
				return b.local(with(four("10.0.7.7"), addrID, u8(5))...).remote(four("10.0.1.1")...).number(attrToken, token)
			},
			einval, "did not match address and id", 0,
		},
		{
			"create from an address that cannot be bound", create,
			func(b attrBytes) attrBytes {
				return b.local(with(four("192.0.2.9"), addrID, u8(6))...).remote(four("10.0.1.1")...).number(attrToken, token)
			},
			99, "connect error: -99", 0,
		},
		{
			"destroy between families", destroy,
			func(b attrBytes) attrBytes {
				return b.local(four("10.0.2.2")...).remote(six("2001:db8::1")...).number(attrToken, token)
			},
			einval, "address families do not match", 0,
		},
		{
			"destroy without local port", destroy,
			func(b attrBytes) attrBytes {
				return b.local(four("10.0.2.2")...).remote(four("10.0.1.1")...).number(attrToken, token)
			},
			einval, "missing local port", 0,
		},
		{
			"destroy without remote port", destroy,
			func(b attrBytes) attrBytes {
				return b.local(with(four("10.0.2.2"), addrPort, u16(1))...).remote(four("10.0.1.1")...).number(attrToken, token)
			},
			einval, "missing remote port", 0,
		},
		{
			"destroy what is not there", destroy,
			func(b attrBytes) attrBytes {
				return b.local(with(four("10.0.2.2"), addrPort, u16(1))...).
					remote(with(four("10.0.1.1"), addrPort, u16(5000))...).number(attrToken, token)
			},
			esrch, "subflow not found", 0,
		},
		{
			"set flags without local family", setFlags, func(b attrBytes) attrBytes { return b.local().remote().number(attrToken, token) },
			einval, "invalid local address family", 0,
		},
		{
			"set flags without remote family", setFlags,
			func(b attrBytes) attrBytes { return b.local(four("10.0.1.2")...).remote().number(attrToken, token) }, einval, "missing family", 0,
		},
		{
			"set flags of no subflow", setFlags,
			func(b attrBytes) attrBytes {
				return b.local(four("10.0.2.2")...).remote(four("10.0.1.1")...).number(attrToken, token)
			},
			einval, "subflow not found", 0,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := refusing(t)
			attrs, err := tt.build(attrBytes{netlink.NewAttributeEncoder()}).Encode()
			require.NoError(t, err)
			_, err = w.m.Do(ipmptcp.Request{Cmd: tt.cmd, Attrs: attrs})
			if tt.errno == 0 {
				require.NoError(t, err)
				return
			}
			require.Equal(t, &ipmptcp.Refusal{Errno: tt.errno, Message: tt.text, Missing: tt.missing}, err)
		})
	}
}

// refusing is a host with endpoints of both kinds, a connection of the kernel's path manager and one left to userspace.
func refusing(t *testing.T) *world {
	w := newWorld("")
	w.T = t
	w.endpoint("10.0.1.1", "signal")
	w.endpoint("127.0.0.1:7777", "signal")
	kernels := connecting(w, Opened, false)
	kernels.info.Token = ofKernel
	kernels.c.Created()
	_, ok := kernels.c.LocalID(ipPort("10.0.8.8:1"))
	require.True(t, ok)
	require.NoError(t, w.m.SetSysctl("net.mptcp.path_manager", "userspace"))
	l := connecting(w, Opened, false)
	l.establish()
	l.refuse[ip("192.0.2.9")] = 99
	require.NoError(t, w.m.Announce(token, pm.Endpoint{ID: 3, Address: ip("10.0.7.7"), Flags: pm.FlagSignal}))
	return w
}

// The ninth endpoint is refused, implicit ones counted.
func TestNinthEndpoint(t *testing.T) {
	w := newWorld("")
	for i := range byte(7) {
		w.endpoint(netip.AddrFrom4([4]byte{10, 0, i, 1}).String(), "")
	}
	l := connecting(w, Accepted, false)
	_, ok := l.c.LocalID(ipPort("10.0.9.9:1"))
	require.True(t, ok)
	err := w.m.AddEndpoint(pm.Endpoint{Address: ip("10.0.10.1"), Flags: pm.FlagSignal})
	require.Equal(t, &pm.Error{Op: "add endpoint 10.0.10.1 signal", Errno: erange, Message: "too many addresses or duplicate one: -34"}, err)
	_, ok = l.c.LocalID(ipPort("10.0.9.10:1"))
	require.False(t, ok, "no ID for a join to yet another address")
}

// Older releases say the same with other words, or less.
func TestOlderRefusals(t *testing.T) {
	tests := []struct {
		name, release string
		do            func(*Manager) error
		want          pm.Error
	}{
		{
			"texts before 6.15", "6.12", func(m *Manager) error { return m.SetLimits(pm.LimitsUpdate{Subflows: ptrTo(9)}) },
			pm.Error{Op: "set limits subflows 9", Errno: einval, Message: "limit greater than maximum"},
		},
		{
			"a known address before 6.2", "6.1", func(m *Manager) error { return m.AddEndpoint(pm.Endpoint{Address: ip("10.0.1.1")}) },
			pm.Error{Op: "add endpoint 10.0.1.1", Errno: einval, Message: "too many addresses or duplicate one"},
		},
		{
			"no userspace before 5.19", "5.15", func(m *Manager) error { return m.Remove(1, 1) },
			pm.Error{Op: "remove id 1 on token 00000001", Errno: eopnotsupp},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.release)
			w.endpoint("10.0.1.1", "signal")
			require.Equal(t, &tt.want, tt.do(w.m))
		})
	}
}

func ptrTo(n uint32) *uint32 { return &n }

// Whatever a request is, it gets an answer, and the table stays in order.
func FuzzDo(f *testing.F) {
	for cmd := range byte(13) {
		attrs, err := attrBytes{netlink.NewAttributeEncoder()}.local(four("10.0.1.1")...).number(attrToken, token).Encode()
		require.NoError(f, err)
		f.Add(cmd, false, attrs)
		f.Add(cmd, true, []byte{})
	}
	f.Fuzz(func(t *testing.T, cmd byte, dump bool, attrs []byte) {
		w := refusing(t)
		_, err := w.m.Do(ipmptcp.Request{Cmd: ipmptcp.Cmd(cmd), Dump: dump, Attrs: attrs})
		if err != nil {
			require.IsType(t, &ipmptcp.Refusal{}, err)
		}
		all, err := w.m.Endpoints()
		require.NoError(t, err)
		require.Len(t, all, len(w.m.table))
	})
}
