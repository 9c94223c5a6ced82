package starlark

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{
		"1bit": 1, "1e3bit": 1000, "10Mbit": 10_000_000, "1.5gbit": 1_500_000_000, "1 Tbit": 1e12, "8Kibit": 8192,
	} {
		got, err := parseRate(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "10", "Mbit", "0bit", "-1Mbit", "10Mbps", "2Tbit", "NaNbit", "0.1bit", "1.2.3Mbit"} {
		_, err := parseRate(text)
		require.Error(t, err, text)
	}
}

func TestToFraction(t *testing.T) {
	for _, c := range []struct {
		given starlark.Value
		want  float64
	}{
		{starlark.MakeInt(0), 0},
		{starlark.MakeInt(1), 1},
		{starlark.Float(0.25), 0.25},
		{starlark.String("100%"), 1},
		{starlark.String("0.5%"), 0.005},
	} {
		got, err := toFraction(c.given)
		require.NoError(t, err, c.given)
		require.InDelta(t, c.want, got, 1e-12, c.given)
	}
	for _, v := range []starlark.Value{
		starlark.MakeInt(2), starlark.MakeInt(-1), starlark.Float(1.01), starlark.String("0.5"), starlark.String("101%"),
		starlark.String("NaN%"), starlark.String("%"), starlark.None, starlark.True,
	} {
		_, err := toFraction(v)
		require.Error(t, err, v)
	}
}

// TestBurstHasTheDefaultsOfTc: of "loss gemodel P [R [1-H [1-K]]]".
func TestBurstHasTheDefaultsOfTc(t *testing.T) {
	dict := starlark.NewDict(2)
	require.NoError(t, dict.SetKey(starlark.String("p"), starlark.Float(0.1)))
	require.NoError(t, dict.SetKey(starlark.String("1-h"), starlark.Float(0.5)))
	for _, c := range []struct {
		given starlark.Value
		want  impair.Burst
	}{
		{starlark.String("10%"), impair.Burst{P: 0.1, R: 0.9, LossBad: 1}},
		{starlark.Tuple{starlark.Float(0.1)}, impair.Burst{P: 0.1, R: 0.9, LossBad: 1}},
		{starlark.Tuple{starlark.Float(0.1), starlark.String("25%")}, impair.Burst{P: 0.1, R: 0.25, LossBad: 1}},
		{
			starlark.Tuple{starlark.Float(0.1), starlark.Float(0.2), starlark.Float(0.3), starlark.Float(0.4)},
			impair.Burst{P: 0.1, R: 0.2, LossBad: 0.3, LossGood: 0.4},
		},
		{dict, impair.Burst{P: 0.1, R: 0.9, LossBad: 0.5}},
	} {
		got, err := toBurst(c.given)
		require.NoError(t, err, c.given)
		require.Equal(t, c.want, got, c.given)
	}
	for _, v := range []starlark.Value{
		starlark.None,
		starlark.Tuple{},
		starlark.NewDict(0),
		starlark.Tuple{starlark.MakeInt(2)},
		starlark.Tuple{starlark.MakeInt(1), starlark.MakeInt(1), starlark.MakeInt(1), starlark.MakeInt(1), starlark.MakeInt(1)},
	} {
		_, err := toBurst(v)
		require.Error(t, err, v)
	}
}

func TestParseSide(t *testing.T) {
	for text, want := range map[string]netip.AddrPort{
		"10.0.1.1":     netip.AddrPortFrom(netip.MustParseAddr("10.0.1.1"), 0),
		"fd00::1":      netip.AddrPortFrom(netip.MustParseAddr("fd00::1"), 0),
		":80":          netip.AddrPortFrom(netip.Addr{}, 80),
		"10.0.1.1:80":  netip.MustParseAddrPort("10.0.1.1:80"),
		"[fd00::1]:80": netip.MustParseAddrPort("[fd00::1]:80"),
	} {
		got, err := parseSide(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "80", ":0", ":65536", "client", "10.0.1:80"} {
		_, err := parseSide(text)
		require.Error(t, err, text)
	}
}

// TestParseTCPFlags reads all flags as they are written.
func TestParseTCPFlags(t *testing.T) {
	for n := range 256 {
		flags := wire.TCPFlags(n)
		got, err := parseTCPFlags(flags.String())
		require.NoError(t, err, flags)
		require.Equal(t, flags, got)
	}
	for _, text := range []string{"", "SYN", "SS", "s", "S,"} {
		_, err := parseTCPFlags(text)
		require.Error(t, err, text)
	}
}

func FuzzParseLinkUnits(f *testing.F) {
	for _, text := range []string{"10Mbit", "0.5%", "10.0.1.1:80", ":80", "S.", "5ms"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if rate, err := parseRate(text); err == nil {
			require.True(t, rate >= 1 && rate <= maxRate, rate)
		}
		if fraction, err := toFraction(starlark.String(text)); err == nil {
			require.True(t, fraction >= 0 && fraction <= 1, fraction)
		}
		if flags, err := parseTCPFlags(text); err == nil {
			again, err := parseTCPFlags(flags.String())
			require.NoError(t, err)
			require.Equal(t, flags, again)
		}
		if latency, err := parseLatency(text); err == nil {
			require.True(t, latency >= 0 && latency <= maxDuration, latency)
		}
		_, _ = parseSide(text)
	})
}
