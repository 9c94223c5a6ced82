package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// person is somebody at a terminal, in which a command runs.
type person struct {
	t        *testing.T
	cmd      *exec.Cmd
	terminal *os.File
	screen   chan []byte
	seen     string // what was not looked at yet
}

// sit starts a command in a terminal of its own.
func sit(t *testing.T, args ...string) *person {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { terminal.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	side, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	defer side.Close()
	require.NoError(t, unix.IoctlSetWinsize(int(side.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200}))

	p := &person{t: t, terminal: terminal, screen: make(chan []byte, 1000)}
	p.cmd = exec.Command("mptcp-lab", args...)
	p.cmd.Env = append(os.Environ(), "TERM=xterm")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = side, side, side
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() {
		defer close(p.screen)
		for {
			b := make([]byte, 4096)
			n, err := terminal.Read(b)
			if err != nil {
				return
			}
			p.screen <- b[:n]
		}
	}()
	return p
}

// types presses keys.
func (p *person) types(keys string) {
	_, err := p.terminal.WriteString(keys)
	require.NoError(p.t, err)
}

// patience is how long a person waits for what should be there soon.
const patience = 20 * time.Second

// sees waits until the screen shows a text.
func (p *person) sees(text string) {
	p.t.Helper()
	for !strings.Contains(p.seen, text) {
		require.True(p.t, p.looks(), "the command ended, or waits, and %q was not shown:\n%s", text, p.seen)
	}
	_, p.seen, _ = strings.Cut(p.seen, text)
}

// looks waits for something new on the screen, and tells whether it came.
func (p *person) looks() bool {
	select {
	case more, open := <-p.screen:
		p.seen += string(more)
		return open
	case <-time.After(patience):
		return false
	}
}

// ends waits for the end of the command, and returns all that was shown and not looked at.
func (p *person) ends(code int) string {
	p.t.Helper()
	for p.looks() {
	}
	hangs := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer hangs.Stop()
	_ = p.cmd.Wait()
	require.Equal(p.t, code, p.cmd.ProcessState.ExitCode(), p.seen)
	return p.seen
}

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	up    = "\x1b[A"
)

func TestREPL(t *testing.T) {
	history := filepath.Join(t.TempDir(), "history")
	p := sit(t, "repl", "--backend", "emulator", "--history", history)
	p.sees("a lab on the emulator")
	p.sees(">>> ")

	p.types("client, server = lab.host(\"client\"), lab.host(\"server\")\r")
	p.sees(">>> ")
	p.types("cli\t.na\t\r") // completed to client.name
	p.sees("\"client\"")
	p.types("lab.link(client, server, mt\t1400)\r") // completed to mtu =
	p.sees("client:eth1-server:eth1")
	p.types("lab.\t\t")
	p.sees("route_all")
	p.sees("lab.")
	p.types(ctrlC) // takes back what was typed
	p.sees(">>> ")

	p.types("def twice(n):\r")
	p.sees("... ")
	p.types("  return 2 * n\r")
	p.sees("... ")
	p.types("\r")
	p.sees(">>> ")
	p.types("twice(21)\r")
	p.sees("42")
	p.types("_ + 1\r")
	p.sees("43")

	// errors end nothing
	p.types("check.equal(twice(1), 3)\r")
	p.sees("check.equal: not equal")
	p.types("clientt\r")
	p.sees("undefined: clientt (did you mean client?)")
	p.types("1 +\r")
	p.sees("got newline, want primary expression")
	p.types("twice(3)\r")
	p.sees("\n6\r\n")

	p.types(up + up + up + up + "\r") // a line from before
	p.sees("check.equal: not equal")

	p.types("lab.connect?\r")
	p.sees("lab.connect(client, server")
	p.types("help(client)\r")
	p.sees(".mptcp")
	p.types("?twice\r")
	p.sees("twice(n)")
	p.types("help()\r")
	p.sees("Defined so far:")

	p.types(ctrlD)
	require.NotContains(t, p.ends(0), "audit")
	lines, err := os.ReadFile(history)
	require.NoError(t, err)
	require.Contains(t, string(lines), "twice(21)\n")

	again := sit(t, "repl", "--backend", "emulator", "--history", history)
	again.sees(">>> ")
	again.types(up)
	again.sees("help()")
	again.types(up)
	again.sees("?twice")
	again.types(ctrlC)
	again.sees(">>> ")
	again.types(ctrlD)
	again.ends(0)
}

// Ctrl-C ends the statement that runs, and the lab is as it was.
func TestREPLInterrupt(t *testing.T) {
	if ok, err := condition("kernel"); err != nil || !ok {
		t.Skip("the kernel cannot build labs")
	}
	p := sit(t, "repl", "--backend", "kernel")
	p.sees(">>> ")
	p.types("client = lab.host(\"client\")\r")
	p.sees(">>> ")
	p.types("print(\"waits\"); lab.wait(lambda: False, timeout = \"1h\")\r")
	p.sees("waits\r\n")
	p.types(ctrlC)
	p.sees("interrupted (Ctrl-C)")
	p.sees(">>> ")
	p.types("lab.link(client, lab.host(\"server\"))\r")
	p.sees("client:eth1-server:eth1")
	p.types("lab.connect(client, lab.hosts[1]).client.fallback\r")
	p.sees("False")
	p.types("print(\"waits again\")\r")
	p.sees("waits again\r\n")
	p.types(ctrlD)
	p.ends(0)
}
