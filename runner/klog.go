package runner

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// kernelLog finds the kernel's complaints in its log, from the moment it was opened.
type kernelLog struct {
	source logSource
	trace  bool // between "cut here" and "end trace"
}

// logSource reads the log without waiting.
type logSource interface {
	// next returns the next record in the form of Documentation/ABI/testing/dev-kmsg, or false when there is none yet.
	next() (record string, ok bool, err error)
	Close() error
}

// warningLevel is LOGLEVEL_WARNING of include/linux/kern_levels.h; what is worse is below.
const warningLevel = 4

// complaint matches the first line of what kernels print about themselves.
var complaint = regexp.MustCompile(`WARNING:|BUG:|Oops|refcount_t|INFO: (task .* blocked|rcu|possible)|` +
	`possible (circular|recursive|irq lock)|suspicious RCU|general protection fault|Kernel panic|hung|soft lockup|unreferenced object`)

const (
	traceBegin = "[ cut here ]"
	traceEnd   = "[ end trace"
)

// drain returns the lines logged since the last call which are complaints, with their traces, and how many complaints
// they are.
func (k *kernelLog) drain() (lines []string, complaints int, err error) {
	for {
		record, ok, err := k.source.next()
		if !ok || err != nil {
			return lines, complaints, err
		}
		level, text := parseRecord(record)
		if level > warningLevel {
			continue
		}
		switch {
		case strings.Contains(text, traceBegin):
			k.trace = true
		case strings.Contains(text, traceEnd):
			k.trace = false
		case complaint.MatchString(text):
			complaints++
			lines = append(lines, text)
		case k.trace:
			lines = append(lines, text)
		}
	}
}

// parseRecord splits "level|facility<<3,sequence,microseconds,flags;text\n key=value…" of /dev/kmsg. The kernel's own
// facility is 0, so what programs wrote there, like what is no record at all, has a level that is never a warning.
func parseRecord(record string) (level int, text string) {
	head, text, found := strings.Cut(record, ";")
	priority, err := strconv.Atoi(strings.SplitN(head, ",", 2)[0])
	if !found || err != nil {
		return warningLevel + 1, ""
	}
	text, _, _ = strings.Cut(text, "\n")
	return priority, text
}

// openLog starts to watch the kernel's log; a log that cannot be read is a note, as it is no fault of the run.
func (r *run) openLog() {
	source, err := openKernelLog()
	if err != nil {
		r.summary.Notes = append(r.summary.Notes, fmt.Sprintf("the kernel's log is not watched: %v", err))
		return
	}
	r.log = &kernelLog{source: source}
}

// drainLog attaches what the kernel logged since the last call to the cases that run. The caller holds r.mu.
func (r *run) drainLog() {
	if r.log == nil {
		return
	}
	lines, complaints, err := r.log.drain()
	r.summary.KernelWarnings += complaints
	for _, a := range r.running {
		a.kernel = append(a.kernel, lines...)
	}
	if err != nil {
		r.summary.Notes = append(r.summary.Notes, fmt.Sprintf("the kernel's log is no longer watched: %v", err))
		r.closeLog()
	}
}

func (r *run) closeLog() {
	if r.log == nil {
		return
	}
	_ = r.log.source.Close() // only ever read
	r.log = nil
}
