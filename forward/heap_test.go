//go:build linux

package forward

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
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

// TestInsertVLAN holds that the checksum is still found behind the tag.
func TestInsertVLAN(t *testing.T) {
	x := new(pool).get(classes[largest])
	x.b = x.buf[headroom : headroom+virtioHeader+60]
	want := append(pattern(12), 0x81, 0x00, 0x30, 0x05)
	want = append(want, pattern(60)[12:]...)
	copy(x.ethernet(), pattern(60))
	*x.header() = virtioHdr{Flags: unix.VIRTIO_NET_HDR_F_NEEDS_CSUM, HdrLen: 54, CsumStart: 34, CsumOffset: 16}
	x.insertVLAN(unix.ETH_P_8021Q, 0x3005)
	require.Equal(t, want, x.ethernet())
	require.Equal(t, virtioHdr{Flags: unix.VIRTIO_NET_HDR_F_NEEDS_CSUM, HdrLen: 58, CsumStart: 38, CsumOffset: 16}, *x.header())
}
