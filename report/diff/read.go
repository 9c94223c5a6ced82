package diff

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Run is a recorded run.
type Run struct {
	About report.LineRun
	Cases []Case // in the order in which they ended
}

// Case is a case of a recorded run.
type Case struct {
	ID     string
	Nth    int // of the runs of this case, from 1
	Result report.LineDone
}

// Read reads a recording.
func Read(r io.Reader) (*Run, error) {
	run := &Run{}
	times := map[string]int{}
	lines := json.NewDecoder(r)
	for n := 1; ; n++ {
		var l report.Line
		err := lines.Decode(&l)
		switch {
		case errors.Is(err, io.EOF) && n > 1:
			return run, nil
		case err != nil:
			return nil, fmt.Errorf("line %d: %w: expected a recording, as run --json FILE writes it", n, err)
		case n == 1 && (l.Event != report.EventRunStarted || l.Run == nil):
			return nil, fmt.Errorf("line 1: expected the event %s of a recording, as run --json FILE writes it", report.EventRunStarted)
		case n == 1 && l.Run.Version != report.JSONVersion:
			return nil, fmt.Errorf("the recording has version %d, this program reads version %d: record it again", l.Run.Version, report.JSONVersion)
		case n == 1:
			run.About = *l.Run
		case l.Event == report.EventCaseDone && l.Case != nil && l.Done != nil:
			times[l.Case.ID]++
			run.Cases = append(run.Cases, Case{ID: l.Case.ID, Nth: times[l.Case.ID], Result: *l.Done})
		}
	}
}
