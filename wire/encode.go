package wire

import (
	"errors"
	"fmt"
	"math"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

const (
	defaultTTL    = 64 // net.ipv4.ip_default_ttl of Linux
	lenIPv4Header = 20
	lenTCPHeader  = 20 // without options
)

// Encode builds an IP packet, without a link-layer header, that carries the TCP segment with this payload, its lengths and
// checksums set. p.PayloadLen is not looked at.
//
// The options follow each other in their order, each padded with NOPs to a multiple of four bytes, as Linux does. The
// error tells what has no place in a packet, such as options of more than 40 bytes.
func Encode(p Packet, payload []byte) ([]byte, error) {
	b, err := encode(p, payload)
	if err != nil {
		return nil, fmt.Errorf("encode %v > %v: %w", p.Src, p.Dst, err)
	}
	return b, nil
}

func encode(p Packet, payload []byte) ([]byte, error) {
	options, size, err := tcpOptions(p.Options)
	if err != nil {
		return nil, err
	}
	ip, err := ipLayer(p, lenTCPHeader+size+len(payload))
	if err != nil {
		return nil, err
	}
	tcp := tcpLayer(p, options)
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	buf := gopacket.NewSerializeBuffer()
	fix := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, fix, ip, tcp, gopacket.Payload(payload)); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// tcpOptions are the options as gopacket takes them, with their padding, and the bytes that they take.
func tcpOptions(options []Option) (out []layers.TCPOption, size int, err error) {
	for _, o := range options {
		b, err := AppendOption(nil, o)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, layers.TCPOption{OptionType: KindMPTCP, OptionData: b[2:]})
		size += len(b)
		for ; size%4 != 0; size++ {
			out = append(out, layers.TCPOption{OptionType: kindNOP})
		}
	}
	if size > maxOption {
		return nil, 0, fmt.Errorf("the options take %d bytes with their padding, more than the %d of a TCP header", size, maxOption)
	}
	return out, size, nil
}

// serializableIP is an IP header that gopacket can write.
type serializableIP interface {
	gopacket.NetworkLayer
	gopacket.SerializableLayer
}

// ipLayer is the IP header in front of a TCP segment of that many bytes.
func ipLayer(p Packet, segment int) (serializableIP, error) {
	src, dst := p.Src.Addr(), p.Dst.Addr()
	limit := math.MaxUint16
	switch {
	case src.Is4() && dst.Is4():
		limit -= lenIPv4Header
	case src.Is6() && dst.Is6():
	default:
		return nil, errors.New("the addresses are not of one family")
	}
	if segment > limit {
		return nil, fmt.Errorf("a segment of %d bytes is longer than the %d of an IP packet", segment, limit)
	}
	if src.Is4() {
		return &layers.IPv4{
			Version:  4,
			TOS:      p.TOS,
			Flags:    layers.IPv4DontFragment,
			TTL:      defaultTTL,
			Protocol: layers.IPProtocolTCP,
			SrcIP:    src.AsSlice(),
			DstIP:    dst.AsSlice(),
		}, nil
	}
	return &layers.IPv6{
		Version:      6,
		TrafficClass: p.TOS,
		NextHeader:   layers.IPProtocolTCP,
		HopLimit:     defaultTTL,
		SrcIP:        src.AsSlice(),
		DstIP:        dst.AsSlice(),
	}, nil
}

func tcpLayer(p Packet, options []layers.TCPOption) *layers.TCP {
	has := func(f TCPFlags) bool { return p.Flags&f != 0 }
	return &layers.TCP{
		SrcPort: layers.TCPPort(p.Src.Port()),
		DstPort: layers.TCPPort(p.Dst.Port()),
		Seq:     p.Seq,
		Ack:     p.Ack,
		FIN:     has(FlagFIN),
		SYN:     has(FlagSYN),
		RST:     has(FlagRST),
		PSH:     has(FlagPSH),
		ACK:     has(FlagACK),
		URG:     has(FlagURG),
		ECE:     has(FlagECE),
		CWR:     has(FlagCWR),
		Window:  p.Window,
		Options: options,
	}
}
