package wire

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

const (
	timestamps = "0101080a0000000100000002"
	addAddr4   = "1e1030010a0002017c4fcff080be19d5"
	dssAck12   = "1e0c2003fb9ef3955d13dc6a"
	fullHeader = timestamps + "1e1c200ffb9ef3955d13dc6a887d6ab271b17a1b0000000100069d48" // 40 bytes
)

func TestSegmentStrip(t *testing.T) {
	for _, c := range []struct {
		name, in, out string
		strip         func(s *Segment) int
		n             int
	}{
		{
			"MP_CAPABLE of a SYN", "020405b4" + "0402080a0000000100000000" + "01030307" + "1e040101",
			"020405b4" + "0402080a0000000100000000" + "01030307",
			func(s *Segment) int { return s.Strip(NameMPCapable) }, 1,
		},
		{
			"by name", timestamps + dssAck12 + "1e035101" + "1e044001", timestamps + dssAck12 + "1e044001",
			func(s *Segment) int { return s.Strip(NameMPPrio, NameMPFail) }, 1,
		},
		{
			"all MPTCP", "1e044001" + timestamps + dssAck12 + "1e035101", timestamps,
			func(s *Segment) int { return s.StripKind(KindMPTCP) }, 3,
		},
		{
			"timestamps", timestamps + addAddr4, "0101" + addAddr4 + "0101",
			func(s *Segment) int { return s.StripKind(KindTimestamps) }, 1,
		},
		{
			"malformed", "1e045101" + addAddr4, addAddr4,
			func(s *Segment) int { return s.Strip(NameUnknown) }, 1,
		},
		{
			"only its own padding", "1e0351" + "0101010101" + "1e044001", "01010101" + "1e044001",
			func(s *Segment) int { return s.Strip(NameMPPrio) }, 1,
		},
		{
			"end of list", "1e044001" + "030307" + "00", "030307" + "01",
			func(s *Segment) int { return s.Strip(NameRemoveAddr) }, 1,
		},
		{
			"what leads nowhere stays", "1e044001" + "0409ffff", "0409ffff",
			func(s *Segment) int { return s.StripKind(KindMPTCP) }, 1,
		},
		{"nothing there", timestamps + "00000000", timestamps + "00000000", func(s *Segment) int { return s.Strip(NameDSS) }, 0},
		{"no names", addAddr4, addAddr4, func(s *Segment) int { return s.Strip() }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustParse(t, mustEncode(t, samplePacket()), LayerIP)
			s.Options = unhex(t, c.in)
			frame := mustBytes(t, s)
			s = mustParse(t, frame, LayerIP)
			require.Equal(t, c.n, c.strip(s))
			require.Equal(t, c.out, hex.EncodeToString(s.Options))
			b := mustBytes(t, s)
			require.Len(t, b, len(frame)-len(c.in)/2+len(c.out)/2)
			require.Empty(t, mismatches(t, b, layers.LayerTypeIPv4))
		})
	}
}

func TestSegmentReplace(t *testing.T) {
	for _, c := range []struct {
		name, in, out string
		f             func(Option) Option
		err           string
	}{
		{
			"changed in place", timestamps + addAddr4, timestamps + "1e1030020a0002017c4fcff080be19d5",
			func(o Option) Option { o.(*AddAddr).ID = 2; return o }, "",
		},
		{
			"longer", "1e035101" + "1e044001", "1e05400102010101" + "1e05400102010101",
			func(Option) Option { return &RemoveAddr{IDs: []uint8{1, 2}} }, "",
		},
		{
			"shorter", addAddr4 + timestamps, "1e0351" + "01" + timestamps,
			func(Option) Option { return &MPPrio{Backup: true} }, "",
		},
		{
			"removed", addAddr4 + "1e044001", "1e044001",
			func(o Option) Option {
				if o.Name() == NameAddAddr {
					return nil
				}
				return o
			}, "",
		},
		{
			"reserved bits of others stay", "1e035f01" + "1e044001", "1e035f01" + "1e044002",
			func(o Option) Option {
				if r, ok := o.(*RemoveAddr); ok {
					r.IDs[0] = 2
				}
				return o
			}, "",
		},
		{"malformed stays", "1e045101", "1e045101", func(o Option) Option { return o }, ""},
		{"no form", addAddr4, addAddr4, func(Option) Option { return &RemoveAddr{} }, "replace: REMOVE_ADDR: no address id"},
		{
			"no room", addAddr4 + addAddr4, addAddr4 + addAddr4, func(Option) Option { return &MPJoin{Phase: JoinACK} },
			"replace: the options would take 48 bytes, more than the 40 of a TCP header",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustParse(t, mustEncode(t, samplePacket()), LayerIP)
			s.Options = unhex(t, c.in)
			err := s.Replace(c.f)
			if c.err != "" {
				require.EqualError(t, err, c.err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.out, hex.EncodeToString(s.Options))
		})
	}
}

func TestSegmentInsert(t *testing.T) {
	address := netip.MustParseAddr("fd00:2::1")
	announce := &AddAddr{ID: 2, Address: address, Port: 7777, HMAC: 1}
	const announced = "1e1e3002fd0000020000000000000000000000011e610000000000000001"
	for _, c := range []struct {
		name, in, out string
		option        Option
		err           string
	}{
		{"none before", "", "1e0351" + "01", &MPPrio{Backup: true}, ""},
		{"behind others", timestamps, timestamps + "1e044001", &RemoveAddr{IDs: []uint8{1}}, ""},
		{"in front of the end of the list", "030307" + "00", "030307" + "1e044001" + "01", &RemoveAddr{IDs: []uint8{1}}, ""},
		{"padding given up for it", timestamps, "080a0000000100000002" + announced, announce, ""},
		{
			"no room", fullHeader, fullHeader, &RemoveAddr{IDs: []uint8{1}},
			"insert REMOVE_ADDR: the options would take 44 bytes, more than the 40 of a TCP header",
		},
		{"no form", timestamps, timestamps, &RemoveAddr{}, "insert: REMOVE_ADDR: no address id"},
		{"nil", timestamps, timestamps, nil, "insert: MPTCP option: nil"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustParse(t, mustEncode(t, samplePacket()), LayerIP)
			s.Options = unhex(t, c.in)
			err := s.Insert(c.option)
			if c.err != "" {
				require.EqualError(t, err, c.err)
			} else {
				require.NoError(t, err)
				require.Empty(t, mismatches(t, mustBytes(t, s), layers.LayerTypeIPv4))
			}
			require.Equal(t, c.out, hex.EncodeToString(s.Options))
		})
	}
}
