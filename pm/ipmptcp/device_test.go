package ipmptcp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeviceIndex(t *testing.T) {
	for name, want := range map[string]int32{
		"e0":                10,
		"uplink":            10,
		"e0:1":              10, // the alias of old
		"e0:":               10,
		"uplink:1":          10,
		"if10":              10,
		"if99":              99,
		"if10x":             10,
		"if+5":              5,
		"if-1":              -1,
		"if4294967295":      -1,
		"if4294967296":      0,
		"if0":               0,
		"if":                0,
		"if+-5":             0,
		"ifx":               0,
		"10":                0,
		"e1":                0,
		"e0@lo":             0,
		":1":                0,
		"if99999999999999x": 276447231, // of 64 bits the lower half
	} {
		d := devices{manager: &fake{}}
		require.NoError(t, d.list(t.Context()))
		require.Equal(t, want, d.index(t.Context(), name), name)
	}
}

func TestDeviceName(t *testing.T) {
	f := &fake{links: []Link{{Index: 10, Name: "e0"}}}
	d := devices{manager: f}
	require.NoError(t, d.list(t.Context()))
	f.links = []Link{{Index: 10, Name: "renamed"}, {Index: 11, Name: "new"}}
	require.Equal(t, "e0", d.name(t.Context(), 10), "what is known stays")
	require.Equal(t, 1, f.lists)
	require.Equal(t, "new", d.name(t.Context(), 11))
	require.Equal(t, "if4294967295", d.name(t.Context(), -1))
	require.Equal(t, int32(10), d.index(t.Context(), "renamed"))
	require.Equal(t, int32(10), d.index(t.Context(), "e0"))
	require.Equal(t, "e0", d.name(t.Context(), 10))
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"e": true, "e0:1": true, "fifteen-letters": true, "...": true,
		"": false, "sixteen--letters": false, ".": false, "..": false, "a/b": false, "a b": false, "a\vb": false,
	} {
		require.Equal(t, want, validName(name), name)
	}
}
