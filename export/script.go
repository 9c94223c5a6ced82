package export

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"time"
)

//go:embed prelude.sh
var prelude string

// settleAfter is the shortest time that a script waits where its case did, in the time of the lab: anything less is what the kernel
// takes anyway.
const settleAfter = 100 * time.Millisecond

// Head is what a script says of where it comes from.
type Head struct {
	Case    string // its ID
	Title   string
	Machine string // that the case ran on, as its backend describes it
	Verdict string // of the case
}

// script collects lines.
type script struct {
	lines   []string
	skipped int  // things that could not be exported
	fresh   bool // something was done since the last look
	checked bool // a check was made since then
	done    bool // the case has ended: what follows is the lab being taken down
}

// add adds a command, and first a look at what was checked before it.
func (s *script) add(format string, args ...any) {
	if s.done {
		return
	}
	s.look()
	s.fresh = true
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// try adds a command that may have been refused, with err.
func (s *script) try(err error, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if err != nil {
		s.comment("refused in the case: %v", err)
		line = "refused " + line
	}
	s.add("%s", line)
}

// finish adds the end of what a socket was started to do. Without anything between the two, they are one command.
func (s *script) finish(name string, err error) {
	if s.done {
		return
	}
	if last, started := strings.CutPrefix(s.lines[len(s.lines)-1], "start "+name+" "); started {
		s.lines = s.lines[:len(s.lines)-1]
		defer s.add("run %s %s", name, last)
	} else {
		defer s.add("finish %s", name)
	}
	if err != nil {
		s.comment("fails in the case, too: %v", err)
	}
}

// comment adds a comment, which may have several lines.
func (s *script) comment(format string, args ...any) {
	if s.done {
		return
	}
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		s.lines = append(s.lines, strings.TrimRight("# "+printable(line), " "))
	}
}

// skip tells of something that the script does not do.
func (s *script) skip(format string, args ...any) {
	if s.done {
		return
	}
	s.look()
	s.skipped++
	s.comment("not exported: %s", strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " "))
}

// look ends a group of checks.
func (s *script) look() {
	if s.checked {
		s.checked = false
		s.lines = append(s.lines, "look")
	}
}

// writeTo writes the script.
func (s *script) writeTo(w io.Writer, h Head) error {
	s.look()
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	for _, line := range []string{
		h.Case, h.Title, "",
		"Exported by mptcp-lab from a run on " + h.Machine + ". The verdict of the case: " + h.Verdict + ".",
		"Needs root, iproute2 with \"ip mptcp\", and python3. Everything is in network namespaces, which go when it ends.",
		fmt.Sprintf("Not exported: %d actions, each marked at its place.", s.skipped),
	} {
		b.WriteString(strings.TrimRight("# "+printable(line), " ") + "\n")
	}
	b.WriteString(prelude + "\n")
	for _, line := range s.lines {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quote makes one word of the shell from any text.
func quote(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@,+%") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(text, "\x00", ""), "'", `'\''`) + "'"
}

// printable is text without what would end a comment, or do things to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.TrimRight(text, "\n"))
}
