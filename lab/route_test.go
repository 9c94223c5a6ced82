package lab_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestRoute(t *testing.T) {
	four, six := netip.MustParseAddr("10.0.1.2"), netip.MustParseAddr("fd00::2")
	tests := []struct {
		route     lab.Route
		text, err string
	}{
		{lab.Route{Destination: netip.MustParsePrefix("10.9.0.0/16"), Via: four, Source: netip.MustParseAddr("10.0.1.1")}, "route 10.9.0.0/16 via 10.0.1.2 from 10.0.1.1", ""},
		{lab.Route{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: six}, "route default via fd00::2", ""}, // RFC 5549
		{lab.Route{}, "route invalid Prefix", "no destination"},
		{lab.Route{Destination: netip.MustParsePrefix("10.9.1.0/16")}, "route 10.9.1.0/16", "want 10.9.0.0/16"},
		{lab.Route{Destination: netip.MustParsePrefix("fd00::/64"), Via: four}, "route fd00::/64 via 10.0.1.2", "cannot go via an IPv4 next hop"},
		{lab.Route{Destination: netip.MustParsePrefix("fd00::/64"), Source: four}, "route fd00::/64 from 10.0.1.2", "different families"},
	}
	for _, test := range tests {
		require.Equal(t, test.text, test.route.String())
		if test.err == "" {
			require.NoError(t, test.route.Validate(), test.text)
			continue
		}
		require.ErrorContains(t, test.route.Validate(), test.err)
	}
}
