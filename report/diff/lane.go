package diff

import (
	"regexp"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// chance is what differs from one run to the next without meaning anything, and what stands in its place.
var chance = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`, (seq|ack|win) [0-9:]+`), ""},
	{regexp.MustCompile(`\b(token[= ]|nonce |hmac )(0x)?[0-9a-f]+`), "$1…"},
	{regexp.MustCompile(`\{0x[0-9a-f]+(,0x[0-9a-f]+)?\}`), "{…}"},
	{regexp.MustCompile(`(:|port=|port )(3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[4-6]\d{4})\b`), "$1*"}, // ip_local_port_range
	{regexp.MustCompile(`\bdss\b[^,]*`), "dss"},
	{regexp.MustCompile(`\b(after|within|in) [0-9.]+(µs|ms|s)\b`), "$1 …"},
}

// constant is a text without what chance decides.
func constant(text string) string {
	for _, c := range chance {
		text = c.what.ReplaceAllString(text, c.as)
	}
	return text
}

// entry is an entry of a timeline, with what it says apart from chance.
type entry struct {
	report.LineEntry
	lane, says string
}

// entries are those of a timeline that are compared: not counters, whose readings have no moment of their own, and reasons only
// if both runs have some.
func entries(timeline []report.LineEntry, reasons bool) []entry {
	var all []entry
	for _, e := range timeline {
		if e.Kind == lab.KindCounter || e.Kind == lab.KindReason && !reasons {
			continue
		}
		says := constant(e.Text)
		all = append(all, entry{LineEntry: e, lane: laneOf(e, says), says: e.Host + " " + says})
	}
	return all
}

// laneOf names the lane in which the order of entries means something.
func laneOf(e report.LineEntry, says string) string {
	switch e.Kind {
	case lab.KindStep, lab.KindAction, lab.KindCheck:
		return "script"
	case lab.KindPacket, lab.KindLink:
		flow, _, _ := strings.Cut(says, ": ")
		return string(e.Kind) + " " + e.Host + " " + flow
	}
	return string(e.Kind) + " " + e.Host
}

// hasReasons tells whether a timeline has the reasons of an emulated path manager.
func hasReasons(timeline []report.LineEntry) bool {
	for _, e := range timeline {
		if e.Kind == lab.KindReason {
			return true
		}
	}
	return false
}
