package kernel

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/observe"
)

// The usual lab has this many hosts, and each host this many links that are captured there.
const (
	usualHosts    = 2
	usualCaptures = 2
)

// supply makes hosts ahead of need, beside the cases that run, with what most of them will want. What a host is to be is decided
// when it is taken. It may be used from several goroutines.
type supply struct {
	registry *netns.Registry
	ready    chan *readyHost
	labs     atomic.Int64  // opened so far
	refill   chan struct{} // closed when there is more than one: the only one of a run is not to be disturbed
	stop     chan struct{}
	once     sync.Once
	making   sync.WaitGroup
	failed   error // of the closing of a host that nobody took; valid when making is done
}

// readyHost is a host with what its witnesses need. None of it listens to events, for somebody may want to be alone.
type readyHost struct {
	real     *netns.Host
	diag     *observe.Diag
	captures []*observe.CaptureSocket
}

func newSupply(r *netns.Registry) *supply {
	s := &supply{registry: r, ready: make(chan *readyHost, usualHosts), refill: make(chan struct{}), stop: make(chan struct{})}
	s.making.Go(s.fill)
	return s
}

// fill makes hosts until it is stopped or the kernel refuses one: then the next that is asked for tells why.
func (s *supply) fill() {
	defer close(s.ready)
	for made := 0; ; made++ {
		if made == usualHosts {
			select {
			case <-s.refill:
			case <-s.stop:
				return
			}
		}
		h, err := s.prepare()
		if err != nil {
			return
		}
		select {
		case s.ready <- h:
		case <-s.stop:
			s.failed = h.close()
			return
		}
	}
}

// opens tells that a lab opens.
func (s *supply) opens() {
	if s.labs.Add(1) == 2 {
		close(s.refill)
	}
}

func (s *supply) prepare() (*readyHost, error) {
	real, err := netns.NewBlankHost(s.registry)
	if err != nil {
		return nil, err
	}
	h := &readyHost{real: real}
	err = real.Do(func() (err error) {
		if h.diag, err = observe.OpenDiag(); err != nil {
			return err
		}
		for range usualCaptures {
			c, err := observe.OpenCaptureSocket()
			if err != nil {
				return err
			}
			h.captures = append(h.captures, c)
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// take returns a host that is there already, if there is one, or one without anything more.
func (s *supply) take(o netns.Options) (*readyHost, error) {
	select {
	case h, ok := <-s.ready:
		if !ok {
			break
		}
		if err := h.real.Become(o); err != nil {
			return nil, errors.Join(err, h.close())
		}
		return h, nil
	default:
	}
	o.Registry = s.registry
	real, err := netns.NewHost(o)
	if err != nil {
		return nil, err
	}
	return &readyHost{real: real}, nil
}

// close closes the hosts that nobody took. Closing again does nothing.
func (s *supply) close() (err error) {
	s.once.Do(func() {
		close(s.stop)
		for h := range s.ready {
			err = errors.Join(err, h.close())
		}
		s.making.Wait()
		err = errors.Join(err, s.failed)
	})
	return err
}

func (h *readyHost) close() error {
	var errs []error
	if h.diag != nil {
		errs = append(errs, h.diag.Close())
	}
	for _, c := range h.captures {
		errs = append(errs, c.Close())
	}
	return errors.Join(append(errs, h.real.Close())...)
}
