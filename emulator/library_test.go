//go:build !race

package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// runLibrary runs every scenario. All pass, or are skipped.
func runLibrary(t *testing.T, b lab.Backend, cfg runner.Config, obs runner.Observer) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the whole library")
	}
	cases, err := starlark.Load(t.Context(), []string{"../scenarios"}, starlark.Options{Features: b.Features()})
	require.NoError(t, err)
	cfg.Jobs = runtime.NumCPU()
	sum := runner.Run(t.Context(), b, cases, cfg, obs)
	require.Zero(t, sum.Failed+sum.Errors, "cases that do not pass")
	require.Greater(t, sum.Passed, 1000)
}

// tapped is a backend of labs whose frames go into a digest each.
type tapped struct {
	*Backend
	mu      sync.Mutex
	digests map[string]string // by name of the lab
}

// Open implements [lab.Backend].
func (b *tapped) Open(ctx context.Context, o lab.Options) (lab.Lab, error) {
	l, err := b.Backend.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return &tappedLab{modelLab: l.(*modelLab), name: o.Name, backend: b}, nil
}

type tappedLab struct {
	*modelLab
	name    string
	backend *tapped
	sum     []byte
}

// Link implements [lab.Lab].
func (l *tappedLab) Link(ctx context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	made, err := l.modelLab.Link(ctx, a, b, o)
	if err != nil {
		return nil, err
	}
	k := made.(*link)
	judge := k.model.Judge
	k.model.Judge = func(t *network.Transit) network.Verdict {
		h := sha256.New()
		h.Write(l.sum)
		h.Write([]byte(k.name + t.Arrived.String()))
		h.Write([]byte{byte(t.From)})
		h.Write(t.Frame)
		l.sum = h.Sum(nil)
		return judge(t)
	}
	return k, nil
}

// Close implements [lab.Lab].
func (l *tappedLab) Close() error {
	l.backend.mu.Lock()
	defer l.backend.mu.Unlock()
	l.backend.digests[l.name] = hex.EncodeToString(l.sum)
	return l.modelLab.Close()
}

// libraryDigests runs the library, and returns the digest of all frames of each case, with their times.
func libraryDigests(t *testing.T, seed uint64) map[string]string {
	t.Helper()
	b, err := New(Options{})
	require.NoError(t, err)
	tap := &tapped{Backend: b, digests: map[string]string{}}
	runLibrary(t, tap, runner.Config{Seed: seed}, report.Reporters{})
	return tap.digests
}

// TestLibraryIsDeterministic holds that two runs of the library with one seed have the same frames at the same times, in every case,
// and that with another seed they have others.
func TestLibraryIsDeterministic(t *testing.T) {
	var first map[string]string
	for _, seed := range []uint64{1, 2} {
		one := libraryDigests(t, seed)
		require.Equal(t, one, libraryDigests(t, seed))
		if first == nil {
			first = one
			continue
		}
		same, sent := 0, 0
		for name, digest := range one {
			if digest == "" {
				continue
			}
			sent++
			if digest == first[name] {
				same++
			}
		}
		require.Greater(t, sent, 1000)
		require.Zero(t, same, "cases with the same frames under two seeds")
	}
}
