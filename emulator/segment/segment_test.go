package segment_test

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

var (
	client4 = netip.MustParseAddrPort("10.0.1.2:40000")
	server4 = netip.MustParseAddrPort("10.0.1.1:5000")
	client6 = netip.MustParseAddrPort("[fd00:1::2]:40000")
	server6 = netip.MustParseAddrPort("[fd00:1::1]:5000")
)

// samples are segments of all kinds.
func samples() map[string]segment.Segment {
	return map[string]segment.Segment{
		"SYN": {
			Src: client4, Dst: server4, Seq: 1, Flags: wire.FlagSYN, Window: 65535,
			TCPOptions: segment.TCPOptions{MSS: 1460, SACKPermitted: true, HasTimestamps: true, TSVal: 7, HasScale: true, Scale: 10},
			MPTCP:      []wire.Option{&wire.MPCapable{Version: 1, Crypto: 1}},
		},
		"SYN without timestamps": {
			Src: client6, Dst: server6, Seq: 1, Flags: wire.FlagSYN,
			TCPOptions: segment.TCPOptions{MSS: 1440, SACKPermitted: true, HasScale: true, Scale: 7},
		},
		"data": {
			Src: client6, Dst: server6, Seq: 2, Ack: 3, Flags: wire.FlagACK | wire.FlagPSH, Window: 9, TOS: 0x20,
			TCPOptions: segment.TCPOptions{HasTimestamps: true, TSVal: 8, TSEcr: 9},
			MPTCP:      []wire.Option{&wire.DSS{HasAck: true, Ack64: true, Ack: 5, HasMapping: true, DSN64: true, DSN: 6, SubflowSeq: 1, DataLen: 5}},
			Payload:    []byte("hello"),
		},
		"ACK with SACK": {
			Src: client4, Dst: server4, Seq: 2, Ack: 3, Flags: wire.FlagACK,
			TCPOptions: segment.TCPOptions{HasTimestamps: true, SACK: []segment.Block{{Start: 10, End: 20}}},
			MPTCP:      []wire.Option{&wire.DSS{HasAck: true, Ack64: true, Ack: 5}},
		},
		"RST": {
			Src: server4, Dst: client4, Seq: 2, Ack: 3, Flags: wire.FlagRST | wire.FlagACK,
			MPTCP: []wire.Option{&wire.FastClose{Key: 1}, &wire.TCPRst{}},
		},
	}
}

// TestRoundTrip holds that what is written is read again, by this package and by package wire, which has other code for it.
func TestRoundTrip(t *testing.T) {
	for name, s := range samples() {
		t.Run(name, func(t *testing.T) {
			b, err := s.Append(nil, 1)
			require.NoError(t, err)
			got, err := segment.Parse(b)
			require.NoError(t, err)
			if len(got.Payload) == 0 {
				got.Payload = nil
			}
			want := s
			want.TOS = 0 // which only goes out
			require.Equal(t, &want, got)

			p, err := wire.Decode(b, wire.LayerIP)
			require.NoError(t, err)
			require.Equal(t, s.String(), p.String())
			edited, err := wire.ParseSegment(b, wire.LayerIP)
			require.NoError(t, err)
			edited.Checksum = wire.ChecksumFix
			fixed, err := edited.Bytes()
			require.NoError(t, err)
			require.Equal(t, b, fixed, "the checksum")
		})
	}
}

// TestLinuxSYN compares a SYN with that of Linux, but for its addresses and numbers.
func TestLinuxSYN(t *testing.T) {
	s := samples()["SYN"]
	b, err := s.Append(nil, 1)
	require.NoError(t, err)
	require.Equal(t, "020405b4"+"0402080a0000000700000000"+"0103030a"+"1e040101", hex.EncodeToString(b[segment.LenIPv4+segment.LenTCP:]))
}

// TestDamage holds that no flipped bit of a segment goes unnoticed, but in what no checksum covers.
func TestDamage(t *testing.T) {
	for name, s := range samples() {
		b, err := s.Append(nil, 1)
		require.NoError(t, err)
		from := 0 // all of an IPv4 packet is covered
		if s.Src.Addr().Is6() {
			from = 8 // of IPv6 the addresses and what follows
		}
		for bit := from * 8; bit < len(b)*8; bit++ {
			b[bit/8] ^= 0x80 >> (bit % 8)
			_, err := segment.Parse(b)
			require.Error(t, err, "%s: bit %d", name, bit)
			b[bit/8] ^= 0x80 >> (bit % 8)
		}
	}
}

func TestRefusal(t *testing.T) {
	syn, data := samples()["SYN"], samples()["data"]
	require.Equal(t, "10.0.1.1:5000 > 10.0.1.2:40000: Flags [R.], seq 0, ack 2, win 0, length 0", syn.Refusal().String())
	require.Equal(t, "[fd00:1::1]:5000 > [fd00:1::2]:40000: Flags [R], seq 3, win 0, length 0", data.Refusal().String())
}

func TestNoPlace(t *testing.T) {
	_, err := (&segment.Segment{Src: client4, Dst: server6}).Append(nil, 1)
	require.ErrorContains(t, err, "different families")
	big := segment.Segment{Src: client4, Dst: server4, MPTCP: []wire.Option{&wire.MPJoin{Phase: wire.JoinACK}, &wire.MPJoin{Phase: wire.JoinACK}}}
	_, err = big.Append(nil, 1)
	require.ErrorContains(t, err, "48 bytes of options")
}

func FuzzParse(f *testing.F) {
	for _, s := range samples() {
		b, err := s.Append(nil, 1)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := segment.Parse(b)
		if err != nil {
			return
		}
		// What was read can be written, unless its options were padded in a way that takes less room.
		out, err := s.Append(nil, 0)
		if err != nil {
			return
		}
		again, err := segment.Parse(out)
		require.NoError(t, err)
		require.Equal(t, s.Seq, again.Seq)
		require.Equal(t, s.Payload, again.Payload)
	})
}
