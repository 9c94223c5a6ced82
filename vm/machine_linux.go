package vm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/vm/channel"
)

// interruptGrace is for the program of an interrupted machine to say what it knows.
const interruptGrace = 5 * time.Second

// Run boots a machine, runs the program in it, and returns its exit code. When ctx ends, the program is interrupted, and the
// machine ended if it does not end by itself. However it ends, nothing of it is left.
func Run(ctx context.Context, c Config) (int, error) {
	c = c.withDefaults()
	qemu, err := exec.LookPath(c.QEMU)
	if err != nil {
		return 0, fmt.Errorf("virtual machines need QEMU (apt-get install qemu-system-x86, dnf install qemu-system-x86-core): %w", err)
	}
	c.QEMU = qemu
	image, err := initrd(c)
	if err != nil {
		return 0, err
	}
	defer image.Close()
	if c.Accel == AccelAuto {
		c.Accel = AccelTCG
		if usable(c.kvm) {
			kvm := c
			kvm.Accel, kvm.Boot = AccelKVM, min(c.Boot, kvmBoot)
			code, began, err := run(ctx, kvm, image)
			if began || ctx.Err() != nil {
				return code, err
			}
		}
	}
	code, _, err := run(ctx, c, image)
	return code, err
}

// usable tells whether KVM is worth a try.
func usable(device string) bool {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

// machine is one that runs.
type machine struct {
	c       Config
	toGuest *os.File // the other direction of its line
	console console
	began   bool
	start   time.Time
	output  *os.File // the file that the guest hands back now
}

// run boots a machine once. It also tells whether the machine began.
func run(ctx context.Context, c Config, image *os.File) (code int, began bool, err error) {
	m := &machine{c: c, start: time.Now()}
	var complaints bytes.Buffer
	console, consoleEnd, err := pipe("console")
	if err != nil {
		return 0, false, err
	}
	defer console.Close()
	line, lineEnd, err := pipe("line")
	if err != nil {
		return 0, false, errors.Join(err, consoleEnd.Close())
	}
	defer line.Close()
	input, toGuest, err := pipe("line")
	if err != nil {
		return 0, false, errors.Join(err, consoleEnd.Close(), lineEnd.Close())
	}
	defer toGuest.Close()
	m.toGuest = toGuest
	q := qemu{args: arguments(c), stdin: input, stdout: lineEnd, stderr: &complaints, files: []*os.File{image, consoleEnd}}
	err = errors.Join(q.start(c.QEMU), input.Close(), lineEnd.Close(), consoleEnd.Close())
	if err != nil {
		return 0, false, err
	}
	var copying sync.WaitGroup
	copying.Go(func() { _, _ = io.Copy(io.MultiWriter(&m.console, m.c.Console), console) }) // until QEMU ends
	code, err = m.serve(ctx, line)
	q.kill()
	copying.Wait()
	if m.output != nil {
		err = errors.Join(err, m.output.Close())
	}
	var silent *silence
	switch {
	case errors.As(err, &silent):
		if text := strings.TrimSpace(complaints.String()); text != "" && !m.began {
			return 0, m.began, fmt.Errorf("QEMU cannot run the machine: %s", text)
		}
		return 0, m.began, failure(m.console.lines(), silent.what, silent.hint)
	default:
		return code, m.began, err
	}
}

// arguments are QEMU's. Its standard input and output are the line to the guest, file 3 is the initramfs, and file 4 the console.
func arguments(c Config) []string {
	// Newer kernels allocate memory by CMPXCHG16B. Under QEMU 7.2 a 6.12 crashed right after it, with garbled flags; a kernel
	// for a processor without it does otherwise.
	cpu := map[Accel]string{AccelKVM: "host", AccelTCG: "max,-cx16"}[c.Accel]
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", "q35,accel=" + string(c.Accel), "-cpu", cpu,
		"-smp", strconv.Itoa(c.CPUs), "-m", strconv.Itoa(c.Memory),
		"-kernel", c.Kernel.Image, "-initrd", "/dev/fd/3", "-append", commandLine(c),
		"-chardev", "file,id=console,path=/dev/fd/4", "-serial", "chardev:console",
		"-chardev", "stdio,id=line,signal=off", "-serial", "chardev:line",
	}
	if c.Time == TimeVirtual {
		args = append(args, virtualTime(c.Seed)...)
	}
	return args
}

// instruction is how long one takes in virtual time, as the power of two of its nanoseconds.
const instruction = 0

// virtualTime are QEMU's arguments for a machine whose clocks follow its instructions, and whose random numbers follow a seed:
// those of the processor, and those that the firmware hands to the kernel.
//
// Of the recording nobody reads anything. It is wanted for its lock, without which QEMU's main loop may see that the processor
// waits before it sees which instruction came last, and then set the clock too far: on a busy machine once in some thousand waits.
func virtualTime(seed uint64) []string {
	return []string{
		"-icount", "shift=" + strconv.Itoa(instruction) + ",sleep=off,align=off,rr=record,rrfile=/dev/null",
		"-rtc", "base=2026-01-01,clock=vm",
		"-seed", strconv.FormatUint(seed, 10),
	}
}

// silence is the end of a machine that did not say what ended it.
type silence struct{ what, hint string }

