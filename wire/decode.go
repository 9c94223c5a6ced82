package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// LayerType is the header that a frame begins with.
type LayerType uint8

// The headers that a frame may begin with.
const (
	LayerEthernet LayerType = iota // as on veth
	LayerIP                        // IPv4 or IPv6, as on tun
)

// ErrNotTCP is the error of decoding what carries no TCP header: another protocol, or a fragment of an IP packet.
var ErrNotTCP = errors.New("not TCP")

// Decode decodes one frame. Whoever decodes many is better off with a [Decoder].
func Decode(frame []byte, first LayerType) (Packet, error) {
	return new(Decoder).Decode(frame, first)
}

// Decoder decodes frames, and keeps its working memory from one to the next. Its zero value is ready; it is not for
// concurrent use.
type Decoder struct {
	ethernet layers.Ethernet
	vlan     layers.Dot1Q
	ip4      layers.IPv4
	ip6      layers.IPv6
	ip6ext   layers.IPv6ExtensionSkipper
	ip6frag  layers.IPv6Fragment
	tcp      layers.TCP
}

// Decode decodes one frame, of which the TCP payload need not have been captured. The packet shares no memory with it.
//
// The error is an [ErrNotTCP] for other traffic, and another one for headers that are cut off or make no sense. An MPTCP
// option that is malformed is no error: it becomes an *[Unknown]. Of an IP packet within an IP packet, the inner is decoded.
func (d *Decoder) Decode(frame []byte, first LayerType) (Packet, error) {
	at, err := d.walk(frame, first)
	if err != nil {
		return Packet{}, err
	}
	return d.packet(at.network)
}

// headers are the places of a frame's headers.
type headers struct {
	network gopacket.LayerType // of the innermost IP header
	ip, tcp int                // offsets of that and of the TCP header
	nested  bool               // there is an IP header in front of the innermost
}

// walk decodes header after header, up to TCP.
func (d *Decoder) walk(frame []byte, first LayerType) (at headers, err error) {
	typ, err := first.start(frame)
	if err != nil {
		return headers{}, err
	}
	for data := frame; ; {
		layer := d.layer(typ)
		if layer == nil {
			return headers{}, fmt.Errorf("%w: %v", ErrNotTCP, typ)
		}
		if err := layer.DecodeFromBytes(data, gopacket.NilDecodeFeedback); err != nil {
			return headers{}, fmt.Errorf("decode %v: %w", typ, err)
		}
		switch typ {
		case layers.LayerTypeIPv4, layers.LayerTypeIPv6:
			at.nested = at.network != gopacket.LayerTypeZero
			at.network, at.ip = typ, at.tcp
		case layers.LayerTypeTCP:
			return at, nil
		}
		at.tcp += len(layer.LayerContents())
		if typ == layers.LayerTypeIPv6 && d.ip6.HopByHop != nil { // which gopacket takes with the fixed header
			at.tcp += d.ip6.HopByHop.ActualLength
		}
		typ, data = layer.NextLayerType(), layer.LayerPayload()
	}
}

// header is a decoder of one type of header.
type header interface {
	gopacket.DecodingLayer
	LayerContents() []byte
}

// start is the gopacket layer that the frame begins with.
func (t LayerType) start(frame []byte) (gopacket.LayerType, error) {
	switch {
	case t == LayerEthernet:
		return layers.LayerTypeEthernet, nil
	case t != LayerIP:
		return gopacket.LayerTypeZero, fmt.Errorf("decode frame: unknown layer type %d", t)
	case len(frame) == 0:
		return gopacket.LayerTypeZero, errors.New("decode IP: empty packet")
	}
	switch version := frame[0] >> 4; version {
	case 4:
		return layers.LayerTypeIPv4, nil
	case 6:
		return layers.LayerTypeIPv6, nil
	default:
		return gopacket.LayerTypeZero, fmt.Errorf("decode IP: version %d", version)
	}
}

