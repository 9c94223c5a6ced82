//go:build linux

package observe

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
)

func TestTCPHeaders(t *testing.T) {
	ethernet := func(etherType ...byte) []byte { return append(make([]byte, offEtherType), etherType...) }
	ipv4 := func(words, protocol byte, fragment ...byte) []byte {
		h := make([]byte, 4*int(words))
		h[0], h[9] = 0x40|words, protocol
		copy(h[6:], fragment)
		return h
	}
	ipv6 := func(next byte) []byte {
		h := make([]byte, 40)
		h[0], h[6] = 0x60, next
		return h
	}
	tcp := func(words byte) []byte {
		h := make([]byte, 4*int(words))
		h[12] = words<<4 | 0xf // the low bits are not of the length
		return h
	}
	payload := make([]byte, 1000)
	v4, v6 := ethernet(0x08, 0x00), ethernet(0x86, 0xdd)

	tests := map[string]struct {
		parts [][]byte
		want  int
	}{
		"IPv4":                       {[][]byte{v4, ipv4(5, 6), tcp(5), payload}, 14 + 20 + 20},
		"IPv4, TCP options":          {[][]byte{v4, ipv4(5, 6), tcp(15), payload}, 14 + 20 + 60},
		"IPv4, all options":          {[][]byte{v4, ipv4(15, 6), tcp(15), payload}, maxHeaders},
		"IPv4, don't fragment":       {[][]byte{v4, ipv4(5, 6, 0x40, 0), tcp(8)}, 14 + 20 + 32},
		"IPv4, first fragment":       {[][]byte{v4, ipv4(5, 6, 0x20, 0), tcp(8)}, 14 + 20 + 32},
		"IPv4, later fragment":       {[][]byte{v4, ipv4(5, 6, 0x20, 9), tcp(8)}, 0},
		"IPv4, UDP":                  {[][]byte{v4, ipv4(5, 17), payload}, 0},
		"IPv6":                       {[][]byte{v6, ipv6(6), tcp(5), payload}, 14 + 40 + 20},
		"IPv6, TCP options":          {[][]byte{v6, ipv6(6), tcp(15)}, 14 + 40 + 60},
		"IPv6, ICMPv6":               {[][]byte{v6, ipv6(58), payload}, 0},
		"ARP":                        {[][]byte{ethernet(0x08, 0x06), payload}, 0},
		"IPv4, cut before its TCP's": {[][]byte{v4, ipv4(5, 6), tcp(5)[:12]}, 0},
	}
	vm, err := bpf.NewVM(tcpHeaders)
	require.NoError(t, err)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n, err := vm.Run(bytes.Join(test.parts, nil))
			require.NoError(t, err)
			require.Equal(t, test.want, n)
		})
	}
}
