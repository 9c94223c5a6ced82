// Package wire turns packets and the MPTCP options of RFC 8684 into Go values and back into bytes, and computes what goes
// into those options: tokens, initial data sequence numbers, HMACs and the DSS checksum.
//
// [Decoder] reads a captured frame into a [Packet], and [Encode] builds one. [ParseOption] and [AppendOption] do the same
// for one option. Everything prints as tcpdump would print it, with two liberties: keys, tokens and HMACs keep their
// leading zeros, and ADD_ADDR does not name its version, since only version 1 is known here.
//
// The package neither captures packets nor follows connections: each packet is read by itself. It knows no TCP option
// but MPTCP's; the others are skipped when decoding, and never written.
package wire
