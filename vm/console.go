package vm

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Failure tells that a machine ended without doing its job, or never did anything.
type Failure struct {
	What    string   // went wrong
	Hint    string   // what may help; empty: nothing known
	Console []string // the last lines of its console
}

// Error is all of it.
func (f *Failure) Error() string {
	var b strings.Builder
	b.WriteString(f.What)
	if f.Hint != "" {
		fmt.Fprintf(&b, "\n%s", f.Hint)
	}
	if len(f.Console) == 0 {
		b.WriteString("\nits console showed nothing")
		return b.String()
	}
	b.WriteString("\nthe end of its console:")
	for _, line := range f.Console {
		fmt.Fprintf(&b, "\n  %s", line)
	}
	return b.String()
}

const (
	consoleBytes = 64 << 10 // kept of a console
	consoleLines = 40       // of them shown
)

// console keeps the end of what a machine's console showed. Its methods may be called from any goroutine.
type console struct {
	mu   sync.Mutex
	text []byte
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, p...)
	if over := len(c.text) - consoleBytes; over > 0 {
		c.text = append(c.text[:0], c.text[over:]...)
	}
	return len(p), nil
}

func (c *console) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return consoleText(c.text)
}

// control matches what terminals act on and people do not read.
var control = regexp.MustCompile("\x1b(\\[[0-9;?]*[A-Za-z]|[c()][0-9A-Za-z]?)|[\x00-\x08\x0b-\x1f\x7f]")

// consoleText is the readable lines of a console.
func consoleText(text []byte) []string {
	var lines []string
	for line := range bytes.Lines(text) {
		if s := strings.TrimRight(control.ReplaceAllString(strings.ToValidUTF8(string(line), "?"), ""), " \n"); s != "" {
			lines = append(lines, s)
		}
	}
	return lines
}

// ends are how consoles tell what ended a machine, the cause before its consequences: a lack of memory may end in a panic.
var ends = []struct {
	line *regexp.Regexp
	what string // followed by the first group of the line
	hint string
}{
	{
		regexp.MustCompile(`System is deadlocked on memory|Out of memory: Killed process \d+ \((.*?)\)|Out of memory and no killable|Initramfs unpacking failed: (write error)`),
		"the machine ran out of memory", "give it more: --memory",
	},
	{regexp.MustCompile(`No working init found|Unable to mount root fs`), "the kernel did not start the program", "it needs CONFIG_BLK_DEV_INITRD and CONFIG_BINFMT_ELF"},
	{regexp.MustCompile(`Kernel panic - not syncing: (.*)`), "the kernel panicked", ""},
	{regexp.MustCompile(`(?:BUG: |watchdog: BUG: )(soft lockup.*)`), "the kernel hung", ""},
	{regexp.MustCompile(`(task \S+ blocked for more than.*)`), "the kernel hung", ""},
	{regexp.MustCompile(`(?:Oops: |BUG: )(.*)`), "the kernel oopsed", ""},
	{regexp.MustCompile(`mptcp-lab: (.*)`), "the machine could not be set up", ""},
}

// failure explains the end of a machine by its console, or else as the caller saw it.
func failure(lines []string, seen, hint string) *Failure {
	f := &Failure{What: seen, Hint: hint, Console: lines[max(0, len(lines)-consoleLines):]}
	for _, e := range ends {
		for i, line := range lines {
			m := e.line.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			f.What, f.Hint = e.what, e.hint
			if detail := strings.TrimSpace(strings.Join(m[1:], "")); detail != "" {
				f.What += ": " + detail
			}
			f.Console = around(lines, i)
			return f
		}
	}
	return f
}

// trace matches the line that begins the trace of a kernel that complains.
var trace = regexp.MustCompile(`BUG: |Oops|general protection fault|cut here|invoked oom-killer`)

// around are the lines that tell most of what ended a machine: the first complaint and what follows, with the end itself.
func around(lines []string, end int) []string {
	for i, line := range lines[:end] {
		if !trace.MatchString(line) {
			continue
		}
		if end-i < consoleLines {
			return lines[i : end+1]
		}
		return append(append(slices.Clone(lines[i:i+consoleLines-2]), "…"), lines[end])
	}
	last := min(len(lines), end+consoleLines/2)
	return lines[max(0, last-consoleLines):last]
}
