package match_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

var (
	client4 = netip.MustParseAddrPort("10.0.1.2:4242")
	server4 = netip.MustParseAddrPort("10.0.1.1:80")
	client6 = netip.MustParseAddrPort("[fd00:1::2]:4242")
	server6 = netip.MustParseAddrPort("[fd00:1::1]:80")
)

// at is an address, or none, and a port, or 0.
func at(address string, port uint16) netip.AddrPort {
	a, _ := netip.ParseAddr(address)
	return netip.AddrPortFrom(a, port)
}

// packet goes from the client to the server.
func packet(flags wire.TCPFlags, options ...wire.Option) wire.Packet {
	return wire.Packet{Src: client4, Dst: server4, Flags: flags, Options: options}
}

// Each text is held against packets that it means and packets that it does not.
func TestMatches(t *testing.T) {
	const ack = wire.FlagACK
	address := netip.MustParseAddr("10.0.2.1")
	announce := packet(ack, &wire.AddAddr{ID: 1, Address: address, HMAC: 5})
	announce2 := packet(ack, &wire.AddAddr{ID: 2, Address: address, HMAC: 5})
	echo := packet(ack, &wire.AddAddr{Echo: true, ID: 1, Address: address})
	remove := packet(ack, &wire.DSS{}, &wire.RemoveAddr{IDs: []uint8{3, 1}})
	joinSYN := packet(wire.FlagSYN, &wire.MPJoin{Phase: wire.JoinSYN, ID: 1, Backup: true})
	joinSYNACK := packet(wire.FlagSYN|ack, &wire.MPJoin{Phase: wire.JoinSYNACK, ID: 2})
	joinACK := packet(ack, &wire.MPJoin{Phase: wire.JoinACK})
	capable := packet(wire.FlagSYN, &wire.MPCapable{Version: 1})
	backup, normal := packet(ack, &wire.MPPrio{Backup: true}), packet(ack, &wire.DSS{}, &wire.MPPrio{})
	fail, fastClose := packet(ack, &wire.MPFail{}), packet(wire.FlagRST|ack, &wire.FastClose{}, &wire.TCPRst{})
	malformed := packet(ack, &wire.Unknown{Bytes: []byte{30, 4, 0x51, 0}})
	dss, dataFIN := packet(ack, &wire.DSS{HasAck: true}), packet(ack, &wire.DSS{DataFIN: true})
	fin := packet(wire.FlagFIN | ack)
	data := wire.Packet{Src: client4, Dst: server4, Flags: ack | wire.FlagPSH, PayloadLen: 1}
	data6 := wire.Packet{Src: server6, Dst: client6, Flags: ack, PayloadLen: 1}
	two := packet(ack, &wire.AddAddr{ID: 1, Address: address}, &wire.AddAddr{Echo: true, ID: 2, Address: address})

	type packets = []wire.Packet
	for _, c := range []struct {
		text    string
		yes, no packets
	}{
		{"any", packets{announce, fin, data, data6}, nil},
		{"ADD_ADDR", packets{announce, echo}, packets{remove, dss, data, malformed}},
		{"ADD_ADDR echo=false", packets{announce, two}, packets{echo}},
		{"ADD_ADDR echo=true id=1", packets{echo}, packets{announce, two}},
		{"ADD_ADDR id=2", packets{announce2, two}, packets{announce, echo}},
		{"REMOVE_ADDR", packets{remove}, packets{announce}},
		{"RM_ADDR id=1", packets{remove}, packets{announce}},
		{"REMOVE_ADDR id=2", nil, packets{remove}},
		{"MP_CAPABLE", packets{capable}, packets{joinSYN, data}},
		{"MP_JOIN", packets{joinSYN, joinSYNACK, joinACK}, packets{capable}},
		{"MP_JOIN id=0", nil, packets{joinSYN, joinSYNACK, joinACK}},
		{"MP_JOIN id=2", packets{joinSYNACK}, packets{joinSYN, joinACK}},
		{"MP_JOIN backup=true", packets{joinSYN}, packets{joinSYNACK, joinACK}},
		{"MP_JOIN backup=false", packets{joinSYNACK}, packets{joinSYN, joinACK}},
		{"MP_JOIN flags=SYN", packets{joinSYN}, packets{joinSYNACK, joinACK}},
		{"MP_JOIN flags=SYN-ACK", packets{joinSYNACK}, packets{joinSYN, joinACK}},
		{"MP_JOIN flags=ACK", packets{joinACK}, packets{joinSYN, joinSYNACK}},
		{"MP_PRIO", packets{backup, normal}, packets{dss}},
		{"MP_PRIO backup=true", packets{backup}, packets{normal}},
		{"MP_FAIL", packets{fail}, packets{fastClose}},
		{"MP_FASTCLOSE flags=RST", packets{fastClose}, packets{fail}},
		{"MP_TCPRST", packets{fastClose}, packets{packet(wire.FlagRST)}},
		{"UNKNOWN", packets{malformed}, packets{backup}},
		{"DSS", packets{dss, dataFIN, normal}, packets{backup, data}},
		{"DSS data_fin=true", packets{dataFIN}, packets{dss}},
		{"DSS data_fin=false", packets{dss}, packets{dataFIN}},
		{"flags=SYN", packets{capable, joinSYN}, packets{joinSYNACK, fin, data}},
		{"flags=ACK", packets{data, dss}, packets{joinSYNACK, fin, fastClose, capable}},
		{"flags=FIN", packets{fin}, packets{data, fastClose}},
		{"flags=RST", packets{fastClose}, packets{fin}},
		{"family=ipv4", packets{data}, packets{data6}},
		{"family=ipv6", packets{data6}, packets{data}},
		{"payload=true", packets{data, data6}, packets{fin, announce}},
		{"payload=false", packets{fin, announce}, packets{data, data6}},
		{"src=10.0.1.2", packets{data}, packets{data6}},
		{"src=10.0.1.1", nil, packets{data}},
		{"src=10.0.1.2:4242 dst=:80", packets{data}, packets{data6}},
		{"dst=[fd00:1::2]:4242", packets{data6}, packets{data}},
		{"host=:80", packets{data, data6}, nil},
		{"host=10.0.1.1", packets{data}, packets{data6}},
		{"host=10.0.1.1:4242", nil, packets{data}}, // not the port of the one and the address of the other
		{"direction=a>b", packets{data}, nil},
		{"direction=b>a", nil, packets{data}},
	} {
		t.Run(c.text, func(t *testing.T) {
			s, err := match.Parse(c.text)
			require.NoError(t, err)
			for _, p := range c.yes {
				require.True(t, s.Match.Matches(p, match.AToB), "%v", p)
				require.True(t, s.Match.MayMatch(classOf(t, p)), "%v may match", p)
			}
			for _, p := range c.no {
				require.False(t, s.Match.Matches(p, match.AToB), "%v", p)
			}
		})
	}
}

