//go:build linux

package observe

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
)

// tape keeps the frames of a capture on the loopback interface.
type tape struct {
	*Capture
	mu     sync.Mutex
	frames []Frame
}

func record(t testing.TB) *tape {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	tape := &tape{}
	tape.Capture, err = OpenCapture(lo.Index, func(f Frame) {
		f.Data = bytes.Clone(f.Data)
		tape.mu.Lock()
		defer tape.mu.Unlock()
		tape.frames = append(tape.frames, f)
	})
	require.NoError(t, err)
	return tape
}

// drained is every frame until now.
func (c *tape) drained(t testing.TB) []Frame {
	t.Helper()
	require.NoError(t, c.Drain())
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Frame(nil), c.frames...)
}

const (
	flagSYN = 0x02
	flagACK = 0x10
)

// segment finds the TCP header of a captured frame.
func segment(f Frame) []byte {
	if f.Data[offIP]>>4 == 6 {
		return f.Data[offIP+40:]
	}
	return f.Data[offIP+4*int(f.Data[offIP]&0xf):]
}

func TestCaptureHandshake(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		t.Run(network, func(t *testing.T) {
			enterMPTCP(t)
			tape := record(t)
			start := time.Now()
			p := connect(t, network, mptcp)
			frames := tape.drained(t)
			end := time.Now()
			require.NoError(t, tape.Close())

			require.Len(t, frames, 6, "SYN, SYN-ACK and ACK, each outgoing and incoming")
			client := addrOf(p.client.LocalAddr()).Port()
			for i, f := range frames {
				tcp := segment(f)
				require.Equal(t, i%2 == 0, f.Outgoing)
				require.Equal(t, []byte{flagSYN, flagSYN | flagACK, flagACK}[i/2], tcp[13])
				require.Equal(t, i/2 != 1, binary.BigEndian.Uint16(tcp) == client)
				require.Len(t, tcp, int(tcp[12]>>4)*4, "the TCP header and no more")
				require.Contains(t, string(tcp[20:]), "\x1e", "MP_CAPABLE")
				require.Len(t, f.Data, f.Length)
				require.Equal(t, 1, f.Interface)
				require.WithinRange(t, f.Time, start, end)
			}
			require.Zero(t, tape.Drops())
		})
	}
}

// A segment of bulk data leaves in one piece of many kilobytes, of which the headers are kept.
func TestCaptureLongSegments(t *testing.T) {
	enterMPTCP(t)
	tape := record(t)
	defer tape.Close()
	p := connect(t, "tcp4", mptcp)
	send(t, p.server, p.client, 1<<20)
	longest := 0
	for _, f := range tape.drained(t) {
		longest = max(longest, f.Length)
		require.LessOrEqual(t, len(f.Data), maxHeaders)
	}
	require.Greater(t, longest, 10000)
	require.Zero(t, tape.Drops())
}

func TestCaptureWithoutDrain(t *testing.T) {
	enterMPTCP(t)
	tape := record(t)
	defer tape.Close()
	connect(t, "tcp4", mptcp)
	eventually(t, func() bool {
		tape.mu.Lock()
		defer tape.mu.Unlock()
		return len(tape.frames) == 6
	})
}

func TestCaptureOnAllInterfaces(t *testing.T) {
	enterNamespace(t)
	var frames []Frame
	capture, err := OpenCapture(0, func(f Frame) { frames = append(frames, f) })
	require.NoError(t, err)
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	_, err = udp.WriteTo([]byte("not TCP"), udp.LocalAddr())
	require.NoError(t, err)
	require.NoError(t, udp.Close())
	connect(t, "tcp4", protocols{})
	require.NoError(t, capture.Close())
	require.Len(t, frames, 6)
}

func TestCaptureSurvivesItsInterfaceDown(t *testing.T) {
	enterMPTCP(t)
	tape := record(t)
	setLoopback(t, netlink.LinkSetDown)
	require.Empty(t, tape.drained(t))
	setLoopback(t, netlink.LinkSetUp)
	connect(t, "tcp4", mptcp)
	require.Len(t, tape.drained(t), 6)
	require.NoError(t, tape.Close())
}

// While the callback stands still, small segments fill the buffer.
func TestCaptureDrops(t *testing.T) {
	enterMPTCP(t)
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	release := make(chan struct{})
	frames := uint64(0)
	capture, err := OpenCapture(lo.Index, func(Frame) {
		<-release
		frames++
	})
	require.NoError(t, err)
	p := connect(t, "tcp4", protocols{})
	b := make([]byte, 1)
	for range 10000 { // one at a time, or the kernel would send several as one segment
		_, err := p.server.Write(b)
		require.NoError(t, err)
		_, err = p.client.Read(b)
		require.NoError(t, err)
	}
	close(release)
	require.NoError(t, capture.Close())
	require.NotZero(t, capture.Drops())
	require.Equal(t, capture.Drops(), capture.Drops())
	require.Equal(t, capture.queued, frames, "all that had not been dropped")
	require.Greater(t, frames, uint64(captureBuffer/1024))
}

func TestCaptureClose(t *testing.T) {
	enterMPTCP(t)
	before := goleak.IgnoreCurrent()
	tape := record(t)
	require.NoError(t, tape.Close())
	goleak.VerifyNone(t, before)
	require.ErrorContains(t, tape.Drain(), "closed")
	require.Error(t, tape.Close())
	require.Zero(t, tape.Drops())
}

func TestCaptureOnMissingInterface(t *testing.T) {
	enterNamespace(t)
	_, err := OpenCapture(4711, func(Frame) {})
	require.EqualError(t, err, "capture on interface 4711: bind: no such device")
}
