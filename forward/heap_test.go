//go:build linux

package forward

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHeap compares the heap with a stable sort, with many equal times.
func TestHeap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var h heap
		var want []*frame
		for range random.IntN(100) {
			f := &frame{due: time.Duration(random.IntN(10))}
			want = append(want, f)
			h.push(f)
		}
		slices.SortStableFunc(want, func(f, g *frame) int { return int(f.due - g.due) })
		for _, f := range want {
			require.Same(t, f, h.head())
			require.Same(t, f, h.pop())
		}
		require.Nil(t, h.head())
	}
}

func TestPool(t *testing.T) {
	var p pool
	for _, n := range []int{1, 256, 257, 2048, 5000, virtioHeader + maxFrame} {
		f := p.get(n)
		require.GreaterOrEqual(t, len(f.buf), n)
		f.packets = 5
		p.put(f)
		again := p.get(n)
		require.Same(t, f, again, "used again")
		require.Zero(t, again.packets)
		p.put(again)
	}
	require.Zero(t, p.used)
}
