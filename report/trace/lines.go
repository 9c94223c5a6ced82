package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// line is a line of a trace: a case, or an entry of the case before it.
type line struct {
	Case  *caseLine  `json:"case,omitempty"`
	Entry *entryLine `json:"entry,omitempty"`
}

type caseLine struct {
	ID      string         `json:"id"`
	Seed    uint64         `json:"seed"`
	Verdict report.Verdict `json:"verdict"`
	Message string         `json:"message,omitempty"`
}

type entryLine struct {
	Time int64         `json:"time_ns"`
	Host string        `json:"host,omitempty"`
	Kind lab.EntryKind `json:"kind"`
	Text string        `json:"text"`
}

// Write writes the trace as lines of JSON: one for each case, followed by those of its entries.
func (t Trace) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, c := range t.Cases {
		if err := enc.Encode(line{Case: &caseLine{ID: c.ID, Seed: c.Seed, Verdict: c.Verdict, Message: c.Message}}); err != nil {
			return fmt.Errorf("write a trace: %w", err)
		}
		for _, e := range c.Entries {
			if err := enc.Encode(line{Entry: &entryLine{Time: int64(e.Time), Host: e.Host, Kind: e.Kind, Text: e.Text}}); err != nil {
				return fmt.Errorf("write a trace: %w", err)
			}
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write a trace: %w", err)
	}
	return nil
}
