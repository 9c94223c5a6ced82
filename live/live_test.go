package live

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	labs := []Lab{{Name: "7", Case: "a.star::test_join"}, {Name: "7.2", Case: "a.star::test_port"}, {Name: "12", Case: "b.star::test_port"}}
	tests := []struct {
		what, want, err string
	}{
		{"7", "7", ""},
		{"7.2", "7.2", ""},
		{"join", "7", ""},
		{"b.star", "12", ""},
		{"port", "", "port may be any of the labs 7.2, 12: say which (see mptcp-lab ps)"},
		{"8", "", "no lab 8: there are 7, 7.2, 12 (see mptcp-lab ps)"},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			l, err := Find(labs, test.what)
			if test.err != "" {
				require.EqualError(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, l.Name)
		})
	}
	_, err := Find(nil, "7")
	require.EqualError(t, err, "no lab 7: no lab is open; run --keep keeps one")
}

func TestOrder(t *testing.T) {
	now := time.Now()
	labs := []Lab{{PID: 9, Opened: now}, {PID: 7, Opened: now, Case: "second"}, {PID: 7, Opened: now.Add(-time.Second), Case: "first"}}
	order(labs)
	require.Equal(t, []string{"7 first", "7.2 second", "9 "}, []string{
		labs[0].Name + " " + labs[0].Case, labs[1].Name + " " + labs[1].Case, labs[2].Name + " " + labs[2].Case,
	})
}

func TestHost(t *testing.T) {
	l := Lab{Name: "7", Hosts: []Host{{Name: "client", Namespace: 1}, {Name: "server", Namespace: 2}}}
	h, err := l.Host("server")
	require.NoError(t, err)
	require.EqualValues(t, 2, h.Namespace)
	_, err = l.Host("sever")
	require.EqualError(t, err, "lab 7 has no host sever: there are client, server")
	_, err = Lab{Name: "7"}.Host("a")
	require.EqualError(t, err, "lab 7 has no host a: it has none")
}

func TestParse(t *testing.T) {
	const head = `{"case":"a.star::test_x","opened":"2026-01-02T03:04:05Z"}` + "\n"
	opened := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		name, text string
		want       Lab
		err        string
	}{
		{"no host", head, Lab{Case: "a.star::test_x", Opened: opened}, ""},
		{"a host", head + `{"host":"client","namespace":42}` + "\n", Lab{Case: "a.star::test_x", Opened: opened, Hosts: []Host{{"client", 42}}}, ""},
		{"half written", head + `{"host":"cli`, Lab{Case: "a.star::test_x", Opened: opened}, ""},
		{"later fields", head + `{"host":"c","namespace":1,"colour":"red"}` + "\n", Lab{Case: "a.star::test_x", Opened: opened, Hosts: []Host{{"c", 1}}}, ""},
		{"does not print", `{"case":"a\u001b[2J"}` + "\n", Lab{Case: "a�[2J"}, ""},
		{"empty", "", Lab{}, "read the description of a lab: EOF"},
		{"no JSON", "x\n", Lab{}, "read the description of a lab: invalid character 'x' looking for beginning of value"},
		{"endless", strings.Repeat("x", maxRecord+1), Lab{}, "read the description of a lab: EOF"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parse(strings.NewReader(test.text))
			if test.err != "" {
				require.EqualError(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	l, err := parse(strings.NewReader(head + strings.Repeat("{}\n", maxHosts+1)))
	require.NoError(t, err)
	require.Len(t, l.Hosts, maxHosts)
}

func FuzzParse(f *testing.F) {
	f.Add(`{"case":"a","opened":"2026-01-02T03:04:05Z"}` + "\n" + `{"host":"client","namespace":42}` + "\n")
	f.Add("{}\n{\"host\":")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parse(strings.NewReader(text))
		if err != nil {
			return
		}
		require.Equal(t, printable(l.Case), l.Case)
		require.LessOrEqual(t, len(l.Hosts), maxHosts)
	})
}
