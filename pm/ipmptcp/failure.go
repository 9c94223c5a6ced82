package ipmptcp

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// The exit statuses.
const (
	statusOK      = 0
	statusFailed  = 1
	statusRefused = 2   // by the kernel
	statusListen  = 254 // the events ended
	statusUsage   = 255 // what was typed is wrong
)

// failure ends a command.
type failure struct {
	text   string // what goes to stderr, whole lines
	status int
	final  bool // ends a whole batch
}

func (f *failure) Error() string { return strings.TrimSpace(f.text) }

// usageError ends the program, as what was typed is wrong.
func usageError(format string, args ...any) error {
	return &failure{text: fmt.Sprintf(format, args...) + "\n", status: statusUsage, final: true}
}

func wrong(arg, format string, args ...any) error {
	return usageError("Error: argument %s is wrong: %s", quote(arg), fmt.Sprintf(format, args...))
}

func required(what string) error { return usageError("Error: argument %s is required", quote(what)) }

func incomplete() error { return usageError(`Command line is not complete. Try option "help"`) }

func unknownCommand(word string) error {
	return usageError("Command %s is unknown, try \"ip mptcp help\".", quote(word))
}

// notAddress tells of a word that is none of the words, and so should have been an address.
func notAddress(word string) error {
	text := "Error: any valid address is expected rather than " + quote(word) + ".\n"
	return &failure{text: text, status: statusFailed, final: true}
}

// quote puts a word between quotation marks as it is, unlike %q.
func quote(word string) string { return `"` + word + `"` }

// refused is the failure of a request. Errors other than a [Refusal] are those of the socket.
func refused(err error) error {
	var r *Refusal
	if !errors.As(err, &r) {
		return &failure{text: "Cannot talk to rtnetlink: " + errorText(err) + "\n", status: statusRefused}
	}
	return &failure{text: r.text(), status: statusRefused}
}

// text is how ip reports a refusal.
func (r *Refusal) text() string {
	var b strings.Builder
	if r.Missing != 0 {
		fmt.Fprintf(&b, "Missing required attribute type %d\n", r.Missing)
	}
	if r.Message != "" {
		b.WriteString(sentence("Error", r.Message))
	} else {
		fmt.Fprintf(&b, "RTNETLINK answers: %s\n", errorText(r.Errno))
	}
	return b.String()
}

// sentence is a text of the kernel as a line that ends in a full stop.
func sentence(kind, message string) string {
	return kind + ": " + strings.TrimSuffix(message, ".") + ".\n"
}

// errorText is strerror(3) of the error number in err, or the error's own text. Ours begin in lower case.
func errorText(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := pm.Errno(errno).Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
