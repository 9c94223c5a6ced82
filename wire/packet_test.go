package wire

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	client4 = netip.MustParseAddrPort("10.0.1.2:4242")
	server4 = netip.MustParseAddrPort("10.0.1.1:80")
	client6 = netip.MustParseAddrPort("[fd00:1::2]:4242")
	server6 = netip.MustParseAddrPort("[fd00:1::1]:80")
)

func TestTCPFlagsString(t *testing.T) {
	for want, f := range map[string]TCPFlags{
		"none":     0,
		"S":        FlagSYN,
		"S.":       FlagSYN | FlagACK,
		"R":        FlagRST,
		"F.":       FlagFIN | FlagACK,
		"P.":       FlagPSH | FlagACK,
		"FSRP.UEW": 0xff,
	} {
		require.Equal(t, want, f.String())
	}
}

func TestPacketString(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet Packet
		want   string
	}{
		{
			"SYN",
			Packet{Src: client4, Dst: server4, Flags: FlagSYN, Seq: 1, Ack: 9, Window: 3},
			"10.0.1.2:4242 > 10.0.1.1:80: Flags [S], seq 1, win 3, length 0",
		},
		{
			"SYN-ACK",
			Packet{Src: server6, Dst: client6, Flags: FlagSYN | FlagACK, Seq: 1, Ack: 2, Window: 3},
			"[fd00:1::1]:80 > [fd00:1::2]:4242: Flags [S.], seq 1, ack 2, win 3, length 0",
		},
		{
			"data",
			Packet{
				Src: client4, Dst: server4, Flags: FlagPSH | FlagACK, Seq: 0xffffffff, Ack: 2, Window: 3, PayloadLen: 5,
				Options: []Option{&DSS{}, &MPPrio{}},
			},
			"10.0.1.2:4242 > 10.0.1.1:80: Flags [P.], seq 4294967295:4, ack 2, win 3, length 5, mptcp 4 dss, mptcp 3 prio non-backup",
		},
		{
			"ACK",
			Packet{Src: client4, Dst: server4, Flags: FlagACK, Seq: 1, Ack: 2, Window: 3},
			"10.0.1.2:4242 > 10.0.1.1:80: Flags [.], ack 2, win 3, length 0",
		},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.packet.String()) })
	}
}

func TestPacketOption(t *testing.T) {
	first, second := &RemoveAddr{IDs: []uint8{1}}, &RemoveAddr{IDs: []uint8{2}}
	p := Packet{Options: []Option{&DSS{}, first, second}}
	require.Same(t, first, p.Option(NameRemoveAddr))
	require.Nil(t, p.Option(NameAddAddr))
}

func TestIsBareDSS(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet Packet
		want   bool
	}{
		{"no option", Packet{Flags: FlagACK}, true},
		{"DSS", Packet{Flags: FlagPSH | FlagACK, Options: []Option{&DSS{HasMapping: true}}}, true},
		{"two DSS", Packet{Flags: FlagACK, Options: []Option{&DSS{}, &DSS{}}}, true},
		{"DATA_FIN", Packet{Flags: FlagACK, Options: []Option{&DSS{DataFIN: true}}}, false},
		{"DSS and MP_PRIO", Packet{Flags: FlagACK, Options: []Option{&DSS{}, &MPPrio{}}}, false},
		{"unknown", Packet{Flags: FlagACK, Options: []Option{&Unknown{}}}, false},
		{"SYN", Packet{Flags: FlagSYN}, false},
		{"FIN", Packet{Flags: FlagFIN | FlagACK, Options: []Option{&DSS{}}}, false},
		{"RST", Packet{Flags: FlagRST}, false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.packet.IsBareDSS()) })
	}
}
