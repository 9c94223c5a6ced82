package traffic

import (
	"hash/crc32"
	"sync"
	"time"
)

// stream is one direction of a socket: who may move bytes now, which bytes come next, and what was moved.
type stream struct {
	gate
	pattern  pattern
	position int64 // of the pattern's next byte; belongs to whoever holds the gate

	mu    sync.Mutex
	moved tally
}

// tally is the sum of the bytes moved.
type tally struct {
	crc   uint32
	bytes int64
}

func newStream(p pattern, setDeadline func(time.Time) error) *stream {
	return &stream{gate: newGate(setDeadline), pattern: p}
}

// count adds b to what was moved.
func (s *stream) count(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved.crc = crc32.Update(s.moved.crc, crc32.MakeTable(crc32.Castagnoli), b)
	s.moved.bytes += int64(len(b))
}

// tally is what was moved so far.
func (s *stream) tally() tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moved
}