// classOf is what the bytes of a packet tell.
func classOf(t testing.TB, p wire.Packet) wire.Class {
	t.Helper()
	b, err := wire.Encode(p, make([]byte, p.PayloadLen))
	require.NoError(t, err)
	return wire.Classify(b, wire.LayerIP)
}

func TestMayMatch(t *testing.T) {
	for _, c := range []struct {
		text string
		bulk bool
	}{
		{"any", true},
		{"DSS", true},
		{"DSS data_fin=false", true},
		{"DSS data_fin=true", false},
		{"payload=true", true},
		{"src=10.0.1.1", true},
		{"flags=ACK", true},
		{"flags=SYN", false},
		{"flags=FIN", false},
		{"ADD_ADDR", false},
		{"MP_JOIN flags=ACK", false},
		{"UNKNOWN", false},
	} {
		t.Run(c.text, func(t *testing.T) {
			s, err := match.Parse(c.text)
			require.NoError(t, err)
			require.Equal(t, c.bulk, s.Match.MayMatch(wire.ClassBareDSS))
			require.False(t, s.Match.MayMatch(wire.ClassNotTCP))
			require.True(t, s.Match.MayMatch(wire.ClassOther))
		})
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name  string
		match match.Match
		want  string
	}{
		{
			"option",
			match.Match{Option: "RM_ADDR"},
			`unknown option "RM_ADDR", want one of MP_CAPABLE, MP_JOIN, DSS, ADD_ADDR, REMOVE_ADDR, MP_PRIO, MP_FAIL, ` +
				`MP_FASTCLOSE, MP_TCPRST, UNKNOWN`,
		},
		{"echo", match.Match{Option: wire.NameMPJoin, Echo: new(true)}, "echo is a property of ADD_ADDR: name that option"},
		{"id", match.Match{ID: new(uint8(1))}, "id is a property of ADD_ADDR, REMOVE_ADDR, MP_JOIN: name that option"},
		{"backup", match.Match{Option: wire.NameDSS, Backup: new(true)}, "backup is a property of MP_JOIN, MP_PRIO: name that option"},
		{"DATA_FIN", match.Match{DataFIN: new(true)}, "data_fin is a property of DSS: name that option"},
		{
			"third packet",
			match.Match{Option: wire.NameMPJoin, ID: new(uint8(1)), Flags: match.ACK},
			"id is not on the MP_JOIN of flags=ACK, only on those of SYN and SYN-ACK",
		},
		{"flags", match.Match{Flags: 9}, "unknown flags Flags(9)"},
		{"family", match.Match{Family: 4}, "unknown family Family(4)"},
		{"direction", match.Match{Direction: 3}, "unknown direction Direction(3)"},
		{"zone", match.Match{Dst: netip.MustParseAddrPort("[fe80::1%eth1]:1")}, "dst fe80::1%eth1 has a zone, which no packet carries"},
		{
			"two families",
			match.Match{Src: client4, Host: client6},
			"the addresses and the family are not of one family, so no packet can match",
		},
		{
			"another family",
			match.Match{Family: match.IPv6, Dst: server4},
			"the addresses and the family are not of one family, so no packet can match",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.EqualError(t, c.match.Validate(), c.want)
			require.EqualError(t, match.Selector{Match: c.match}.Validate(), c.want)
		})
	}
	require.NoError(t, match.Match{}.Validate())
	require.NoError(t, match.Match{Family: match.IPv6, Src: client6, Dst: netip.AddrPortFrom(netip.Addr{}, 80)}.Validate())
}

func BenchmarkMatches(b *testing.B) {
	announce := packet(wire.FlagACK, &wire.DSS{HasAck: true}, &wire.AddAddr{ID: 1, Address: netip.MustParseAddr("10.0.2.1"), HMAC: 5})
	m := match.Match{Option: wire.NameAddAddr, Echo: new(false), ID: new(uint8(1))}
	b.ReportAllocs()
	for b.Loop() {
		if !m.Matches(announce, match.AToB) {
			b.Fatal("no match")
		}
	}
}

// What a link pays for each frame of bulk data while a rule waits for an ADD_ADDR.
func BenchmarkMayMatch(b *testing.B) {
	frame, err := wire.Encode(wire.Packet{
		Src: client4, Dst: server4, Flags: wire.FlagACK, PayloadLen: 1400,
		Options: []wire.Option{&wire.DSS{HasAck: true, Ack64: true, HasMapping: true, DSN64: true, DataLen: 1400}},
	}, make([]byte, 1400))
	require.NoError(b, err)
	m := match.Match{Option: wire.NameAddAddr}
	b.ReportAllocs()
	for b.Loop() {
		if m.MayMatch(wire.Classify(frame, wire.LayerIP)) {
			b.Fatal("may match")
		}
	}
}
