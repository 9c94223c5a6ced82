package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNextInterface(t *testing.T) {
	tests := []struct {
		name  string
		taken []string
		want  string
	}{
		{"first", nil, "eth1"},
		{"in order", []string{"eth1", "eth2"}, "eth3"},
		{"after a given name", []string{"wifi"}, "eth2"},
		{"past a given name", []string{"eth2"}, "eth3"},
		{"past given names", []string{"eth3", "eth4"}, "eth5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, nextInterface(test.taken)) })
	}
}
