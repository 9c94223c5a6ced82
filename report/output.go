package report

import (
	"bufio"
	"fmt"
	"io"
)

// output is where a reporter writes. After its first failure it takes everything and writes nothing.
type output struct {
	name string // for errors: what is written
	to   *bufio.Writer
	err  error
}

func newOutput(name string, w io.Writer) output { return output{name: name, to: bufio.NewWriter(w)} }

func (o *output) printf(format string, args ...any) { o.keep(fmt.Fprintf(o.to, format, args...)) }

// flush hands on what was written, so that it is seen while the run goes on.
func (o *output) flush() { o.keep(0, o.to.Flush()) }

func (o *output) keep(_ int, err error) {
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("write %s: %w", o.name, err)
	}
}

// Err implements [Writer].
func (o *output) Err() error { return o.err }
