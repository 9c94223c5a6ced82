package report

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// ANSI codes.
const (
	red       = "31"
	green     = "32"
	yellow    = "33"
	eraseLine = "\r\x1b[K"
)

// Detect returns the style that suits a file: colours and a live line on a terminal, unless the environment variable
// NO_COLOR is set (https://no-color.org) or the terminal is a dumb one; plain lines everywhere else.
func Detect(f *os.File) Style {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) || os.Getenv("TERM") == "dumb" {
		return Style{}
	}
	return Style{
		Colour: os.Getenv("NO_COLOR") == "",
		Live:   true,
		Width: func() int {
			if w, _, err := term.GetSize(fd); err == nil && w > 0 {
				return w
			}
			return 80
		},
	}
}

// draw shows the progress on the last line of the terminal.
func (t *Terminal) draw() {
	if !t.style.Live {
		return
	}
	s := t.done
	line := fmt.Sprintf("[%d/%d]", s.Passed+s.Failed+s.Errors+s.Skipped, t.total)
	if bad := s.Failed + s.Errors; bad > 0 {
		line += fmt.Sprintf(" %d failed", bad)
	}
	if len(t.running) > 0 {
		line += " " + strings.Join(t.running, " ")
	}
	fmt.Fprint(t.out, eraseLine, cut(line, t.width()-1))
}

// erase takes the progress away, so that a whole line can be printed in its place.
func (t *Terminal) erase() {
	if t.style.Live {
		fmt.Fprint(t.out, eraseLine)
	}
}

func (t *Terminal) width() int {
	if t.style.Width == nil {
		return 80
	}
	return t.style.Width()
}

// cut shortens a line to at most n columns, marking the cut.
func cut(line string, n int) string {
	runes := []rune(line)
	if len(runes) <= n || n < 1 {
		return line
	}
	return string(runes[:n-1]) + "…"
}

func (t *Terminal) paint(colour, text string) string {
	if !t.style.Colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
