package pm

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Wait waits until [Monitor.Receive] has something to return, without taking it.
func (m *Monitor) Wait() error {
	raw, err := m.conn.SyscallConn()
	if err == nil {
		err = raw.Read(readable)
	}
	if err != nil {
		return fmt.Errorf("wait for path-manager events: %w", m.closedOr(err))
	}
	return nil
}

// Pending receives what is there already, possibly nothing. The kernel has queued an event before its effect can be seen
// elsewhere, such as on the wire. No other goroutine may receive meanwhile, but one may be in [Monitor.Wait].
func (m *Monitor) Pending() ([]Event, error) {
	raw, err := m.conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("receive path-manager events: %w", m.closedOr(err))
	}
	var all []Event
	for {
		ready := false
		if err := raw.Control(func(fd uintptr) { ready = readable(fd) }); err != nil {
			return all, fmt.Errorf("receive path-manager events: %w", m.closedOr(err))
		}
		if !ready {
			return all, nil
		}
		events, err := m.receive()
		all = append(all, events...)
		if err != nil {
			return all, err
		}
	}
}

func readable(fd uintptr) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0
}
