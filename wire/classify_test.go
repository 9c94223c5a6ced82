package wire

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// bulk is a segment of bulk data as Linux sends it.
func bulk(t testing.TB) []byte {
	s := mustParse(t, mustEncode(t, samplePacket()), LayerIP)
	s.Options = unhex(t, timestamps+"1e1a200ffb9ef3955d13dc6a887d6ab271b17a1b0000000100060101")
	s.Payload = make([]byte, 1408)
	return ethernet(mustBytes(t, s), layers.EthernetTypeIPv4)
}

func TestClassifyOptions(t *testing.T) {
	for _, c := range []struct {
		options string
		flags   TCPFlags
		want    Class
	}{
		{"", FlagACK, ClassBareDSS},
		{timestamps, FlagACK, ClassBareDSS},
		{timestamps + dssAck12, FlagACK | FlagPSH, ClassBareDSS},
		{fullHeader, FlagACK, ClassBareDSS}, // with a DSS checksum
		{"1e042000", FlagACK, ClassBareDSS},
		{"1e04200a", FlagACK, ClassBareDSS}, // sizes of what is not there
		{dssAck12 + "00" + "1e0351", FlagACK, ClassBareDSS},
		{dssAck12 + "0909", FlagACK, ClassBareDSS}, // a length that leads nowhere
		{"", FlagSYN, ClassOther},
		{timestamps, FlagFIN | FlagACK, ClassOther},
		{"", FlagRST, ClassOther},
		{dssAck12 + "1e035101", FlagACK, ClassOther},
		{addAddr4, FlagACK, ClassOther},
		{"1e1a201f00000000000000070000000000000009000000000001", FlagACK, ClassOther}, // DATA_FIN
		{"1e052003" + "010101", FlagACK, ClassOther},                                  // malformed
		{"1e0e2003fb9ef3955d13dc6a0000", FlagACK, ClassOther},                         // a checksum without a mapping
		{"1e09", FlagACK, ClassOther},                                                 // a length that leads nowhere
		{"1e021e02", FlagACK, ClassOther},                                             // no subtype
	} {
		t.Run(c.flags.String()+" "+c.options, func(t *testing.T) {
			for _, p := range []Packet{samplePacket(), samplePacket6()} {
				s := mustParse(t, mustEncode(t, p), LayerIP)
				s.Options, s.Flags = unhex(t, c.options), c.flags
				frame := mustBytes(t, s)
				require.Equal(t, c.want, Classify(frame, LayerIP), hex.EncodeToString(frame))
				decoded, err := Decode(frame, LayerIP)
				require.NoError(t, err)
				require.Equal(t, c.want == ClassBareDSS, decoded.IsBareDSS(), "as by decoding")
			}
		})
	}
}

func TestClassifyFrames(t *testing.T) {
	frame := bulk(t)
	ip4 := frame[14:]
	udp, fragment, tunnel := bytes.Clone(ip4), bytes.Clone(ip4), bytes.Clone(ip4)
	udp[9], tunnel[9], fragment[7] = byte(layers.IPProtocolUDP), byte(layers.IPProtocolIPv4), 1
	for _, c := range []struct {
		name  string
		frame []byte
		first LayerType
		want  Class
	}{
		{"Ethernet", frame, LayerEthernet, ClassBareDSS},
		{"IP", ip4, LayerIP, ClassBareDSS},
		{"headers alone", frame[:14+20+60], LayerEthernet, ClassBareDSS},
		{"VLAN", ethernet(append([]byte{0, 7, 8, 0}, ip4...), layers.EthernetTypeDot1Q), LayerEthernet, ClassBareDSS},
		{"IPv4 options", withIPv4Options(ip4), LayerIP, ClassBareDSS},
		{"ARP", ethernet(make([]byte, 28), layers.EthernetTypeARP), LayerEthernet, ClassNotTCP},
		{"UDP", udp, LayerIP, ClassNotTCP},
		{"options cut off", frame[:14+20+59], LayerEthernet, ClassOther},
		{"IPv4 cut off", frame[:14+19], LayerEthernet, ClassOther},
		{"Ethernet cut off", frame[:13], LayerEthernet, ClassOther},
		{"fragment", fragment, LayerIP, ClassOther},
		{"tunnel", tunnel, LayerIP, ClassOther},
		{"IPv4 as IPv6", ethernet(ip4, layers.EthernetTypeIPv6), LayerEthernet, ClassOther},
		{"IPv6 extension headers", withExtensions(mustEncode(t, samplePacket6())), LayerIP, ClassOther},
		{"nothing", nil, LayerIP, ClassOther},
		{"layer type", ip4, 9, ClassOther},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Classify(c.frame, c.first)) })
	}
}

// What Classify is sure of, decoding confirms.
func FuzzClassify(f *testing.F) {
	for _, frame := range frames(f) {
		f.Add(frame.frame, uint8(frame.first))
	}
	f.Add(bulk(f), uint8(LayerEthernet))
	var d Decoder
	f.Fuzz(func(t *testing.T, frame []byte, first uint8) {
		class := Classify(frame, LayerType(first))
		p, err := d.Decode(frame, LayerType(first))
		if err != nil || class == ClassOther {
			return
		}
		require.Equal(t, ClassBareDSS, class, "%v", p)
		require.True(t, p.IsBareDSS(), "%v", p)
	})
}

// Beside what decoding the same frame costs.
func BenchmarkClassify(b *testing.B) {
	frame := bulk(b)
	b.Run("classify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if Classify(frame, LayerEthernet) != ClassBareDSS {
				b.Fatal("not bulk data")
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		var d Decoder
		for b.Loop() {
			if p, err := d.Decode(frame, LayerEthernet); err != nil || !p.IsBareDSS() {
				b.Fatal(p, err)
			}
		}
	})
}
