package tcp

import "time"

// Settings are those of a host, from net.ipv4.
type Settings struct {
	Timestamps     bool          // tcp_timestamps
	SACK           bool          // tcp_sack
	Scaling        bool          // tcp_window_scaling
	RTOMin         time.Duration // tcp_rto_min_us
	SynRetries     int           // tcp_syn_retries
	SynAckRetries  int           // tcp_synack_retries
	Retries        int           // tcp_retries2
	LinearTimeouts int           // tcp_syn_linear_timeouts
	Cookies        int           // tcp_syncookies; 2: each SYN is answered with one
	FastOpen       int           // tcp_fastopen: 1 for who connects, 2 for who listens
	ReceiveBuffer  int           // tcp_rmem, the second number: bytes of memory, of which half is for data
	SendBuffer     int           // tcp_wmem: bytes that a program may write ahead
}

// DefaultSettings are those of Linux, but for the buffers, which are those of a lab's hosts.
func DefaultSettings() Settings {
	return Settings{
		Timestamps: true, SACK: true, Scaling: true,
		RTOMin: 200 * time.Millisecond, SynRetries: 6, SynAckRetries: 5, Retries: 15, LinearTimeouts: 4, Cookies: 1, FastOpen: 1,
		ReceiveBuffer: 4 << 20, SendBuffer: 1 << 20,
	}
}

// Options are those of a socket.
type Options struct {
	TOS           uint8  // of what is sent: IP_TOS or IPV6_TCLASS
	Mark          uint32 // of what is sent: SO_MARK
	ReceiveBuffer int    // SO_RCVBUF; 0: as the host has it
	SendBuffer    int    // SO_SNDBUF; 0: as the host has it
	FastOpen      int    // TCP_FASTOPEN of a listener; 0: it takes no data with a SYN
}

// Receive is how many bytes of data a socket has room for: half of its buffer, as the kernel reckons.
func (o Options) Receive(s *Settings) int {
	if o.ReceiveBuffer != 0 {
		return o.ReceiveBuffer / 2
	}
	return s.ReceiveBuffer / 2
}

// Send is how many bytes of data a program may write ahead.
func (o Options) Send(s *Settings) int {
	if o.SendBuffer != 0 {
		return o.SendBuffer / 2
	}
	return s.SendBuffer
}

// InitialRTO is the retransmission time-out before the round-trip time was measured.
const InitialRTO = time.Second

const (
	maxRTO        = 120 * time.Second
	timeWait      = 60 * time.Second
	initialWindow = 10      // segments
	scale         = 10      // of windows that we advertise, so that one of 32 MiB can be
	defaultMSS    = 536     // of a peer that tells none
	maxScaled     = 1 << 30 // bytes
)
