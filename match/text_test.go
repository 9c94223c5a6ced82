package match_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		text string
		want match.Selector
	}{
		{"any", match.Selector{}},
		{"any nth=2", match.Selector{Times: match.Times{Nth: 2}}},
		{
			"ADD_ADDR echo=false nth=1",
			match.Selector{Match: match.Match{Option: wire.NameAddAddr, Echo: new(false)}, Times: match.Times{Nth: 1}},
		},
		{
			"MP_JOIN id=0 backup=true flags=SYN-ACK family=ipv6 src=fd00:1::2 dst=[fd00:1::1]:80 host=:80 payload=false direction=b>a",
			match.Selector{Match: match.Match{
				Option: wire.NameMPJoin, ID: new(uint8(0)), Backup: new(true), Flags: match.SYNACK, Family: match.IPv6,
				Src: at("fd00:1::2", 0), Dst: server6, Host: at("", 80), Payload: new(false), Direction: match.BToA,
			}},
		},
		{"src=::1", match.Selector{Match: match.Match{Src: at("::1", 0)}}},
		{
			"DSS data_fin=true first=9 every=3 after=2",
			match.Selector{
				Match: match.Match{Option: wire.NameDSS, DataFIN: new(true)},
				Times: match.Times{First: 9, Every: 3, After: 2},
			},
		},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := match.Parse(c.text)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			again, err := match.Parse(got.String())
			require.NoError(t, err)
			require.Equal(t, c.want, again)
		})
	}
	require.Equal(t, "nth=2", match.Selector{Times: match.Times{Nth: 2}}.String())
	require.Equal(t, "REMOVE_ADDR", parse(t, " RM_ADDR ").String())
	require.Equal(t, "any", match.Match{}.String())
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{" ", `match " ": empty: "any" means all packets`},
		{"ADD_ADR", `unknown option "ADD_ADR", want one of MP_CAPABLE, `},
		{"ADD_ADDR MP_JOIN", `"MP_JOIN" is no condition: write key=value, and one option's name at the front`},
		{
			"ecco=true",
			`match "ecco=true": unknown key "ecco", want one of echo, id, backup, data_fin, flags, family, src, dst, host, payload, ` +
				`direction, nth, first, every, after`,
		},
		{"ADD_ADDR id=1 id=2", "id is given twice"},
		{"ADD_ADDR echo=no", "echo=no: want true or false"},
		{"ADD_ADDR id=256", "id=256: want an address id, 0 to 255"},
		{"nth=0", "nth=0: want a number of packets, 1 or more"},
		{"nth=-1", "nth=-1: want a number of packets, 1 or more"},
		{"flags=syn", "flags=syn: want one of SYN, SYN-ACK, ACK, FIN, RST"},
		{"family=4", "family=4: want ipv4 or ipv6"},
		{"direction=", "direction=: want a>b or b>a"},
		{"src=client", "src=client: want an address, :port, or both: 10.0.1.1, fd00::1, :80, 10.0.1.1:80 or [fd00::1]:80"},
		{"src=:0", "src=:0: want an address"},
		{"src=10.0.1.1:0", "src=10.0.1.1:0: want an address"},
		{"echo=true", `match "echo=true": echo is a property of ADD_ADDR: name that option`},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := match.Parse(c.text)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func parse(t testing.TB, text string) match.Selector {
	t.Helper()
	s, err := match.Parse(text)
	require.NoError(t, err)
	return s
}

// What can be read prints as something that reads as the same.
func FuzzParse(f *testing.F) {
	f.Add("ADD_ADDR echo=false id=3 nth=1")
	f.Add("MP_JOIN id=0 backup=true flags=SYN-ACK family=ipv6 src=fd00:1::2 dst=[fd00:1::1]:80 host=:80 payload=false direction=b>a")
	f.Add("DSS data_fin=true first=9 every=3 after=2")
	f.Add("any")
	p := packet(wire.FlagACK, &wire.MPPrio{})
	f.Fuzz(func(t *testing.T, text string) {
		s, err := match.Parse(text)
		if err != nil {
			return
		}
		require.NoError(t, s.Validate())
		require.Equal(t, s, parse(t, s.String()))
		_ = s.Match.Matches(p, match.BToA)
	})
}

// The first announcement is lost, and its retransmission passes.
func ExampleCounter() {
	selector, err := match.Parse("ADD_ADDR echo=false direction=a>b nth=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	lost := match.Counter{Selector: selector}

	announce := wire.Packet{Flags: wire.FlagACK, Options: []wire.Option{&wire.AddAddr{ID: 1}}}
	echo := wire.Packet{Flags: wire.FlagACK, Options: []wire.Option{&wire.AddAddr{Echo: true, ID: 1}}}
	fmt.Println(lost.Selects(announce, match.AToB))
	fmt.Println(lost.Selects(echo, match.BToA))
	fmt.Println(lost.Selects(announce, match.AToB))
	fmt.Println(lost, "matched", lost.Seen())
	// Output:
	// true
	// false
	// false
	// ADD_ADDR echo=false direction=a>b nth=1 matched 2
}
