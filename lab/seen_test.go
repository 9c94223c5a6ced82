package lab_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestCountersSince(t *testing.T) {
	tests := []struct {
		name                 string
		now, earlier, wanted lab.Counters
	}{
		{"nothing moved", lab.Counters{"AddAddr": 2}, lab.Counters{"AddAddr": 2}, lab.Counters{}},
		{"some moved", lab.Counters{"AddAddr": 2, "RmAddr": 5}, lab.Counters{"AddAddr": 2, "RmAddr": 1}, lab.Counters{"RmAddr": 4}},
		{"no earlier reading", lab.Counters{"AddAddr": 2, "RmAddr": 0}, nil, lab.Counters{"AddAddr": 2}},
		{"new counter", lab.Counters{"AddAddr": 2, "RmAddr": 3}, lab.Counters{"AddAddr": 2}, lab.Counters{"RmAddr": 3}},
		{"no counters", nil, lab.Counters{"AddAddr": 2}, lab.Counters{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.wanted, test.now.Since(test.earlier)) })
	}
}

// MPCurrEstab is a gauge: it may fall, which as a number of Counters is the two's complement.
func TestCountersSinceOfFallingGauge(t *testing.T) {
	moved := lab.Counters{"MPCurrEstab": 1}.Since(lab.Counters{"MPCurrEstab": 3})
	require.Equal(t, int64(-2), int64(moved["MPCurrEstab"]))
}

func TestEntryString(t *testing.T) {
	tests := []struct {
		entry  lab.Entry
		wanted string
	}{
		{
			lab.Entry{Time: 12345 * time.Microsecond, Host: "client", Kind: lab.KindEvent, Text: "SUB_ESTABLISHED token=1"},
			"    12.345ms client           event   SUB_ESTABLISHED token=1",
		},
		{
			lab.Entry{Time: 999 * time.Nanosecond, Kind: lab.KindStep, Text: "before all"},
			"     0.000ms                  step    before all",
		},
		{
			lab.Entry{Time: 20 * time.Minute, Host: "a-long-name > another-long-name", Kind: lab.KindPacket, Text: "SYN"},
			"1200000.000ms a-long-name > another-long-name packet  SYN",
		},
	}
	for _, test := range tests {
		require.Equal(t, test.wanted, test.entry.String())
	}
}
