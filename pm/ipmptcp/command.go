package ipmptcp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Command is the program ip with the only object mptcp. But for Namespace each field may be left out. The same Command can run
// many times, and at the same time if its fields allow that.
type Command struct {
	Namespace      Namespace // where it works
	Stdin          io.Reader // for "-batch -"
	Stdout, Stderr io.Writer

	// Terminal tells that Stdout is a terminal, for -color=auto.
	Terminal bool
	// Getenv reads a variable of the environment: COLORFGBG.
	Getenv func(name string) string
	// Open opens the file of -batch. Without it there are no files.
	Open func(name string) (io.ReadCloser, error)
	// LookupAddr returns the name of an address, or "", for -resolve.
	LookupAddr func(ctx context.Context, a netip.Addr) string
	// Now is the clock of -timestamp, in its time zone.
	Now func() time.Time
	// Watch is called when a monitor begins, and returns the context whose end is that of the monitor, such as that of
	// [os/signal.NotifyContext]: the end of a monitor is to be asked for, unlike that of any other command.
	Watch func(ctx context.Context) (context.Context, context.CancelFunc)
}

// Result is what came of a command.
type Result struct {
	// Status is the exit status: 0, or 1, 2 (the path manager refused), 254 (a monitor heard no more) or 255 (wrong words).
	Status    int
	Endpoints []pm.Endpoint // those that were shown
	Limits    *pm.Limits    // those that were shown last
}

// Run runs "ip" with the arguments: options, "mptcp", and words. What is wrong is told on Stderr and by the status alone.
func (c *Command) Run(ctx context.Context, args []string) Result {
	s := &session{command: c, namespace: c.Namespace, options: options{receiveBuffer: defaultReceiveBuffer}}
	s.printer = printer{w: bufio.NewWriter(orDiscard(c.Stdout)), newline: "\n"}
	defer s.close()
	s.result.Status = s.report(s.run(ctx, args))
	s.printer.flush()
	return s.result
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

func (c *Command) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c *Command) getenv(name string) string {
	if c.Getenv == nil {
		return ""
	}
	return c.Getenv(name)
}

// session is one run of a command.
type session struct {
	command   *Command
	namespace Namespace
	options   options
	printer   printer
	manager   Manager // nil: not needed yet
	devices   devices
	result    Result
}

func (s *session) run(ctx context.Context, args []string) error {
	words, err := s.parseOptions(ctx, args)
	if err != nil {
		return err
	}
	s.applyOptions()
	switch {
	case s.options.batch != nil:
		return s.batch(ctx, *s.options.batch)
	case len(words) == 0:
		return usageOf(usage)
	}
	return s.object(ctx, words)
}

// object runs what follows the options, or is a line of a batch.
func (s *session) object(ctx context.Context, words []string) error {
	switch word := words[0]; {
	case len(word) > 1 && abbreviates(word, "mptcp"): // of one letter, it is "maddress"
		return s.mptcp(ctx, words[1:])
	case abbreviates(word, "help"):
		return usageOf(usage)
	default:
		return &failure{text: "Object " + quote(word) + " is unknown, try \"ip help\".\n", status: statusFailed}
	}
}

// open connects to the path manager, once.
func (s *session) open(ctx context.Context) error {
	if s.manager != nil {
		return nil
	}
	manager, err := s.namespace.Open(ctx, s.options.receiveBuffer)
	if err != nil {
		text := refused(err).(*failure).text + "Error talking to the kernel\n"
		return &failure{text: text, status: statusFailed, final: true}
	}
	s.manager, s.devices.manager = manager, manager
	return nil
}

func (s *session) close() {
	if s.manager != nil {
		_ = s.manager.Close() // nothing is lost
	}
}

// do sends a request, and repeats what the path manager says of it.
func (s *session) do(ctx context.Context, r Request) (Reply, error) {
	reply, err := s.manager.Do(ctx, r)
	if err != nil {
		return Reply{}, refused(err)
	}
	if reply.Warning != "" {
		s.complain(sentence("Warning", reply.Warning))
	}
	return reply, nil
}

// report tells what ended a command, and returns its exit status.
func (s *session) report(err error) int {
	if err == nil {
		return statusOK
	}
	f := &failure{text: err.Error() + "\n", status: statusFailed}
	errors.As(err, &f)
	s.complain(f.text)
	return f.status
}

// complain writes to stderr.
func (s *session) complain(text string) {
	_, _ = io.WriteString(orDiscard(s.command.Stderr), text)
}
