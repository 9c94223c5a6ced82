package starlark

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.starlark.net/starlark"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "12": 12, "12B": 12, "64KB": 64_000, "1MB": 1_000_000, "10MiB": 10 << 20, "1GiB": 1 << 30,
	} {
		got, err := parseSize(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "KB", "-1", "1.5MB", "1kB", "1 MB", "2GiB", "99999999999999999999", "18446744073709551615GiB", "1KiBB"} {
		_, err := parseSize(text)
		require.Error(t, err, text)
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("64KB")
	f.Add("18446744073709551615GiB")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseSize(text)
		if err == nil && (n < 0 || n > maxSize) {
			t.Errorf("%q is %d bytes", text, n)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	f.Add("300ms")
	f.Add("-1h")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDuration(text)
		if err == nil && (d <= 0 || d > maxDuration) {
			t.Errorf("%q is %s", text, d)
		}
	})
}

func TestParseDuration(t *testing.T) {
	d, err := parseDuration("1m30s")
	require.NoError(t, err)
	require.Equal(t, 90*time.Second, d)
	for _, text := range []string{"", "5", "0s", "-1s", "2h", "1d"} {
		_, err := parseDuration(text)
		require.Error(t, err, text)
	}
}

func TestVersion(t *testing.T) {
	for _, tt := range []struct {
		want, release string
		holds         bool
	}{
		{">=5.17", "5.17.0", true},
		{">=5.17", "5.16.20-generic", false},
		{">=6", "6.18.44", true},
		{">6.18", "6.18.44", false},
		{">6.18.43", "6.18.44", true},
		{"<6.9", "6.18.44", false},
		{"==6.18", "6.18.44+", true},
		{"<= 6.18", "6.18.44", true},
		{">=6.1.107,<6.2", "6.1.107", true},
		{">=6.1.107,<6.2", "6.1.106", false},
		{">=6.1.107,<6.2", "6.6.30", false},
		{">=6.1.107, <6.2", "6.1", true},
		{"<6.18.44", "6.18", false},
	} {
		v, err := toVersions(starlark.String(tt.want))
		require.NoError(t, err)
		got, err := v.hold(tt.release)
		require.NoError(t, err)
		require.Equal(t, tt.holds, got, "%s %s", tt.release, tt.want)
	}
	for _, text := range []string{"5.17", ">=", ">=five", "~6", "", ">=6,", ">=6.1.1.1", ">=99999999999999999999"} {
		_, err := toVersions(starlark.String(text))
		require.Error(t, err, text)
	}
}

func TestVersions(t *testing.T) {
	list := func(texts ...starlark.Value) starlark.Value { return starlark.NewList(texts) }
	v, err := toVersions(list(starlark.String(">=6.11"), starlark.String(">=6.1.107,<6.2")))
	require.NoError(t, err)
	require.Equal(t, ">=6.11 or >=6.1.107,<6.2", v.String())
	for release, holds := range map[string]bool{"6.1.176": true, "6.6.1": false, "6.12": true, "6.1.0-50-amd64": false} {
		got, err := v.hold(release)
		require.NoError(t, err)
		require.Equal(t, holds, got, release)
	}
	_, err = v.hold("unknown")
	require.ErrorContains(t, err, `the kernel's version is not known ("unknown")`)
	for _, wrong := range []starlark.Value{list(), list(starlark.MakeInt(6)), starlark.MakeInt(6), list(starlark.String("6.1"))} {
		_, err := toVersions(wrong)
		require.Error(t, err, wrong)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"timeout", "condition", "during"}
	require.Equal(t, "timeout", nearest("timeot", known))
	require.Equal(t, "timeout", nearest("Timeout", known))
	require.Empty(t, nearest("xyz", known))
}

func TestLineDifference(t *testing.T) {
	require.Equal(t, []string{"  a", "- b", "  c", "+ d"}, lineDifference([]string{"a", "b", "c"}, []string{"a", "c", "d"}))
}
