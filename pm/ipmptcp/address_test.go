package ipmptcp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseAddress(t *testing.T) {
	tests := map[string]string{ // "": refused
		"10.0.1.1":                       "10.0.1.1",
		"10":                             "10.0.0.0",
		"10.8":                           "10.8.0.0",
		"010.0.1.1":                      "8.0.1.1",
		"0x0a.0.1.1":                     "10.0.1.1",
		"+10.0.1.1":                      "10.0.1.1",
		" 10.0.1.1":                      "10.0.1.1",
		"10. 0.1.1":                      "10.0.1.1",
		"-18446744073709551606.0.1.1":    "10.0.1.1",
		"10.0.1.":                        "",
		"10..1":                          "",
		".10":                            "",
		"10.0.1.1.":                      "",
		"10.0.1.1.1":                     "",
		"10.0.1.256":                     "",
		"0x0a000101":                     "",
		"167772417":                      "",
		"10.0.1.1/24":                    "",
		"10.0.1.1 ":                      "",
		"":                               "",
		"localhost":                      "",
		"Any":                            "",
		"2001:db8::1":                    "2001:db8::1",
		"2001:DB8::1":                    "2001:db8::1",
		"::ffff:10.0.1.1":                "::ffff:10.0.1.1",
		"::10.0.1.1":                     "::10.0.1.1",
		"1:2:3:4:5:6:7::":                "1:2:3:4:5:6:7:0",
		"::":                             "::",
		"fe80::1%e0":                     "",
		"2001:db8::1/64":                 "",
		"[2001:db8::1]":                  "",
		" 2001:db8::1":                   "",
		"::10.0.1":                       "",
		"::010.0.1.1":                    "",
		"1:2:3:4:5:6:7":                  "",
		"1:2:3:4:5:6:7:8:9":              "",
		"1::2::3":                        "",
		"12345::":                        "",
		"::ffff:10.0.1.1%":               "",
		"2001:db8:0000000000000000000::": "",
	}
	for word, want := range tests {
		t.Run(word, func(t *testing.T) {
			a, ok := parseAddress(word)
			require.Equal(t, want != "", ok)
			if ok {
				addr, isAddr := netip.AddrFromSlice(a.bytes)
				require.True(t, isAddr)
				require.Equal(t, want, formatAddress(addr))
			}
		})
	}
	for _, word := range []string{"any", "all", "default"} {
		a, ok := parseAddress(word)
		require.True(t, ok)
		require.Equal(t, address{}, a)
	}
}

func TestFormatAddress(t *testing.T) {
	for a, want := range map[string]string{
		"::1":               "::1",
		"::a00:101":         "::10.0.1.1",
		"::1:2":             "::0.1.0.2",
		"::1:0":             "::0.1.0.0",
		"::ffff":            "::ffff",
		"::ffff:0:0":        "::ffff:0.0.0.0",
		"::ffff:a00:101":    "::ffff:10.0.1.1",
		"::fffe:a00:101":    "::fffe:a00:101",
		"0:2:3:4:5:6:7:8":   "0:2:3:4:5:6:7:8",
		"1:0:0:4:0:0:0:8":   "1:0:0:4::8",
		"1:0:0:4:5:0:0:8":   "1::4:5:0:0:8",
		"2001:DB8:0:0::ABC": "2001:db8::abc",
		"10.0.1.1":          "10.0.1.1",
	} {
		require.Equal(t, want, formatAddress(netip.MustParseAddr(a)))
	}
}
