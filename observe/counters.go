package observe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// netstat is where the kernel shows the counters of the calling thread's network namespace (net/ipv4/proc.c,
// net/mptcp/mib.c).
const netstat = "/proc/thread-self/net/netstat"

// mptcpExt begins both lines of the counters: that of the names and that of the values.
const mptcpExt = "MPTcpExt:"

// CounterFile reads the MPTcpExt counters of one network namespace. It is safe for concurrent use.
type CounterFile struct {
	mu     sync.Mutex // over buffer
	file   *os.File
	buffer []byte
}

// OpenCounters opens the counters of the calling thread's network namespace. The file stays with that namespace, and
// keeps it alive until Close.
func OpenCounters() (*CounterFile, error) {
	f, err := os.Open(netstat)
	if err != nil {
		return nil, fmt.Errorf("open MPTcpExt counters: %w", err)
	}
	return &CounterFile{file: f, buffer: make([]byte, 1<<14)}, nil
}

// Read reads every counter, absolute. They are all zero until the namespace has had its first MPTCP socket. On a kernel
// without MPTCP there are none.
func (c *CounterFile) Read() (lab.Counters, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := c.readAll()
	if err != nil {
		return nil, fmt.Errorf("read MPTcpExt counters: %w", err)
	}
	return parseCounters(b)
}

// readAll reads the file from its start, growing the buffer until the file ends within it.
func (c *CounterFile) readAll() ([]byte, error) {
	length := 0
	for {
		n, err := c.file.ReadAt(c.buffer[length:], int64(length))
		length += n
		if errors.Is(err, io.EOF) {
			return c.buffer[:length], nil
		}
		if err != nil {
			return nil, err
		}
		c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
	}
}

// Close closes the file.
func (c *CounterFile) Close() error { return c.file.Close() }

// Counters reads the MPTcpExt counters of the calling thread's network namespace once.
func Counters() (lab.Counters, error) {
	c, err := OpenCounters()
	if err != nil {
		return nil, err
	}
	counters, err := c.Read()
	return counters, errors.Join(err, c.Close())
}

// ReadCounters reads the MPTcpExt counters from text in the form of /proc/net/netstat.
func ReadCounters(r io.Reader) (lab.Counters, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read MPTcpExt counters: %w", err)
	}
	return parseCounters(b)
}

func parseCounters(b []byte) (lab.Counters, error) {
	names, rest := nextMPTCPExt(b)
	values, rest := nextMPTCPExt(rest)
	if len(names) != len(values) {
		return nil, fmt.Errorf("%s has %d names and %d values", mptcpExt, len(names), len(values))
	}
	if extra, _ := nextMPTCPExt(rest); extra != nil {
		return nil, fmt.Errorf("%s has more than one line of values", mptcpExt)
	}
	counters := make(lab.Counters, len(names))
	for i, name := range names {
		v, err := strconv.ParseUint(string(values[i]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s value of %s: %w", mptcpExt, name, err)
		}
		counters[string(name)] = v
	}
	return counters, nil
}

// nextMPTCPExt finds the next line of the MPTcpExt counters: its fields, nil when there is no such line, and the text
// after it.
func nextMPTCPExt(b []byte) (fields [][]byte, rest []byte) {
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		if after, found := bytes.CutPrefix(line, []byte(mptcpExt)); found {
			return bytes.Fields(after), b
		}
	}
	return nil, nil
}
