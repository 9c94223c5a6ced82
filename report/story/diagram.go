package story

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// The columns of a text diagram: the time, and the least room between two lanes.
const (
	timeWidth = 12
	minLane   = 34
)

// Diagram writes the messages as a sequence diagram in text of about that many columns, with a lane for each node that
// sends or gets one, and between them what the script did and checked.
func (s *Story) Diagram(w io.Writer, width int) error {
	d := diagram{story: s, lanes: s.speaking()}
	if len(d.lanes) == 0 {
		_, err := io.WriteString(w, "no message was seen\n")
		return err
	}
	d.room = minLane
	if n := len(d.lanes) - 1; n > 0 {
		d.room = max(minLane, (width-timeWidth-12)/n)
	}
	d.heads()
	for _, i := range s.Items {
		d.item(i)
	}
	_, err := io.WriteString(w, d.out.String())
	return err
}

type diagram struct {
	story *Story
	lanes []string
	room  int // columns from lane to lane
	out   strings.Builder
}

// column is where a lane stands; -1: nowhere.
func (d *diagram) column(lane string) int {
	i := slices.Index(d.lanes, lane)
	if i < 0 {
		return -1
	}
	return i * d.room
}

func (d *diagram) heads() {
	line := []rune(strings.Repeat(" ", d.room*(len(d.lanes)-1)+1))
	for i, lane := range d.lanes {
		line = put(line, max(0, i*d.room-utf8.RuneCountInString(lane)/2), lane)
	}
	d.line("", line)
}

// lifelines is a line with nothing but the lanes.
func (d *diagram) lifelines() []rune {
	line := []rune(strings.Repeat(" ", d.room*(len(d.lanes)-1)+1))
	for i := range d.lanes {
		line[i*d.room] = '│'
	}
	return line
}

func (d *diagram) line(time string, line []rune) {
	fmt.Fprintf(&d.out, "%s\n", strings.TrimRight(fmt.Sprintf("%*s  %s", timeWidth-2, time, string(line)), " "))
}

func (d *diagram) item(i Item) {
	at := fmt.Sprintf("%.3f", float64(i.Time.Microseconds())/1000)
	switch {
	case i.Message != nil:
		d.arrow(at, i.Message)
	case i.Kind == lab.KindStep, i.Kind == lab.KindPredict:
		d.line("", d.lifelines())
		d.line(at, []rune("== "+oneLine(i.Text)))
	case i.Kind == lab.KindAnswer:
		d.line(at, []rune("= "+oneLine(i.Text)))
	case i.Kind == lab.KindCheck:
		text, fails := strings.CutPrefix(i.Text, "fails: ")
		mark := "✓ "
		if fails {
			mark = "✗ "
		}
		d.line(at, []rune(mark+oneLine(strings.TrimPrefix(text, "holds: "))))
	case i.Kind == lab.KindAction || i.Kind == lab.KindReason:
		d.line(at, []rune("* "+oneLine(about(i))))
	}
}

// arrow draws a message; one that did not pass as it was has a cross in the place of its head, and says why.
func (d *diagram) arrow(at string, m *Message) {
	from, to := d.column(m.From), d.column(m.To)
	if from < 0 || to < 0 || from == to {
		return
	}
	left, right := min(from, to), max(from, to)
	line := d.lifelines()
	for x := left + 1; x < right; x++ {
		line[x] = '─'
	}
	head := '>'
	if to < from {
		head = '<'
	}
	if m.Fate != "" {
		head = 'x'
	}
	if to > from {
		line[right-1] = head
	} else {
		line[left+1] = head
	}
	label := m.Label
	if m.Count > 1 {
		label = fmt.Sprintf("%d x data, %d bytes", m.Count, m.Bytes)
	}
	label = shorten(" "+label+" ", right-left-5)
	line = put(line, left+(right-left-utf8.RuneCountInString(label))/2+1, label)
	text := string(line) + "  " + d.story.Flows[m.Flow].Name()
	if m.Fate != "" {
		text += "; " + m.Fate
	}
	d.line(at, []rune(text))
}

// put writes text over a line, which grows if need be.
func put(line []rune, at int, text string) []rune {
	for i, r := range []rune(text) {
		for at+i >= len(line) {
			line = append(line, ' ')
		}
		line[at+i] = r
	}
	return line
}

func shorten(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n || n < 2 {
		return text
	}
	return string(runes[:n-2]) + "… "
}

// oneLine shows control characters as U+FFFD: scripts are not trusted with the terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return '\uFFFD'
		}
		return r
	}, text)
}
