package netns

import (
	"errors"
	"fmt"
	"sync"
)

// Supply makes hosts ahead of need, beside whatever else the program does: a host takes the kernel about a millisecond. What
// a host is to be is decided when it is taken. It may be used from several goroutines.
type Supply struct {
	registry *Registry
	hosts    chan *Host
	stop     chan struct{}
	once     sync.Once
	making   sync.WaitGroup
	failed   error // of the closing of hosts that nobody took; valid when making is done
}

// NewSupply starts a supply that holds at most n hosts, made under a registry.
func NewSupply(r *Registry, n int) *Supply {
	s := &Supply{registry: r, hosts: make(chan *Host, n), stop: make(chan struct{})}
	s.making.Go(s.fill)
	return s
}

// fill makes hosts until it is stopped or the kernel refuses one: then the next that is asked for tells why.
func (s *Supply) fill() {
	defer close(s.hosts)
	for {
		h, err := newBlankHost(s.registry)
		if err != nil {
			return
		}
		select {
		case s.hosts <- h:
		case <-s.stop:
			s.failed = h.Close()
			return
		}
	}
}

// Host is [NewHost] under the registry of the supply, with a host that is there already if there is one.
func (s *Supply) Host(o Options) (*Host, error) {
	o.Registry = s.registry
	select {
	case h, ok := <-s.hosts:
		if !ok {
			break
		}
		if err := h.become(o); err != nil {
			return nil, fmt.Errorf("new host: %w", err)
		}
		return h, nil
	default:
	}
	return NewHost(o)
}

// Close closes the hosts that nobody took. Closing again does nothing.
func (s *Supply) Close() (err error) {
	s.once.Do(func() {
		close(s.stop)
		for h := range s.hosts {
			err = errors.Join(err, h.Close())
		}
		s.making.Wait()
		err = errors.Join(err, s.failed)
	})
	return err
}
