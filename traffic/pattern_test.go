package traffic

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPatternIsTheSameHoweverItIsCut(t *testing.T) {
	p := newPattern(1, dialer)
	whole := make([]byte, 200)
	p.fill(whole, 0)
	for start := range 20 {
		for end := start; end < len(whole); end++ {
			part := make([]byte, end-start)
			p.fill(part, int64(start))
			require.Equal(t, whole[start:end], part)
			require.NoError(t, p.verify(part, int64(start)))
		}
	}
}

func TestPatternReportsTheFirstWrongByte(t *testing.T) {
	p := newPattern(1, dialer)
	for length := 1; length < 40; length++ {
		for wrong := range length {
			const pos = 3
			b := make([]byte, length)
			p.fill(b, pos)
			expected := bytes.Clone(b[wrong:min(wrong+8, length)])
			b[wrong] ^= 0x10
			seen := bytes.Clone(b[wrong:min(wrong+8, length)])
			require.Equal(t, &MismatchError{Offset: pos + int64(wrong), Expected: expected, Seen: seen}, p.verify(b, pos))
		}
	}
}

func TestPatternOfLongData(t *testing.T) {
	p := newPattern(1, dialer)
	const pos = 1<<40 + 5
	b := make([]byte, 10_000)
	p.fill(b, pos)
	require.NoError(t, p.verify(b, pos))
	for _, wrong := range []int{0, 4095, 4096, 8191, 9999} {
		b[wrong]++
		require.Equal(t, wrong, p.mismatch(b, pos))
		b[wrong]--
	}
}

// TestPatternKnowsItsPosition holds for shifts that are usual lengths on a wire and powers of two.
func TestPatternKnowsItsPosition(t *testing.T) {
	p := newPattern(1, dialer)
	b := make([]byte, 64)
	p.fill(b, 0)
	for _, shift := range []int64{1, 8, 1428, 1460, 4096, 1 << 16, 1<<16 + 1, 1 << 20, 1 << 32, 1 << 40} {
		require.GreaterOrEqual(t, p.mismatch(b, shift), 0, "shift %d", shift)
	}
}

func TestPatternsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(100) {
		for _, from := range []role{dialer, acceptor} {
			b := make([]byte, 16)
			newPattern(seed, from).fill(b, 0)
			require.False(t, seen[string(b)])
			seen[string(b)] = true
		}
	}
	require.Equal(t, acceptor, dialer.peer())
	require.Equal(t, dialer, acceptor.peer())
}

func TestMismatchError(t *testing.T) {
	err := &MismatchError{Offset: 65536, Expected: []byte{0x01, 0xab}, Seen: []byte{0x00, 0x00}}
	require.EqualError(t, err, "wrong data at offset 65536: expected 01 ab, seen 00 00")
}

func BenchmarkPattern(b *testing.B) {
	p, buf := newPattern(1, dialer), make([]byte, 256<<10)
	b.Run("fill", func(b *testing.B) {
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			p.fill(buf, 0)
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			if p.verify(buf, 0) != nil {
				b.Fatal("mismatch")
			}
		}
	})
	b.Run("count", func(b *testing.B) {
		s := newStream(p, nil)
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			s.count(buf)
		}
	})
}
