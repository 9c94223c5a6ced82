// Package wire turns packets and the MPTCP options of RFC 8684 into Go values and back into bytes, and computes what goes
// into those options: tokens, initial data sequence numbers, HMACs and the DSS checksum.
//
// [Decoder] reads a captured frame into a [Packet], and [Encode] builds one. [ParseOption] and [AppendOption] do the same
// for one option. Everything prints as tcpdump would print it, with two liberties: keys, tokens and HMACs keep their
// leading zeros, and ADD_ADDR does not name its version, since only version 1 is known here.
//
// [ParseSegment] takes a frame apart so that its addresses, flags, options and payload can be changed as a middlebox would,
// with all lengths and checksums following. [Packet.Next] and [Packet.Answer] forge a packet that belongs to a connection
// seen, and [EncodeLike] puts it on that link. [Classify] tells bulk data by its bytes alone.
//
// The package neither captures nor sends packets, nor does it follow connections: each packet is read by itself. It knows no
// TCP option but MPTCP's; the others are skipped when decoding, kept when editing, and never made.
package wire
