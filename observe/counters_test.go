package observe

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// The recorded file is of Linux 6.18.44.
func TestReadCounters(t *testing.T) {
	f, err := os.Open("testdata/netstat")
	require.NoError(t, err)
	defer f.Close()
	counters, err := ReadCounters(f)
	require.NoError(t, err)
	require.Len(t, counters, 76)
	require.Equal(t, lab.Counters{
		"MPCapableSYNRX": 1, "MPCapableSYNTX": 1, "MPCapableSYNACKRX": 1, "MPCapableACKRX": 1, "MPJoinSynRx": 1,
		"MPJoinSynBackupRx": 1, "MPJoinSynAckRx": 1, "MPJoinAckRx": 1, "MPJoinSynTx": 2, "MPCurrEstab": 2,
	}, counters.Since(lab.Counters{}))
}

func TestReadCountersText(t *testing.T) {
	tests := map[string]struct {
		text string
		want lab.Counters
		err  string
	}{
		"no MPTCP":         {text: "TcpExt: A\nTcpExt: 1\n", want: lab.Counters{}},
		"empty":            {want: lab.Counters{}},
		"no newline":       {text: "MPTcpExt: A B\nMPTcpExt: 1 18446744073709551615", want: lab.Counters{"A": 1, "B": 1<<64 - 1}},
		"fewer values":     {text: "MPTcpExt: A B\nMPTcpExt: 1\n", err: "MPTcpExt: has 2 names and 1 values"},
		"names alone":      {text: "MPTcpExt: A B\n", err: "MPTcpExt: has 2 names and 0 values"},
		"not a number":     {text: "MPTcpExt: A\nMPTcpExt: x\n", err: `MPTcpExt: value of A: strconv.ParseUint: parsing "x": invalid syntax`},
		"values twice":     {text: "MPTcpExt: A\nMPTcpExt: 1\nMPTcpExt: 2\n", err: "MPTcpExt: has more than one line of values"},
		"another's prefix": {text: "XMPTcpExt: A\nXMPTcpExt: 1\n", want: lab.Counters{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			counters, err := ReadCounters(strings.NewReader(test.text))
			if test.err != "" {
				require.EqualError(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, counters)
		})
	}
}

func FuzzReadCounters(f *testing.F) {
	text, err := os.ReadFile("testdata/netstat")
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte("MPTcpExt: A\nMPTcpExt: -1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		counters, err := ReadCounters(bytes.NewReader(text))
		if err != nil {
			require.Nil(t, counters)
			return
		}
		require.LessOrEqual(t, len(counters), len(text))
	})
}
