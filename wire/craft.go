package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/gopacket/gopacket/layers"
)

// Next is a packet without payload that the sender of p could have sent after it, with these flags and options: it has p's
// addresses, acknowledgement and window, and the sequence number that follows. The window of a SYN is not scaled, and
// those after it are.
//
// The receiver takes it for a part of the connection while p is the last that it has seen. So an ADD_ADDR, a REMOVE_ADDR or a
// reset is forged, the flags being FlagACK, or FlagRST and FlagACK. It has no TCP timestamps, which Linux does not ask for.
func (p Packet) Next(flags TCPFlags, options ...Option) Packet {
	return Packet{
		Src: p.Src, Dst: p.Dst, Flags: flags, Seq: p.end(), Ack: p.Ack, Window: p.Window, Options: options,
	}
}

// Answer is a packet without payload with which the receiver of p could answer, with these flags and options: it
// acknowledges p, and goes on where p says that the receiver is. Its window is p's, for want of a better one.
func (p Packet) Answer(flags TCPFlags, options ...Option) Packet {
	return Packet{
		Src: p.Dst, Dst: p.Src, Flags: flags, Seq: p.Ack, Ack: p.end(), Window: p.Window, Options: options,
	}
}

// end is the sequence number after the packet.
func (p Packet) end() uint32 {
	end := p.Seq + uint32(p.PayloadLen)
	for _, f := range []TCPFlags{FlagSYN, FlagFIN} {
		if p.Flags&f != 0 {
			end++
		}
	}
	return end
}

// EncodeLike is [Encode] with the link-layer header of a frame that was seen on the link. Its MAC addresses are swapped when
// p goes to the address that the frame came from; the two need not be of one family.
func EncodeLike(frame []byte, first LayerType, p Packet, payload []byte) ([]byte, error) {
	var d Decoder
	at, err := d.walk(frame, first)
	if err != nil {
		return nil, fmt.Errorf("encode like a frame: %w", err)
	}
	seen, err := d.packet(at.network)
	if err != nil {
		return nil, fmt.Errorf("encode like a frame: %w", err)
	}
	packet, err := Encode(p, payload)
	if err != nil || first == LayerIP {
		return packet, err
	}
	out := append(make([]byte, 0, at.ip+len(packet)), frame[:at.ip]...)
	if p.Dst.Addr() == seen.Src.Addr() {
		copy(out, frame[lenMAC:2*lenMAC])
		copy(out[lenMAC:], frame[:lenMAC])
	}
	etherType := layers.EthernetTypeIPv4
	if p.Src.Addr().Is6() {
		etherType = layers.EthernetTypeIPv6
	}
	binary.BigEndian.PutUint16(out[at.ip-2:], uint16(etherType))
	return append(out, packet...), nil
}

const lenMAC = 6
