package runner_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/runner"
)

var ids = []string{
	"a/limits.star::test_over[family=ipv4]",
	"a/limits.star::test_over[family=ipv6]",
	"a/join.star::test_join",
	"b/join.star::test_backup",
	"b/join.star::test_join_limits",
}

func selected(t *testing.T, s runner.Selection) []string {
	t.Helper()
	var cases []runner.Case
	for _, id := range ids {
		cases = append(cases, caseOf(id, pass))
	}
	picked, err := s.Select(cases)
	require.NoError(t, err)
	var out []string
	for _, c := range picked {
		out = append(out, c.ID)
	}
	return out
}

func TestFilter(t *testing.T) {
	tests := map[string][]string{
		"":                   ids,
		"limits":             {ids[0], ids[1], ids[4]},
		"limits ipv4":        {ids[0]},
		"limits not ipv4":    {ids[1], ids[4]},
		"not join":           {ids[0], ids[1]},
		"a/*join":            {ids[2]},
		"test_?oin":          {ids[2], ids[4]},
		"[family=ipv6]":      {ids[1]},
		"a*over*6":           {ids[1]},
		"not a/ not backup":  {ids[4]},
		"not not ipv4":       {ids[0]},
		"b/join.star::test*": {ids[3], ids[4]},
	}
	for filter, want := range tests {
		t.Run(filter, func(t *testing.T) { require.Equal(t, want, selected(t, runner.Selection{Filter: filter})) })
	}
}

func TestFilterErrors(t *testing.T) {
	tests := map[string]string{
		"nowhere": `none of 1 cases matches -k "nowhere"`,
		"a not":   `filter "a not": nothing follows "not"`,
	}
	for filter, want := range tests {
		_, err := runner.Selection{Filter: filter}.Select([]runner.Case{caseOf("a", pass)})
		require.EqualError(t, err, want)
	}
}

func TestShardsMakeUpTheWhole(t *testing.T) {
	for of := 1; of <= len(ids)+2; of++ {
		var all []string
		for n := 1; n <= of; n++ {
			all = append(all, selected(t, runner.Selection{Shard: runner.Shard{Number: n, Of: of}})...)
		}
		require.ElementsMatch(t, ids, all, "%d shards", of)
	}
	require.Equal(t, []string{ids[1], ids[3]}, selected(t, runner.Selection{Shard: runner.Shard{Number: 2, Of: 2}}))
}

func TestShardText(t *testing.T) {
	var s runner.Shard
	require.NoError(t, s.UnmarshalText([]byte("2/5")))
	require.Equal(t, runner.Shard{Number: 2, Of: 5}, s)
	for _, text := range []string{"", "2", "0/5", "6/5", "a/5", "2/b", "2/5/6", "-1/2"} {
		require.ErrorContains(t, s.UnmarshalText([]byte(text)), "want NUMBER/OF", text)
	}
}

func TestTags(t *testing.T) {
	a, b := caseOf("a", pass), caseOf("b", pass)
	a.Tags, b.Tags = []string{"limits", "slow"}, []string{"limits", "nat"}
	tests := []struct {
		tags []string
		want string // IDs
		err  string
	}{
		{nil, "ab", ""},
		{[]string{"limits"}, "ab", ""},
		{[]string{"limits", "slow"}, "a", ""},
		{[]string{"limits", "not slow"}, "b", ""},
		{[]string{"nat", "slow"}, "", `none of 2 cases matches --tag "nat" --tag "slow"`},
		{[]string{"limit"}, "", `no case has the tag "limit"; there are: limits, nat, slow`},
	}
	for _, test := range tests {
		picked, err := runner.Selection{Tags: test.tags}.Select([]runner.Case{a, b})
		if test.err != "" {
			require.EqualError(t, err, test.err)
			continue
		}
		require.NoError(t, err)
		var got string
		for _, c := range picked {
			got += c.ID
		}
		require.Equal(t, test.want, got)
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"a", "not a", "a*b?", "**", "?"} {
		f.Add(seed, "dir/a.star::test_ab")
	}
	f.Fuzz(func(t *testing.T, filter, id string) {
		cases := []runner.Case{caseOf(id, pass)}
		with, errWith := runner.Selection{Filter: filter}.Select(cases)
		if errWith == nil {
			require.Len(t, with, 1)
		}
		if _, err := (runner.Selection{Filter: id}).Select(cases); err != nil {
			require.Contains(t, " "+id+" ", "not", "an ID matches itself")
		}
	})
}
