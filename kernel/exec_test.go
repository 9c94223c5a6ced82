package kernel

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutput(t *testing.T) {
	tests := []struct {
		name   string
		writes []int
		want   string
	}{
		{"nothing", nil, ""},
		{"little", []int{3, 2}, "xxxxx"},
		{"just all", []int{maxOutput}, strings.Repeat("x", maxOutput)},
		{"one more", []int{maxOutput - 1, 2}, strings.Repeat("x", maxOutput) + "\n… (1 more bytes left out)\n"},
		{"much more", []int{maxOutput, maxOutput, 7}, strings.Repeat("x", maxOutput) + "\n… (1048583 more bytes left out)\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var o output
			for _, n := range test.writes {
				written, err := io.WriteString(&o, strings.Repeat("x", n))
				require.NoError(t, err)
				require.Equal(t, n, written, "the program would get an error")
			}
			require.Equal(t, test.want, o.String())
		})
	}
}
