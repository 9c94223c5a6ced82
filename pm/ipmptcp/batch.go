package ipmptcp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
)

// maxWords is how many words a line of a batch can have.
const maxWords = 511

// batch runs the lines of a file, or of stdin. What is refused ends it, unless -force is given; what is typed wrong always does.
func (s *session) batch(ctx context.Context, name string) error {
	input, err := s.openBatch(name)
	if err != nil {
		text := "Cannot open file " + quote(name) + " for reading: " + errorText(err) + "\n"
		return &failure{text: text, status: statusFailed}
	}
	defer input.Close()

	status := statusOK
	lines := batchLines{r: bufio.NewReader(input)}
	for {
		words, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if failed, end := s.batchLine(ctx, words); end != nil {
			return end
		} else if failed {
			s.complain("Command failed " + name + ":" + jsonUint(uint32(lines.number)) + "\n")
			status = statusFailed
			if !s.options.force {
				break
			}
		}
	}
	return &failure{text: lines.complaint, status: status}
}

// batchLine runs one line. The error ends the batch.
func (s *session) batchLine(ctx context.Context, words []string) (failed bool, end error) {
	if len(words) == 0 {
		return false, nil
	}
	err := s.object(ctx, words)
	if ctx.Err() != nil {
		return true, err
	}
	var f *failure
	if errors.As(err, &f) && f.final {
		return true, err
	}
	return s.report(err) != statusOK, nil
}

func (s *session) openBatch(name string) (io.ReadCloser, error) {
	switch {
	case name != "-" && s.command.Open == nil:
		return nil, errors.New("there are no files here")
	case name != "-":
		return s.command.Open(name)
	case s.command.Stdin == nil:
		return io.NopCloser(strings.NewReader("")), nil
	}
	return io.NopCloser(s.command.Stdin), nil
}

// batchLines reads the lines of a batch.
type batchLines struct {
	r         *bufio.Reader
	number    int    // of the last line read
	complaint string // about the end of the file
}

// next returns the words of the next line, which a backslash at its end joins with the one that follows.
func (l *batchLines) next() ([]string, error) {
	line, err := l.read()
	if err != nil {
		return nil, err
	}
	var whole strings.Builder
	for {
		before, _, joined := strings.Cut(line, "\\\n")
		if !joined {
			whole.WriteString(line)
			return splitWords(whole.String())
		}
		more, err := l.read()
		if err != nil {
			l.complaint = "Missing continuation line\n"
			return nil, io.EOF
		}
		// Of two backslashes the first may join once more.
		rest := strings.TrimSuffix(before, `\`)
		whole.WriteString(rest)
		line = before[len(rest):] + more
	}
}

// read reads a line without its comment. A comment takes the end of the line with it, and so a backslash before that.
func (l *batchLines) read() (string, error) {
	line, err := l.r.ReadString('\n')
	if line == "" {
		if err != nil && !errors.Is(err, io.EOF) {
			return "", io.EOF // ip takes any error for the end
		}
		return "", err
	}
	l.number++
	line, _, _ = strings.Cut(line, "\x00")
	line, _, _ = strings.Cut(line, "#")
	return line, nil
}

// splitWords splits a line into words. One that begins with a quotation mark goes on to the next such mark.
func splitWords(line string) ([]string, error) {
	const space = " \t\r\n"
	var words []string
	for {
		line = strings.TrimLeft(line, space)
		if line == "" {
			return words, nil
		}
		if len(words) == maxWords {
			return nil, &failure{text: "Too many arguments to command\n", status: statusFailed, final: true}
		}
		end := strings.IndexAny(line, space)
		if quote := line[0]; quote == '\'' || quote == '"' {
			line = line[1:]
			if end = strings.IndexByte(line, quote); end < 0 {
				return nil, &failure{text: "Unterminated quoted string\n", status: statusFailed, final: true}
			}
		}
		if end < 0 {
			end = len(line)
		}
		words = append(words, line[:end])
		line = line[min(end+1, len(line)):]
	}
}
