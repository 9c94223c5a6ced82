package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain builds the program as make does, and puts it first in PATH: scripts run what people run. The race detector, under which
// each start would take longer than most commands, has the tests of the packages.
func TestMain(m *testing.M) {
	os.Exit(withProgram(m.Run))
}

func withProgram(run func() int) int {
	dir, err := os.MkdirTemp("", "mptcp-lab-program")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755) // some of it runs as nobody
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "mptcp-lab"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run()
}

// Beside the usual ones, the scripts know these commands, which all check the exit code and need no "exec":
//
//	exits CODE PROGRAM ARG…           run the program; stdout and stderr are there to be matched
//	interrupt CODE LINE PROGRAM ARG…  run it, and send SIGINT when it has printed a line that matches; output goes to the file out
//	unprivileged CODE PROGRAM ARG…    run it as nobody, if the tests run as root; output goes to the file out
//	interrupt-unprivileged …          both
//	eventually LINE PROGRAM ARG…      run it again and again until it prints a line that matches, for 20 seconds
//
// and the conditions [kernel], where labs can be built, and [userns], where they can without being root.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":        exits,
			"unprivileged": unprivileged,
			"eventually":   eventually,

			"interrupt": func(ts *testscript.TestScript, _ bool, args []string) {
				interrupt(ts, command(ts, args[2:]), args)
			},
			"interrupt-unprivileged": func(ts *testscript.TestScript, _ bool, args []string) {
				interrupt(ts, asNobody(ts, command(ts, args[2:])), args)
			},
		},
		Condition: condition,
	})
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	checkExit(ts, args[0], ts.Exec(args[1], args[2:]...))
}

func interrupt(ts *testscript.TestScript, cmd *exec.Cmd, args []string) {
	line := regexp.MustCompile(args[1])
	var out bytes.Buffer
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	cmd.Stderr = os.Stderr
	ts.Check(cmd.Start())
	sent := false
	for lines := bufio.NewScanner(io.TeeReader(stdout, &out)); lines.Scan(); {
		if !sent && line.MatchString(lines.Text()) {
			ts.Check(cmd.Process.Signal(os.Interrupt))
			sent = true
		}
	}
	err = cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o644))
	if !sent {
		ts.Fatalf("no line matches %q:\n%s", line, &out)
	}
	checkExit(ts, args[0], err)
}

func eventually(ts *testscript.TestScript, _ bool, args []string) {
	line := regexp.MustCompile("(?m)" + args[0])
	var out []byte
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		out, _ = command(ts, args[1:]).CombinedOutput() // its exit code says nothing of what it will print
		if line.Match(out) {
			return
		}
	}
	ts.Fatalf("no line matches %q:\n%s", line, out)
}

func unprivileged(ts *testscript.TestScript, _ bool, args []string) {
	cmd := asNobody(ts, command(ts, args[1:]))
	out, err := cmd.CombinedOutput()
	ts.Check(os.WriteFile(ts.MkAbs("out"), out, 0o644))
	ts.Logf("%s", out)
	checkExit(ts, args[0], err)
}

// asNobody takes a command's privileges, if there are any.
func asNobody(ts *testscript.TestScript, cmd *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		becomeNobody(cmd)
		ts.Check(openToAll(cmd.Path))
		ts.Check(openToAll(ts.MkAbs(".")))
	}
	return cmd
}

// openToAll lets other users reach a file in a temporary directory of the test.
func openToAll(path string) error {
	inside := filepath.Clean(os.TempDir()) + string(filepath.Separator)
	for ; strings.HasPrefix(path, inside); path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func command(ts *testscript.TestScript, argv []string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	ts.Check(cmd.Err)
	cmd.Dir = ts.MkAbs(".")
	return cmd
}

func checkExit(ts *testscript.TestScript, want string, err error) {
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

// condition asks the program itself what the machine can do.
func condition(name string) (bool, error) {
	cmd := exec.Command("mptcp-lab", "doctor")
	switch name {
	case "kernel":
	case "userns":
		if os.Geteuid() == 0 {
			becomeNobody(cmd)
			if err := openToAll(cmd.Path); err != nil {
				return false, err
			}
		}
	default:
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return cmd.Run() == nil, nil
}
