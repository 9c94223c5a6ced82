package traffic

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// role says which end of a connection sends a stream.
type role uint64

const (
	dialer role = iota + 1
	acceptor
)

// peer is the role of the other end.
func (r role) peer() role { return dialer + acceptor - r }

// pattern is one endless pseudo-random byte stream: the little-endian words of SplitMix64, indexed by position.
//
// A counter-based generator was chosen over a repeated block because no shift, loss or repetition of data, whatever its
// length, yields the right bytes at the wrong place; a block is blind to multiples of its length. It needs no table, so
// that a thousand connections cost nothing, and makes several gigabytes a second (BenchmarkPattern).
type pattern uint64

// gamma is the increment of SplitMix64: 2^64 divided by the golden ratio.
const gamma = 0x9e3779b97f4a7c15

// newPattern returns the stream that the given end of a connection sends.
func newPattern(seed uint64, from role) pattern {
	// Twice through the mixer: keys that differ by a multiple of gamma would give one stream at two positions.
	return pattern(pattern(pattern(seed).word(0)).word(uint64(from)))
}

// word is the stream's 8 bytes at position 8*i.
func (p pattern) word(i uint64) uint64 {
	z := uint64(p) + i*gamma
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// at is the stream's byte at a position.
func (p pattern) at(pos int64) byte {
	return byte(p.word(uint64(pos)/8) >> (uint64(pos) % 8 * 8))
}

// fill writes the stream's bytes from pos on into b.
func (p pattern) fill(b []byte, pos int64) {
	for ; len(b) > 0 && pos%8 != 0; b, pos = b[1:], pos+1 {
		b[0] = p.at(pos)
	}
	// Four words a turn, none of which waits for another, take little more than half the time.
	for ; len(b) >= 32; b, pos = b[32:], pos+32 {
		i := uint64(pos) / 8
		binary.LittleEndian.PutUint64(b, p.word(i))
		binary.LittleEndian.PutUint64(b[8:], p.word(i+1))
		binary.LittleEndian.PutUint64(b[16:], p.word(i+2))
		binary.LittleEndian.PutUint64(b[24:], p.word(i+3))
	}
	for ; len(b) > 0; b, pos = b[1:], pos+1 {
		b[0] = p.at(pos)
	}
}

// mismatch returns the index of the first byte of b that is not the stream's from pos on, or -1.
func (p pattern) mismatch(b []byte, pos int64) int {
	var block [4096]byte // fits the processor's nearest cache
	for start := 0; start < len(b); start += len(block) {
		seen := b[start:min(start+len(block), len(b))]
		expected := block[:len(seen)]
		p.fill(expected, pos+int64(start))
		if bytes.Equal(expected, seen) {
			continue
		}
		for i := range seen {
			if seen[i] != expected[i] {
				return start + i
			}
		}
	}
	return -1
}

// MismatchError tells that received data is not what the peer's pattern has at that position.
type MismatchError struct {
	Offset   int64  // of the first wrong byte, in the pattern: bytes moved by SendBytes are not counted
	Expected []byte // up to 8 bytes from Offset on
	Seen     []byte // as many bytes as received in their place
}

// Error tells the offset, what was expected there and what was seen.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("wrong data at offset %d: expected % x, seen % x", e.Offset, e.Expected, e.Seen)
}

// verify checks that b is the stream's from pos on; the error is a *MismatchError.
func (p pattern) verify(b []byte, pos int64) error {
	i := p.mismatch(b, pos)
	if i < 0 {
		return nil
	}
	seen := bytes.Clone(b[i:min(i+8, len(b))])
	expected := make([]byte, len(seen))
	p.fill(expected, pos+int64(i))
	return &MismatchError{Offset: pos + int64(i), Expected: expected, Seen: seen}
}
