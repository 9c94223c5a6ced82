//go:build linux

package observe

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestCounters(t *testing.T) {
	enterMPTCP(t)
	before, err := Counters()
	require.NoError(t, err)
	require.Contains(t, before, "MPCapableSYNRX")
	require.Empty(t, before.Since(lab.Counters{}))

	connect(t, "tcp4", mptcp)
	after, err := Counters()
	require.NoError(t, err)
	require.Equal(t, lab.Counters{
		"MPCapableSYNTX": 1, "MPCapableSYNRX": 1, "MPCapableSYNACKRX": 1, "MPCapableACKRX": 1, "MPCurrEstab": 2,
	}, after.Since(before))
}

// The file is read from a thread of the machine's namespace, before and after the first MPTCP socket of its own.
func TestCounterFileFromAnotherThread(t *testing.T) {
	enterMPTCP(t)
	file, err := OpenCounters()
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	var readings []lab.Counters
	read := func() {
		unlocked(func() {
			c, err := file.Read()
			if err != nil {
				t.Error(err)
			}
			readings = append(readings, c)
		})
	}
	read()
	connect(t, "tcp4", mptcp)
	read()
	require.Empty(t, readings[0].Since(lab.Counters{}))
	require.EqualValues(t, 1, readings[1].Since(readings[0])["MPCapableSYNTX"])
}

func BenchmarkCounterFile(b *testing.B) {
	enterMPTCP(b)
	file, err := OpenCounters()
	require.NoError(b, err)
	defer file.Close()
	b.ReportAllocs()
	unlocked(func() {
		for b.Loop() {
			if _, err := file.Read(); err != nil {
				b.Error(err)
			}
		}
	})
}
