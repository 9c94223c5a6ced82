package pm

import (
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/mdlayher/genetlink"
)

// monitorBuffer is the size in bytes asked for a monitor's receive buffer. Each event takes about 1 kB of it.
const monitorBuffer = 4 << 20

// Monitor receives the path-manager events of one network namespace, from the moment it was opened.
// Close and SetReadDeadline may be called while another goroutine receives.
type Monitor struct {
	family Family
	conn   *genetlink.Conn
	closed atomic.Bool
}

// Listen opens a monitor. It needs CAP_NET_ADMIN over the network namespace, and for Config.NetNS CAP_SYS_ADMIN.
// Without MPTCP in the kernel the error is [ErrNotSupported], before Linux 5.12 [ErrNoEvents].
func Listen(cfg Config) (*Monitor, error) {
	conn, family, err := cfg.dial()
	if err != nil {
		return nil, err
	}
	if err := join(conn, family); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	m := &Monitor{family: family, conn: conn}
	// A smaller buffer only makes an overrun likelier, and an overrun is reported.
	_ = m.SetReadBuffer(monitorBuffer)
	return m, nil
}

func join(conn *genetlink.Conn, family Family) error {
	const op = "listen to " + eventGroup
	if family.Events == 0 {
		return fmt.Errorf("%s: %w", op, ErrNoEvents)
	}
	if err := conn.JoinGroup(family.Events); err != nil {
		return newError(op, err, nil)
	}
	return nil
}

// Close closes the monitor. A blocked [Monitor.Receive] returns an error that is fs.ErrClosed.
func (m *Monitor) Close() error {
	m.closed.Store(true)
	return m.conn.Close()
}

// closedOr is fs.ErrClosed for an error of a closed monitor, which has several forms, and else the error.
func (m *Monitor) closedOr(err error) error {
	if m.closed.Load() {
		return fs.ErrClosed
	}
	return closedOr(err)
}

// SetReadDeadline lets [Monitor.Receive] end with an error that is os.ErrDeadlineExceeded at the time t, at once if
// that is past; the zero time lets it wait forever again.
func (m *Monitor) SetReadDeadline(t time.Time) error { return m.conn.SetReadDeadline(t) }

// SetReadBuffer sets the size of the receive buffer in bytes; the kernel doubles it, and without CAP_NET_ADMIN in the
// initial user namespace bounds it by net.core.rmem_max.
func (m *Monitor) SetReadBuffer(bytes int) error { return m.conn.SetReadBuffer(bytes) }

// Receive waits for events and returns at least one, or an error. [ErrOverrun] tells that events were lost before the
// next ones; the monitor goes on.
func (m *Monitor) Receive() ([]Event, error) {
	for {
		if events, err := m.receive(); len(events) > 0 || err != nil {
			return events, err
		}
	}
}

// receive takes the next message of the socket, or waits for it.
func (m *Monitor) receive() ([]Event, error) {
	const op = "receive path-manager events"
	messages, headers, err := m.conn.Receive()
	if errors.Is(err, enobufs) {
		return nil, fmt.Errorf("%s: %w", op, ErrOverrun)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, m.closedOr(err))
	}
	var events []Event
	for i, msg := range messages {
		if uint16(headers[i].Header.Type) != m.family.ID {
			continue
		}
		e, err := ParseEvent(msg.Header.Command, msg.Data)
		if err != nil {
			return events, fmt.Errorf("%s: %w", op, err)
		}
		events = append(events, e)
	}
	return events, nil
}
