package compare

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// JSONVersion is the version of the document that [Report.WriteJSON] writes. It changes when a field changes its meaning or goes
// away, not when one is added.
const JSONVersion = 1

type document struct {
	Version  int            `json:"version"`
	Kernel   string         `json:"kernel"`   // what the backend runs on
	Emulator string         `json:"emulator"` // likewise
	Seed     uint64         `json:"seed"`
	Races    []documentRace `json:"races"`
	Cases    []documentCase `json:"cases"`
}

type documentRace struct {
	Name   string `json:"name"`
	Clause string `json:"clause"`
	Why    string `json:"why"`
}

type documentCase struct {
	ID          string               `json:"id"`
	File        string               `json:"file"`
	Line        int                  `json:"line"`
	Kernel      report.Verdict       `json:"kernel"`
	Emulator    report.Verdict       `json:"emulator"`
	Differences []documentDifference `json:"differences"`
}

type documentDifference struct {
	Witness  Witness         `json:"witness"`
	Of       string          `json:"of"`             // the host, connection or subflow that it is about
	Kernel   []documentSeen  `json:"kernel"`         // what only the kernel has there
	Emulator []documentSeen  `json:"emulator"`       // what only the emulator has there
	Race     string          `json:"race,omitempty"` // that explains it
	Around   *documentAround `json:"around,omitempty"`
}

type documentSeen struct {
	Time float64 `json:"time_ms"`
	Text string  `json:"text"`
}

// documentAround are the timelines around a difference that nothing explains.
type documentAround struct {
	Kernel   []string `json:"kernel"`
	Emulator []string `json:"emulator"`
}

// WriteJSON writes the report as one JSON document.
func (r *Report) WriteJSON(w io.Writer) error {
	d := document{Version: JSONVersion, Kernel: r.Kernel.Machine, Emulator: r.Emulator.Machine, Seed: r.Kernel.Seed, Cases: []documentCase{}}
	for _, x := range races {
		d.Races = append(d.Races, documentRace{x.Name, x.Clause, x.Why})
	}
	for _, c := range r.Cases {
		d.Cases = append(d.Cases, c.document())
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(d); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

func (c *Case) document() documentCase {
	d := documentCase{
		ID: c.ID, File: c.File, Line: c.Line, Kernel: c.Kernel.Verdict, Emulator: c.Emulator.Verdict,
		Differences: []documentDifference{},
	}
	for _, x := range c.Differences {
		one := documentDifference{Witness: x.Witness, Of: x.Of, Kernel: seenLines(x.Kernel), Emulator: seenLines(x.Emulator), Race: x.Race}
		if x.Race == "" {
			kernel, emulator := excerpts(c, x)
			one.Around = &documentAround{lines(kernel), lines(emulator)}
		}
		d.Differences = append(d.Differences, one)
	}
	return d
}

func seenLines(all []Seen) []documentSeen {
	out := make([]documentSeen, len(all))
	for i, s := range all {
		out[i] = documentSeen{float64(s.Time.Microseconds()) / 1000, s.Text}
	}
	return out
}

func lines(entries []lab.Entry) []string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.String()
	}
	return out
}
