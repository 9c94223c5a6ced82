package vm

import (
	"bytes"
	"io"
	"sync"
)

// ahead reads what there is before it is asked for, however much: a machine must not wait for whoever reads its output, and
// least of all one whose clock goes on meanwhile. It stops reading soon after stop is closed, or at an error.
func ahead(r io.Reader, stop <-chan struct{}) io.Reader {
	q := &queue{}
	q.grown.L = &q.mu
	go func() {
		block := make([]byte, 64<<10)
		for {
			n, err := r.Read(block)
			q.add(block[:n], err)
			select {
			case <-stop:
				q.add(nil, io.EOF)
				return
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return q
}

// queue is bytes that were read and not yet taken, and the error that ended reading.
type queue struct {
	mu    sync.Mutex
	grown sync.Cond
	bytes bytes.Buffer
	err   error
}

func (q *queue) add(p []byte, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes.Write(p)
	if q.err == nil {
		q.err = err
	}
	q.grown.Signal()
}

// Read waits until there is something to take.
func (q *queue) Read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.bytes.Len() == 0 {
		if q.err != nil {
			return 0, q.err
		}
		q.grown.Wait()
	}
	return q.bytes.Read(p)
}
