package export

import (
	"context"
	"io"
	"sync"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Recorder notes what one case does. The zero value is empty and ready.
type Recorder struct {
	mu     sync.Mutex // over script: both halves of a transfer are under way at once
	script script
}

// Wrap returns a backend that does as b does, and whose last lab is recorded: a case that asks for the machine
// to itself gets a second one.
func (r *Recorder) Wrap(b lab.Backend) lab.Backend { return backend{b, r} }

// Write writes the script of what was recorded.
func (r *Recorder) Write(w io.Writer, h Head) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.script.writeTo(w, h)
}

// Skipped is how many actions could not be exported.
func (r *Recorder) Skipped() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.script.skipped
}

// with changes the script.
func (r *Recorder) with(do func(s *script)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(&r.script)
}

// skipping notes an action that is not exported.
func (r *Recorder) skipping(format string, args ...any) {
	r.with(func(s *script) { s.skip(format, args...) })
}

type backend struct {
	lab.Backend
	recorder *Recorder
}

// Open implements [lab.Backend].
func (b backend) Open(ctx context.Context, o lab.Options) (lab.Lab, error) {
	l, err := b.Backend.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	b.recorder.with(func(s *script) { *s = script{} })
	return &recorded{Lab: l, Recorder: b.recorder, names: map[string]bool{}, ports: map[string]*port{}}, nil
}
