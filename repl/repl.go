package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"

	"github.com/peterh/liner"

	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// Options are those of [Talk].
type Options struct {
	Out     io.Writer // where the session prints, too
	History string    // file with the lines of earlier sessions, to which those of this one are added; empty: none
}

// The prompts: of a statement, and of its further lines.
const (
	prompt     = ">>> "
	promptMore = "... "
)

var errInterrupted = errors.New("interrupted (Ctrl-C)")

// Talk lets a person at the terminal of standard input use the session, until Ctrl-D, or the end of ctx. Ctrl-C ends the statement
// that runs, or takes back what was typed.
func Talk(ctx context.Context, s *starlark.Session, o Options) (err error) {
	line := liner.NewLiner()
	defer func() { err = errors.Join(err, line.Close()) }()
	line.SetCtrlCAborts(true)
	line.SetTabCompletionStyle(liner.TabPrints)
	line.SetWordCompleter(func(text string, pos int) (head string, words []string, tail string) {
		before, after := []rune(text)[:pos], []rune(text)[pos:]
		head, words = s.Complete(ctx, string(before))
		return head, words, string(after)
	})
	if err := remember(line, o.History); err != nil {
		return err
	}
	for {
		t := &statement{line: line, prompt: prompt}
		err := s.Statement(ctx, t.read, func(run func(context.Context)) { interruptible(ctx, run) })
		switch {
		case ctx.Err() != nil || errors.Is(err, io.EOF):
			fmt.Fprintln(o.Out)
			return save(line, o.History)
		case errors.Is(err, liner.ErrPromptAborted):
			continue
		case err != nil:
			return fmt.Errorf("read from the terminal: %w", err)
		}
	}
}

// statement reads the lines of one statement.
type statement struct {
	line   *liner.State
	prompt string
}

func (t *statement) read() ([]byte, error) {
	text, err := t.line.Prompt(t.prompt)
	if err != nil {
		return nil, err
	}
	t.prompt = promptMore
	if text != "" {
		t.line.AppendHistory(text)
	}
	return []byte(text + "\n"), nil
}

// interruptible runs something with a context that SIGINT ends.
func interruptible(ctx context.Context, run func(context.Context)) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-interrupts:
			cancel(errInterrupted)
		case <-done:
		}
	}()
	run(ctx)
}

// remember reads the lines of earlier sessions.
func remember(line *liner.State, history string) error {
	if history == "" {
		return nil
	}
	f, err := os.Open(history)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the history: %w", err)
	}
	_, err = line.ReadHistory(f)
	return errors.Join(err, f.Close())
}

// save writes the lines for later sessions, for nobody else to read.
func save(line *liner.State, history string) error {
	if history == "" {
		return nil
	}
	f, err := os.OpenFile(history, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("the history: %w", err)
	}
	_, err = line.WriteHistory(f)
	return errors.Join(err, f.Close())
}
