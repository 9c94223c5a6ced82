package match_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		times match.Times
		want  []uint // of the first ten
	}{
		{match.Times{}, []uint{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{match.Times{Nth: 1}, []uint{1}},
		{match.Times{Nth: 3}, []uint{3}},
		{match.Times{First: 2}, []uint{1, 2}},
		{match.Times{Every: 4}, []uint{4, 8}},
		{match.Times{After: 8}, []uint{9, 10}},
		{match.Times{After: 5, Every: 2}, []uint{6, 8, 10}},
		{match.Times{After: 3, First: 5}, []uint{4, 5}},
	} {
		require.NoError(t, c.times.Validate())
		var got []uint
		for n := uint(1); n <= 10; n++ {
			if c.times.Includes(n) {
				got = append(got, n)
			}
		}
		require.Equal(t, c.want, got, "%+v", c.times)
	}
}

func TestTimesValidate(t *testing.T) {
	for _, c := range []struct {
		times match.Times
		want  string
	}{
		{match.Times{Nth: 1, First: 1}, "nth picks one packet: first, every and after have no say beside it"},
		{match.Times{Nth: 1, After: 1}, "nth picks one packet: first, every and after have no say beside it"},
		{match.Times{First: 2, After: 2}, "first ends before after begins, so that no packet is picked"},
		{match.Times{First: 2, Every: 3}, "every is greater than first, so that no packet is picked"},
	} {
		require.EqualError(t, c.times.Validate(), c.want)
		require.EqualError(t, match.Selector{Times: c.times}.Validate(), c.want)
	}
}

// Only packets that match are counted.
func TestCounter(t *testing.T) {
	c := match.Counter{Selector: match.Selector{
		Match: match.Match{Option: wire.NameMPPrio, Direction: match.AToB},
		Times: match.Times{Nth: 2},
	}}
	prio, other := packet(wire.FlagACK, &wire.MPPrio{}), packet(wire.FlagACK, &wire.DSS{})
	require.Zero(t, c.Seen())
	require.False(t, c.Selects(prio, match.AToB))
	require.False(t, c.Selects(other, match.AToB))
	require.False(t, c.Selects(prio, match.BToA))
	require.True(t, c.Selects(prio, match.AToB))
	require.False(t, c.Selects(prio, match.AToB))
	require.Equal(t, uint(3), c.Seen())
}
