package ipmptcp

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseUint(t *testing.T) {
	tests := []struct {
		word string
		want uint64
		ok   bool
	}{
		{"0", 0, true},
		{"255", 255, true},
		{"256", 0, false},
		{"0x10", 16, true},
		{"0X1f", 31, true},
		{"010", 8, true},
		{"+5", 5, true},
		{" 5", 5, true},
		{"\t\v5", 5, true},
		{"-0", 0, true},
		{"-18446744073709551613", 3, true},
		{"-1", 0, false},
		{"18446744073709551616", 0, false}, // overflows 64 bits
		{"18446744073709551617", 0, false},
		{"-18446744073709551617", 0, false},
		{"08", 0, false},
		{"0x", 0, false},
		{"0xg", 0, false},
		{"0b11", 0, false},
		{"1e1", 0, false},
		{"5x", 0, false},
		{"5 ", 0, false},
		{"", 0, false},
		{" ", 0, false},
		{"-", 0, false},
		{"+-5", 0, false},
		{"- 5", 0, false},
		{"1.0", 0, false},
		{"\u00a05", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.word, func(t *testing.T) {
			got, ok := parseUint(tt.word, math.MaxUint8)
			require.Equal(t, tt.ok, ok)
			if ok {
				require.Equal(t, tt.want, got)
			}
		})
	}
}

func TestStrtoul(t *testing.T) {
	n, rest := strtoul("99999999999999999999x")
	require.Equal(t, uint64(math.MaxUint64), n)
	require.Equal(t, "x", rest)
	n, rest = strtoul("0xffffffffffffffff.")
	require.Equal(t, uint64(math.MaxUint64), n)
	require.Equal(t, ".", rest)
	_, rest = strtoul(" +x")
	require.Equal(t, " +x", rest)
}
