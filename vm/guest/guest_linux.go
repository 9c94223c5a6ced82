package guest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/vm/channel"
)

const (
	line     = "/dev/ttyS1"           // to the host; the first serial line is the kernel's console
	beat     = 500 * time.Millisecond // between two signs of life
	leftOver = 2 * time.Second        // for what the program started and that still holds its output
)

// Here tells whether this process is the first of a machine made by package vm.
func Here() bool {
	if os.Getpid() != 1 {
		return false
	}
	_, err := os.Stat(JobFile)
	return err == nil
}

// Main does the machine's job and ends the machine. It does not return.
func Main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "mptcp-lab:", err) // on the console; the host shows its end
	}
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) // the host's QEMU ends on a restart
	select {}
}

func start() error {
	if err := mountAll(); err != nil {
		return err
	}
	tty, err := openLine()
	if err != nil {
		return err
	}
	w := channel.NewWriter(tty)
	code, err := work(tty, w)
	if err != nil {
		err = errors.Join(err, w.Send(channel.Failure, []byte(err.Error())))
	} else {
		err = w.Send(channel.Exit, []byte(strconv.Itoa(code)))
	}
	// The line holds some bytes yet: the machine must not end before they are out.
	return errors.Join(err, unix.IoctlSetInt(int(tty.Fd()), unix.TCSBRK, 1))
}

// mounts are the file systems that programs expect. The root is in memory already, and holds files of /tmp that the job needs.
var mounts = []struct {
	kind, on string
	flags    uintptr
}{
	{"proc", "/proc", 0},
	{"sysfs", "/sys", 0},
	{"devtmpfs", "/dev", 0},
	{"devpts", "/dev/pts", 0},
}

func mountAll() error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.on, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", m.on, err)
		}
		// A kernel may have mounted devtmpfs by itself, or lack pseudo-terminals.
		err := unix.Mount(m.kind, m.on, m.kind, m.flags, "")
		if err != nil && !errors.Is(err, unix.EBUSY) && m.kind != "devpts" {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.on, err)
		}
	}
	for _, dir := range []string{"/tmp", "/run"} {
		if err := os.MkdirAll(dir, 0o1777); err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
	}
	return nil
}

// openLine opens the line to the host, as a stream of bytes that nobody interprets.
func openLine() (*os.File, error) {
	fd, err := unix.Open(line, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s, the line to the host (the kernel needs CONFIG_SERIAL_8250): %w", line, err)
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("read the settings of %s: %w", line, err)
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return nil, fmt.Errorf("make %s raw: %w", line, err)
	}
	return os.NewFile(uintptr(fd), line), nil
}

// work runs the program of the job and returns its exit code.
func work(r io.Reader, w *channel.Writer) (int, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return 0, fmt.Errorf("read the kernel's release: %w", err)
	}
	if err := w.Send(channel.Hello, []byte(unix.ByteSliceToString(u.Release[:]))); err != nil {
		return 0, err
	}
	go func() {
		for range time.Tick(beat) {
			if w.Send(channel.Beat, nil) != nil {
				return
			}
		}
	}()
	job, err := readJob()
	if err != nil {
		return 0, err
	}
	loadModules(job.Modules)
	if err := loopbackUp(); err != nil {
		return 0, err
	}
	for _, o := range job.Outputs {
		if err := os.MkdirAll(filepath.Dir(o), 0o755); err != nil {
			return 0, fmt.Errorf("make the folder of %s: %w", o, err)
		}
	}
	code, err := runProgram(job, r, w)
	if err != nil {
		return 0, err
	}
	return code, handBack(job.Outputs, w)
}

func readJob() (Job, error) {
	var j Job
	b, err := os.ReadFile(JobFile)
	if err != nil {
		return j, fmt.Errorf("read the job: %w", err)
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return j, fmt.Errorf("read %s: %w", JobFile, err)
	}
	return j, nil
}

// loadModules loads what it can. What a module would have given is found missing by those who need it; the kernel's log, and
// so the console, says why.
func loadModules(files []string) {
	for _, name := range files {
		f, err := os.Open(name)
		if err == nil {
			err = unix.FinitModule(int(f.Fd()), "", 0)
			_ = f.Close()
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			fmt.Fprintf(os.Stderr, "mptcp-lab: load %s: %v\n", filepath.Base(name), err)
		}
	}
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

// runProgram runs the program, and lets the host interrupt it.
func runProgram(job Job, host io.Reader, w *channel.Writer) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	out, err := forward(w.Stream(channel.Stdout))
	if err != nil {
		return 0, err
	}
	errs, err := forward(w.Stream(channel.Stderr))
	if err != nil {
		return 0, err
	}
	// Those of the console are not meant for the first process. Ignored ones the program would inherit.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	p, err := os.StartProcess(job.Program, job.Argv, &os.ProcAttr{
		Dir: job.Dir, Env: job.Env, Files: []*os.File{null, out.w, errs.w}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("start the program: %w", err)
	}
	go interruptions(host, p)
	code, err := wait(p.Pid)
	out.end()
	errs.end()
	return code, err
}

func interruptions(host io.Reader, p *os.Process) {
	r := bufio.NewReader(host)
	for {
		k, _, err := channel.Read(r)
		if err != nil {
			return
		}
		if k == channel.Interrupt {
			_ = p.Signal(os.Interrupt) // it may be gone already
		}
	}
}

// wait reaps every process that ends, as the first process must, until the given one has.
func wait(pid int) (int, error) {
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait for the program: %w", err)
		case ended != pid:
		case status.Signaled():
			return 0, fmt.Errorf("the program was ended by the signal %v", status.Signal())
		default:
			return status.ExitStatus(), nil
		}
	}
}

// forwarding is a pipe whose bytes go elsewhere.
type forwarding struct {
	r, w *os.File
	done chan struct{}
}

func forward(to io.Writer) (*forwarding, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	f := &forwarding{r: r, w: w, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		_, _ = io.Copy(to, r) // its end is that of the pipe, of the line, or the deadline below
	}()
	return f, nil
}

// end waits until all is through, though not for ever: a process that the program left behind may hold the pipe.
func (f *forwarding) end() {
	_ = f.w.Close()
	_ = f.r.SetReadDeadline(time.Now().Add(leftOver))
	<-f.done
	_ = f.r.Close()
}

// handBack sends what there is of the files and folders.
func handBack(outputs []string, w *channel.Writer) error {
	for _, o := range outputs {
		err := filepath.WalkDir(o, func(p string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			return sendFile(p, w)
		})
		if err != nil {
			return fmt.Errorf("hand back %s: %w", o, err)
		}
	}
	return nil
}

func sendFile(name string, w *channel.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.Send(channel.File, []byte(name)); err != nil {
		return err
	}
	_, err = io.Copy(w.Stream(channel.Data), f)
	return err
}
