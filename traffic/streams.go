package traffic

// Pattern is the endless stream of bytes that one end of a connection sends, for whoever moves bytes without a [Socket].
type Pattern struct{ pattern }

// DialerPattern is what the end sends that connected, and AcceptorPattern what the one that accepted does, under a seed.
func DialerPattern(seed uint64) Pattern { return Pattern{newPattern(seed, dialer)} }

// AcceptorPattern is the other one: see [DialerPattern].
func AcceptorPattern(seed uint64) Pattern { return Pattern{newPattern(seed, acceptor)} }

// Fill writes the stream's bytes from pos on into b.
func (p Pattern) Fill(b []byte, pos int64) { p.fill(b, pos) }

// Verify checks that b is the stream's from pos on; the error is a *[MismatchError].
func (p Pattern) Verify(b []byte, pos int64) error { return p.verify(b, pos) }