func (s *silence) Error() string { return s.what }

// message is one of the guest, or the end of the line.
type message struct {
	kind    channel.Kind
	payload []byte
	err     error
}

// serve takes what the guest sends until its program has ended.
func (m *machine) serve(ctx context.Context, line io.Reader) (int, error) {
	messages := make(chan message)
	stop := make(chan struct{})
	defer close(stop)
	go receive(bufio.NewReaderSize(ahead(line, stop), 64<<10), messages, stop)
	patience := time.NewTimer(m.c.Boot)
	defer patience.Stop()
	interrupted := ctx.Done()
	var give <-chan time.Time
	for {
		select {
		case <-interrupted:
			interrupted, give = nil, time.After(interruptGrace)
			if !m.began || channel.NewWriter(m.toGuest).Send(channel.Interrupt, nil) != nil {
				return 0, ctx.Err()
			}
		case <-give:
			return 0, ctx.Err()
		case <-patience.C:
			return 0, m.timedOut()
		case msg := <-messages:
			if msg.err != nil {
				if ctx.Err() != nil {
					return 0, ctx.Err()
				}
				return 0, lineEnded(msg.err)
			}
			code, ended, err := m.take(msg)
			if ended || err != nil {
				return code, err
			}
			patience.Reset(m.c.Silence)
		}
	}
}

// lineEnded tells the end of the machine from bytes on the line that make no sense.
func lineEnded(err error) error {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, unix.ECONNRESET} {
		if errors.Is(err, end) {
			return &silence{what: "the machine ended before its program did"}
		}
	}
	return &silence{what: err.Error()}
}

func (m *machine) timedOut() error {
	if !m.began {
		return &silence{
			what: fmt.Sprintf("the machine did not begin within %v", m.c.Boot),
			hint: "a busy computer may need longer (--boot-timeout); is it a kernel for x86-64 with CONFIG_SERIAL_8250_CONSOLE?",
		}
	}
	return &silence{what: fmt.Sprintf("the machine hangs: nothing was heard of it for %v", m.c.Silence)}
}

func receive(r io.Reader, messages chan<- message, stop <-chan struct{}) {
	for {
		kind, payload, err := channel.Read(r)
		select {
		case messages <- message{kind, payload, err}:
		case <-stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// take does what a message says.
func (m *machine) take(msg message) (code int, ended bool, err error) {
	switch msg.kind {
	case channel.Hello:
		m.began = true
		if m.c.Started != nil {
			m.c.Started(Machine{Release: string(msg.payload), Accel: m.c.Accel, Booted: time.Since(m.start)})
		}
	case channel.Stdout:
		_, err = m.c.Stdout.Write(msg.payload)
	case channel.Stderr:
		_, err = m.c.Stderr.Write(msg.payload)
	case channel.File:
		err = m.create(string(msg.payload))
	case channel.Data:
		if m.output != nil {
			_, err = m.output.Write(msg.payload)
		}
	case channel.Failure:
		return 0, true, &silence{what: string(msg.payload)}
	case channel.Exit:
		code, err = strconv.Atoi(string(msg.payload))
		return code, true, err
	case channel.Beat, channel.Interrupt:
	}
	return 0, false, err
}

// create begins a file that the guest hands back. Only what was asked for is taken.
func (m *machine) create(name string) error {
	if m.output != nil {
		if err := m.output.Close(); err != nil {
			return err
		}
		m.output = nil
	}
	if !m.asked(name) {
		return fmt.Errorf("the machine hands back %s, which nobody asked for", name)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	var err error
	m.output, err = os.Create(name)
	return err
}

func (m *machine) asked(name string) bool {
	for _, o := range m.c.Outputs {
		if rel, err := filepath.Rel(o, name); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// pipeSize is that of pipes from and to QEMU, where the system allows it. A serial port of QEMU that cannot write at once loses
// bytes in the end, and the guest's clock goes on meanwhile.
const pipeSize = 1 << 20

func pipe(name string) (r, w *os.File, err error) {
	if r, w, err = os.Pipe(); err != nil {
		return nil, nil, fmt.Errorf("pipe for the machine's %s: %w", name, err)
	}
	_, _ = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, pipeSize)
	return r, w, nil
}

// qemu is the process of a machine.
type qemu struct {
	args   []string
	stdin  *os.File
	stdout *os.File
	stderr io.Writer
	files  []*os.File    // its files from 3 on
	end    chan struct{} // closed: to be killed
	ended  chan struct{} // closed: gone
}

// start starts QEMU so that it ends with this program, whatever ends that: the kernel then kills what a thread has started,
// and so the thread that starts it stays until it is gone.
func (q *qemu) start(program string) error {
	q.end, q.ended = make(chan struct{}), make(chan struct{})
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(q.ended)
		cmd := exec.Command(program, q.args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = q.stdin, q.stdout, q.stderr, q.files
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		gone := make(chan struct{})
		go func() {
			select {
			case <-q.end:
				_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // with whatever it has started
			case <-gone:
			}
		}()
		_ = cmd.Wait() // killed, mostly
		close(gone)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start QEMU: %w", err)
	}
	return nil
}

// kill ends QEMU and waits until it is gone.
func (q *qemu) kill() {
	close(q.end)
	<-q.ended
}
