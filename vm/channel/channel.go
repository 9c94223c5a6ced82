// Package channel is what a virtual machine and the program that started it say to each other over a serial line: messages
// of a kind and some bytes, in order, both ways. It knows nothing of machines; package guest speaks one end of it, package vm
// the other.
//
// A serial line rather than anything faster, since every kernel has a driver for one built in.
package channel

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// Kind says what a message is.
type Kind byte

// The kinds of messages. All but Interrupt go from the guest to the host.
const (
	Hello     Kind = 'H' // the guest is up; its kernel's release
	Beat      Kind = 'b' // the guest is alive
	Stdout    Kind = 'o' // what the program printed
	Stderr    Kind = 'e' // what the program printed to standard error
	File      Kind = 'f' // a file that the program wrote begins: its path
	Data      Kind = 'd' // the next bytes of that file
	Failure   Kind = '!' // the guest cannot do its job: why
	Exit      Kind = 'x' // the program has ended: its exit code, in decimal
	Interrupt Kind = 'i' // to the guest: interrupt the program
)

// MaxSize is how many bytes one message may carry.
const MaxSize = 1 << 20

// headerSize is that of a kind and a length, big-endian.
const headerSize = 5

// Writer sends messages. Its methods may be called from any goroutine.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter returns a Writer that writes to w, one call a message.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Send sends one message; payloads over [MaxSize] go as several.
func (w *Writer) Send(k Kind, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		part := payload[:min(len(payload), MaxSize)]
		message := make([]byte, 0, headerSize+len(part))
		message = append(message, byte(k))
		message = binary.BigEndian.AppendUint32(message, uint32(len(part)))
		if _, err := w.w.Write(append(message, part...)); err != nil {
			return fmt.Errorf("send to the other end of the machine's line: %w", err)
		}
		if payload = payload[len(part):]; len(payload) == 0 {
			return nil
		}
	}
}

// Stream returns a writer each of whose writes is a message of the kind.
func (w *Writer) Stream(k Kind) io.Writer { return stream{w, k} }

type stream struct {
	w *Writer
	k Kind
}

func (s stream) Write(p []byte) (int, error) {
	if err := s.w.Send(s.k, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Read reads the next message. The error is io.EOF where the line ends between two messages.
func Read(r io.Reader) (Kind, []byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		if err == io.EOF {
			return 0, nil, err
		}
		return 0, nil, fmt.Errorf("read a message's header: %w", err)
	}
	size := binary.BigEndian.Uint32(header[1:])
	if size > MaxSize {
		return 0, nil, fmt.Errorf("message %q of %d bytes: more than %d, so something else writes to the line", header[0], size, MaxSize)
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, fmt.Errorf("read the %d bytes of message %q: %w", size, header[0], err)
	}
	return Kind(header[0]), payload, nil
}
