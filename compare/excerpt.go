package compare

import (
	"slices"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// around is how many lines of a timeline are shown before and after the place of a difference.
const around = 4

// excerpts are the timelines of both backends around a difference: of a counter, where it was first seen to have moved. Where only one of them has something to show, the other's place
// is found by the last thing before it that the script did or checked: both run the same script.
func excerpts(c *Case, d Difference) (kernel, emulator []lab.Entry) {
	switch {
	case len(d.Kernel) > 0 && len(d.Emulator) > 0:
		return excerpt(c.Kernel, place(c.Kernel, d.Of, d.Kernel[0])), excerpt(c.Emulator, place(c.Emulator, d.Of, d.Emulator[0]))
	case len(d.Kernel) > 0:
		at := place(c.Kernel, d.Of, d.Kernel[0])
		return excerpt(c.Kernel, at), excerpt(c.Emulator, counterpart(c.Kernel, c.Emulator, at))
	default:
		at := place(c.Emulator, d.Of, d.Emulator[0])
		return excerpt(c.Kernel, counterpart(c.Emulator, c.Kernel, at)), excerpt(c.Emulator, at)
	}
}

// place is the time of something on the timeline.
func place(r report.Result, of string, s Seen) time.Duration {
	host, counter, _ := strings.Cut(of, " ")
	for _, e := range r.Timeline {
		if s.Witness == Counters && e.Kind == lab.KindCounter && e.Host == host && strings.Contains(e.Text, counter+" ") {
			return e.Time
		}
	}
	return s.Time
}

// excerpt is the timeline around a time.
func excerpt(r report.Result, at time.Duration) []lab.Entry {
	i := slices.IndexFunc(r.Timeline, func(e lab.Entry) bool { return e.Time >= at })
	if i < 0 {
		i = len(r.Timeline)
	}
	return r.Timeline[max(i-around, 0):min(i+around+1, len(r.Timeline))]
}

// counterpart is the time in another run of the same script that is nearest to a time in one.
func counterpart(one, other report.Result, at time.Duration) time.Duration {
	n := 0
	for _, e := range one.Timeline {
		if ofScript(e) && e.Time <= at {
			n++
		}
	}
	for _, e := range other.Timeline {
		if ofScript(e) {
			if n <= 1 {
				return e.Time
			}
			n--
		}
	}
	return at
}

func ofScript(e lab.Entry) bool {
	return e.Kind == lab.KindStep || e.Kind == lab.KindAction || e.Kind == lab.KindCheck
}
