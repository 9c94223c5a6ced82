package lesson

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
)

func TestParse(t *testing.T) {
	choices := report.Question{Form: report.FormText, Choices: []string{"MP_CAPABLE", "MP_JOIN"}}
	of := func(f report.Form) report.Question { return report.Question{Form: f} }
	tests := []struct {
		name string
		q    report.Question
		text string
		want guess
		err  string
	}{
		{"number", of(report.FormNumber), " 2 ", guess{"2"}, ""},
		{"number with zeros", of(report.FormNumber), "02", guess{"2"}, ""},
		{"no number", of(report.FormNumber), "two", nil, "expected a number"},
		{"yes", of(report.FormTruth), "Y", guess{"yes"}, ""},
		{"no", of(report.FormTruth), "False", guess{"no"}, ""},
		{"neither", of(report.FormTruth), "perhaps", nil, "expected yes or no"},
		{"subflow", of(report.FormSubflows), "10.0.1.1 > 10.0.1.2", guess{"10.0.1.1 > 10.0.1.2"}, ""},
		{"subflows", of(report.FormSubflows), "10.0.1.1->10.0.1.2,fd00::1 → fd00::2,", guess{"10.0.1.1 > 10.0.1.2", "fd00::1 > fd00::2"}, ""},
		{"no subflows", of(report.FormSubflows), "none", guess{}, ""},
		{"half a subflow", of(report.FormSubflows), "10.0.1.1 >", nil, `"10.0.1.1 >" is not a subflow`},
		{"list", of(report.FormList), "0, 5", guess{"0", "5"}, ""},
		{"text", of(report.FormText), "its  ID", guess{"its ID"}, ""},
		{"letter", choices, "B", guess{"MP_JOIN"}, ""},
		{"words", choices, "mp_join", guess{"MP_JOIN"}, ""},
		{"no such letter", choices, "c", nil, "expected a letter from a to b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, err := parse(tt.q, tt.text)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, g)
		})
	}
}

func TestGuessAgainst(t *testing.T) {
	tests := []struct {
		name           string
		guess          guess
		seen           []string
		wrong, missing []string
	}{
		{"right", guess{"2"}, []string{"2"}, nil, nil},
		{"in another order", guess{"b", "a"}, []string{"a", "b"}, nil, nil},
		{"in other letters", guess{"Wi-fi"}, []string{"Wi-Fi"}, nil, nil},
		{"one too many", guess{"a", "a"}, []string{"a"}, []string{"a"}, nil},
		{"one too few", guess{"a"}, []string{"a", "a"}, nil, []string{"a"}},
		{"another", guess{"a"}, []string{"b"}, []string{"a"}, []string{"b"}},
		{"none", guess{}, []string{"b"}, nil, []string{"b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wrong, missing := tt.guess.against(tt.seen)
			require.Equal(t, tt.wrong, wrong)
			require.Equal(t, tt.missing, missing)
		})
	}
}

// FuzzParse holds that whatever is understood is understood again as it is shown.
func FuzzParse(f *testing.F) {
	forms := []report.Form{report.FormNumber, report.FormTruth, report.FormText, report.FormList, report.FormSubflows}
	for i, text := range []string{"2", "yes", "its ID", "0, 5", "10.0.1.1 > 10.0.1.2, 10.0.2.1->10.0.1.2"} {
		f.Add(uint8(i), text)
	}
	f.Fuzz(func(t *testing.T, form uint8, text string) {
		q := report.Question{Form: forms[int(form)%len(forms)]}
		g, err := parse(q, text)
		if err != nil {
			return
		}
		shown := report.Words(g)
		again, err := parse(q, shown)
		require.NoError(t, err)
		require.Equal(t, g, again, "%q, shown as %q", text, shown)
		require.NotContains(t, strings.Join(g, ""), "\n")
	})
}
