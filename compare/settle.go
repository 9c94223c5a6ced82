package compare

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// A case ends with its last check, when much may still be under way. Nothing new for the time quiet is the end of it; what goes on
// for longer than patience, such as a transfer that nobody waits for, is compared as it then is.
const (
	quiet    = 120 * time.Millisecond
	patience = 2 * time.Second
)

// settle lets what a case has begun come to its end.
func settle(ctx context.Context, l lab.Lab) error {
	var last string
	since := l.Now()
	poll := quiet / 4
	for began := since; l.Now()-began < patience && l.Now()-since < quiet; {
		now, err := state(l.Hosts())
		if err != nil {
			return fmt.Errorf("wait until nothing is under way: %w", err)
		}
		if now != last {
			last, since = now, l.Now()
		}
		if _, err := l.Wait(ctx, poll, func() (bool, error) { return false, nil }); err != nil {
			return fmt.Errorf("wait until nothing is under way: %w", err)
		}
	}
	return nil
}

// state is what the witnesses show of hosts, as a text that changes when anything does.
func state(hosts []lab.Host) (string, error) {
	var b strings.Builder
	for _, h := range hosts {
		counters, err := h.Counters()
		if err != nil {
			return "", err
		}
		conns, err := h.Conns()
		if err != nil {
			return "", err
		}
		events, _ := h.Events() // that some were lost is told with the snapshot
		fmt.Fprint(&b, counters, len(events))
		for _, c := range conns {
			fmt.Fprint(&b, c.Token, c.State, c.Info.BytesAcked, c.Info.BytesReceived, c.Fallback)
			for _, s := range c.Subflows {
				fmt.Fprint(&b, s.Local, s.Remote, s.State, s.Flags, s.BytesAcked, s.BytesReceived)
			}
		}
	}
	return b.String(), nil
}
