package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// maxLine bounds a line of a trace.
const maxLine = 4 << 20

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

// Read reads what [Trace.Write] has written.
func Read(r io.Reader) (Trace, error) {
	var t Trace
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if err := t.readLine(lines.Bytes()); err != nil {
			return Trace{}, fmt.Errorf("line %d of the trace: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return Trace{}, fmt.Errorf("read a trace: %w", err)
	}
	return t, nil
}

func (t *Trace) readLine(text []byte) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	switch {
	case (l.Case == nil) == (l.Entry == nil):
		return errors.New("neither a case nor an entry")
	case l.Case != nil:
		c := Case{ID: l.Case.ID, Seed: l.Case.Seed, Verdict: l.Case.Verdict, Message: l.Case.Message}
		if n := len(t.Cases); n > 0 && compareCases(t.Cases[n-1], c) > 0 {
			return fmt.Errorf("the case %s stands behind %s", c.ID, t.Cases[n-1].ID)
		}
		t.Cases = append(t.Cases, c)
	case len(t.Cases) == 0:
		return errors.New("an entry before the first case")
	default:
		c := &t.Cases[len(t.Cases)-1]
		c.Entries = append(c.Entries, lab.Entry{Time: time.Duration(l.Entry.Time), Host: l.Entry.Host, Kind: l.Entry.Kind, Text: l.Entry.Text})
	}
	return nil
}