// layer is the decoder of one type of header, nil for types that do not lead to TCP.
//
// gopacket's DecodingLayerParser would look them up as well, but takes a header that was cut off by the capture for the
// end of the packet, and goes on into the payload by port number.
func (d *Decoder) layer(typ gopacket.LayerType) header {
	switch typ {
	case layers.LayerTypeEthernet:
		return &d.ethernet
	case layers.LayerTypeDot1Q:
		return &d.vlan
	case layers.LayerTypeIPv4:
		return &d.ip4
	case layers.LayerTypeIPv6:
		return &d.ip6
	case layers.LayerTypeIPv6HopByHop, layers.LayerTypeIPv6Routing, layers.LayerTypeIPv6Destination:
		return &d.ip6ext
	case layers.LayerTypeIPv6Fragment:
		return &d.ip6frag
	case layers.LayerTypeTCP:
		return &d.tcp
	}
	return nil
}

// packet makes the packet of the layers that were decoded, the innermost IP header being of type network.
func (d *Decoder) packet(network gopacket.LayerType) (Packet, error) {
	src, dst, length := d.ip4.SrcIP, d.ip4.DstIP, d.ip4SegmentLen()
	version, want, tos := d.ip4.Version, uint8(4), d.ip4.TOS
	if network == layers.LayerTypeIPv6 {
		src, dst, length = d.ip6.SrcIP, d.ip6.DstIP, d.ip6SegmentLen()
		version, want, tos = d.ip6.Version, 6, d.ip6.TrafficClass
	}
	if version != want {
		return Packet{}, fmt.Errorf("decode %v: version %d", network, version)
	}
	header := d.tcp.Contents
	return Packet{
		Src:        addrPort(src, d.tcp.SrcPort),
		Dst:        addrPort(dst, d.tcp.DstPort),
		Flags:      TCPFlags(header[13]),
		Seq:        d.tcp.Seq,
		Ack:        d.tcp.Ack,
		Window:     d.tcp.Window,
		TOS:        tos,
		PayloadLen: length - len(header),
		Options:    parseOptions(header[lenTCPHeader:]),
	}, nil
}

func addrPort(ip net.IP, port layers.TCPPort) netip.AddrPort {
	address, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(address, uint16(port))
}

// ip4SegmentLen is the length of the TCP segment by the IPv4 header, in bytes. Linux's BIG TCP sends a length of 0 for what
// the field cannot hold; then there is only what was captured.
func (d *Decoder) ip4SegmentLen() int {
	return max(int(d.ip4.Length)-len(d.ip4.Contents), len(d.ip4.Payload))
}

// ip6SegmentLen is the length of the TCP segment by the IPv6 header, in bytes: what it says, less the extension headers.
func (d *Decoder) ip6SegmentLen() int {
	length := int(d.ip6.Length)
	if hop := d.ip6.HopByHop; hop != nil {
		for _, o := range hop.Options {
			if o.OptionType == layers.IPv6HopByHopOptionJumbogram && len(o.OptionData) == 4 {
				length = int(binary.BigEndian.Uint32(o.OptionData))
			}
		}
		length -= hop.ActualLength
	}
	extensions := len(d.ip6.Payload) - len(d.tcp.Contents) - len(d.tcp.Payload)
	return length - extensions
}

// parseOptions finds the MPTCP options among the options of a TCP header.
//
// gopacket decodes them too, but its result does not serve: the size flags of DSS are unexported; what it calls malformed
// hides all options after it, where a host goes on to the next; and none of its option types can be encoded.
func parseOptions(b []byte) []Option {
	var options []Option
	for len(b) > 0 {
		n := optionLen(b)
		if n == 0 {
			if b[0] == KindMPTCP {
				options = append(options, newUnknown(b, checkFrame(b)))
			}
			break
		}
		if b[0] == KindMPTCP {
			options = append(options, parseOrKeep(b[:n]))
		}
		b = b[n:]
	}
	return options
}

// optionLen is the length of the TCP option that b begins with, 0 where the list ends: at its end-of-list option, or at a
// length that leads nowhere, as in Linux's tcp_parse_options (net/ipv4/tcp_input.c). b has at least one byte.
func optionLen(b []byte) int {
	switch {
	case b[0] == kindEnd:
		return 0
	case b[0] == kindNOP:
		return 1
	case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
		return 0
	}
	return int(b[1])
}

// parseOrKeep parses an option, and keeps a malformed one as it is.
func parseOrKeep(b []byte) Option {
	o, err := ParseOption(b)
	if err != nil {
		return newUnknown(b, err)
	}
	return o
}
