package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/live"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// The kernel frees a namespace that nobody refers to, but for two cases. The listener of an endpoint with a port refers to its own
// namespace (sk_net_refcnt_upgrade in net/mptcp/subflow.c), so that such a namespace stays for ever unless the endpoint is
// deleted first. And a closed socket that still has something to send keeps its namespace for minutes when its link or its peer is
// gone. A lab that closes sees to both. For one that is killed, a
// second process does: it is handed the namespaces of all hosts, sees this process end, and cleans them.

// guard is this process's end of its guard, which is started when the first namespace needs it.
type guard struct {
	args []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	conn *net.UnixConn
	next uint64 // number of the namespace handed over last
}

// GuardWith gives the arguments with which this program, run again, does nothing but call [Guard]: that cleans the hosts
// which this process leaves behind when it is killed. Without, some namespaces outlive a SIGKILL.
func (b *Backend) GuardWith(args ...string) { b.guard.args = args }

// watch hands over a namespace, and returns its number; 0 without a guard.
func (g *guard) watch(fd int) (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.args) == 0 {
		return 0, nil
	}
	if g.conn == nil {
		if err := g.start(); err != nil {
			return 0, fmt.Errorf("start the guard of hosts: %w", err)
		}
	}
	g.next++
	return g.next, g.tell(g.next, unix.UnixRights(fd))
}

// guard hands the host over to the guard, before it has a socket.
func (h *host) guard() (err error) {
	h.guardNumber, err = h.lab.backend.guard.watch(h.real.FD())
	return err
}

// unguard deletes the endpoints of a host that may have some with a port, and takes the host back.
func (h *host) unguard() error {
	var err error
	if h.ports.Load() {
		err = h.PathManager().FlushEndpoints()
	}
	return errors.Join(err, h.lab.backend.guard.forget(h.guardNumber))
}

// forget tells that a namespace has been flushed.
func (g *guard) forget(number uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if number == 0 {
		return nil
	}
	return g.tell(number, nil)
}

// tell sends the number of a namespace, with its descriptor when it is to be watched.
func (g *guard) tell(number uint64, rights []byte) error {
	if _, _, err := g.conn.WriteMsgUnix(binary.NativeEndian.AppendUint64(nil, number), rights, nil); err != nil {
		return fmt.Errorf("tell the guard of hosts: %w", err)
	}
	return nil
}

func (g *guard) start() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	own, theirs := os.NewFile(uintptr(fds[0]), "guard"), os.NewFile(uintptr(fds[1]), "guarded")
	defer own.Close()
	defer theirs.Close()
	conn, err := net.FileConn(own)
	if err != nil {
		return err
	}
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return errors.Join(os.NewSyscallError("pidfd_open", err), conn.Close())
	}
	guarded := os.NewFile(uintptr(self), "guarded process")
	defer guarded.Close()
	cmd := exec.Command("/proc/self/exe", g.args...)
	cmd.Args[0] = os.Args[0]
	cmd.ExtraFiles = []*os.File{theirs, guarded}
	// What kills this process's group, such as Ctrl-C on the terminal, is not meant for the guard.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, conn.Close())
	}
	g.cmd, g.conn = cmd, conn.(*net.UnixConn)
	return nil
}

// close ends the guard, which by now has nothing to flush.
func (g *guard) close() error {
	if g.conn == nil {
		return nil
	}
	return errors.Join(g.conn.Close(), g.cmd.Wait())
}

// Descriptors of the guard.
const (
	guardSocket  = 3              // by which it gets namespaces
	guardProcess = live.GuardedFD // whom it guards, as a pidfd
)

// Guard is all that the program of [Backend.GuardWith] does: it takes namespaces from file descriptor 3 until the process that
// started it ends, and cleans those that are left.
func Guard() error {
	f := os.NewFile(guardSocket, "guarded")
	fc, err := net.FileConn(f)
	if err != nil {
		return fmt.Errorf("guard: %w: it is started by other commands, not by hand", err)
	}
	defer fc.Close()
	conn, ok := fc.(*net.UnixConn)
	if err := f.Close(); err != nil || !ok {
		return errors.Join(errors.New("guard: file descriptor 3 is no unix socket"), err)
	}
	told, err := live.Guard()
	if err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	defer told.Close()
	left, err := receiveUntilEnd(conn)
	if len(left) > 0 {
		err = errors.Join(err, awaitExit())
	}
	for _, ns := range left {
		err = errors.Join(err, flush(ns))
	}
	return err
}

// exitTime bounds how long the end of a killed process may take.
const exitTime = 30 * time.Second

// awaitExit waits until the guarded process has closed all that it had: its end of the socket may be the first of its descriptors
// to go, while its listeners still accept connections, which the guard would never see.
func awaitExit() error {
	process := []unix.PollFd{{Fd: guardProcess, Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(process, int(exitTime.Milliseconds())); err != unix.EINTR {
			return os.NewSyscallError("poll the guarded process", err)
		}
	}
}

// receiveUntilEnd returns the namespaces that are still watched when the other end is closed.
func receiveUntilEnd(conn *net.UnixConn) (map[uint64]int, error) {
	watched := map[uint64]int{}
	message, rights := make([]byte, 8), make([]byte, unix.CmsgSpace(4))
	for {
		n, oob, _, _, err := conn.ReadMsgUnix(message, rights)
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			return watched, nil
		}
		if err != nil {
			return watched, fmt.Errorf("guard: %w", err)
		}
		number := binary.NativeEndian.Uint64(message)
		fd, err := received(rights[:oob])
		if err != nil {
			return watched, fmt.Errorf("guard: %w", err)
		}
		if fd >= 0 {
			watched[number] = fd
			continue
		}
		_ = unix.Close(watched[number]) // it only was a reference
		delete(watched, number)
	}
}

// received is the descriptor that came with a message, or -1.
func received(rights []byte) (int, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) == 0 {
		return -1, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return -1, err
	}
	return fds[0], nil
}

func flush(ns int) error {
	c, err := pm.Dial(pm.Config{NetNS: ns})
	if err != nil {
		return err
	}
	return errors.Join(c.FlushEndpoints(), c.Close(), netns.At(ns).DestroySockets())
}
