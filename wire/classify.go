package wire

import (
	"encoding/binary"

	"github.com/gopacket/gopacket/layers"
)

// Class is what a look at a frame's headers tells of it.
type Class uint8

// The classes.
const (
	ClassOther   Class = iota // only [Decoder.Decode] tells
	ClassNotTCP               // not a TCP segment
	ClassBareDSS              // a TCP segment that only moves data: see [Packet.IsBareDSS]
)

// Classify looks at a frame without decoding it, and allocates nothing: it tells bulk data from what deserves a decoding. It
// is sure of what it says, and ClassOther is for the rest: SYN, FIN and RST, MPTCP options other than DSS, but also tunnels,
// IPv6 extension headers, and headers that make no sense or were not captured.
func Classify(frame []byte, first LayerType) Class {
	version := uint8(0) // that the link-layer header announces; 0: any
	switch first {
	case LayerEthernet:
		var class Class
		if version, frame, class = classifyEthernet(frame); version == 0 {
			return class
		}
	case LayerIP:
	default:
		return ClassOther
	}
	if len(frame) == 0 || version != 0 && frame[0]>>4 != version {
		return ClassOther
	}
	switch frame[0] >> 4 {
	case 4:
		return classifyIPv4(frame)
	case 6:
		return classifyIPv6(frame)
	}
	return ClassOther
}

// classifyEthernet gives the version of the IP packet in the frame, and the packet; or 0 and what the frame is.
func classifyEthernet(frame []byte) (version uint8, packet []byte, class Class) {
	const header, tag = 14, 4
	if len(frame) < header {
		return 0, nil, ClassOther
	}
	typ, packet := etherType(frame[header-2:]), frame[header:]
	if typ == layers.EthernetTypeDot1Q {
		if len(packet) < tag {
			return 0, nil, ClassOther
		}
		typ, packet = etherType(packet[tag-2:]), packet[tag:]
	}
	switch typ {
	case layers.EthernetTypeIPv4:
		return 4, packet, ClassOther
	case layers.EthernetTypeIPv6:
		return 6, packet, ClassOther
	case layers.EthernetTypeARP:
		return 0, nil, ClassNotTCP
	}
	return 0, nil, ClassOther
}

func etherType(b []byte) layers.EthernetType {
	return layers.EthernetType(binary.BigEndian.Uint16(b))
}

func classifyIPv4(b []byte) Class {
	const (
		offFragment = 6
		offProtocol = 9
		fragment    = 0x3fff // more fragments, and offset
	)
	if len(b) < lenIPv4Header {
		return ClassOther
	}
	header := int(b[0]&0x0f) * 4
	if header < lenIPv4Header || len(b) < header || binary.BigEndian.Uint16(b[offFragment:])&fragment != 0 {
		return ClassOther
	}
	return classifyProtocol(layers.IPProtocol(b[offProtocol]), b[header:])
}

func classifyIPv6(b []byte) Class {
	const offNext = 6
	if len(b) < lenIPv6Header {
		return ClassOther
	}
	return classifyProtocol(layers.IPProtocol(b[offNext]), b[lenIPv6Header:])
}

func classifyProtocol(protocol layers.IPProtocol, b []byte) Class {
	switch protocol {
	case layers.IPProtocolTCP:
		return classifyTCP(b)
	case layers.IPProtocolUDP, layers.IPProtocolICMPv4, layers.IPProtocolICMPv6:
		return ClassNotTCP
	}
	return ClassOther
}

func classifyTCP(b []byte) Class {
	if len(b) < lenTCPHeader || TCPFlags(b[offTCPFlags])&(FlagSYN|FlagFIN|FlagRST) != 0 {
		return ClassOther
	}
	header := int(b[offTCPOffset]>>4) * 4
	if header < lenTCPHeader || len(b) < header {
		return ClassOther
	}
	for options := b[lenTCPHeader:header]; len(options) > 0; {
		n := optionLen(options)
		switch {
		case options[0] == KindMPTCP && !isPlainDSS(options[:n]):
			return ClassOther
		case n == 0:
			return ClassBareDSS
		}
		options = options[n:]
	}
	return ClassBareDSS
}

// isPlainDSS reports whether the bytes are a well-formed DSS option without DATA_FIN.
func isPlainDSS(b []byte) bool {
	if len(b) < lenDSSHead || b[2]>>4 != subtypeDSS || b[3]&dssFIN != 0 {
		return false
	}
	want := dssLength(b[3])
	return len(b) == want || b[3]&dssMapping != 0 && len(b) == want+lenDSSChecksum
}
