package live

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Enter replaces this process by a program in the host, as ip-netns(8) exec does: in a mount namespace of its own, where /sys is
// that of the host. It returns only errors.
//
// The host of a user without privileges belongs to a user namespace, which is entered before, as that user. The kernel lets no
// program with several threads do so, as every Go program has, so it is nsenter(1) that does, and then runs this program again with
// the arguments again and argv; that calls [Become].
func (l Lab) Enter(host string, argv []string, again ...string) error {
	h, err := l.Host(host)
	if err != nil {
		return err
	}
	ns, err := l.open(h)
	if err != nil {
		return err
	}
	users, foreign, err := owner(ns)
	if err != nil {
		return fmt.Errorf("enter host %s: %w", host, err)
	}
	if foreign {
		return l.enterUsers(users, ns, append(again, argv...))
	}
	runtime.LockOSThread() // for good: the program that follows starts on it
	if err := vnetns.Set(vnetns.NsHandle(ns.Fd())); err != nil {
		return fmt.Errorf("enter host %s: %w", host, err)
	}
	return Become(argv)
}

// owner opens the user namespace that a network namespace belongs to, and tells whether it is another than that of this process.
func owner(ns *os.File) (users *os.File, foreign bool, err error) {
	fd, err := unix.IoctlRetInt(int(ns.Fd()), unix.NS_GET_USERNS)
	if err != nil {
		return nil, false, fmt.Errorf("its user namespace: %w", err)
	}
	users = os.NewFile(uintptr(fd), "user namespace")
	theirs, err := users.Stat()
	if err != nil {
		return nil, false, err
	}
	own, err := os.Stat("/proc/self/ns/user")
	if err != nil {
		return nil, false, err
	}
	return users, !os.SameFile(theirs, own), nil
}

// enterUsers enters a network namespace by way of its user namespace.
func (l Lab) enterUsers(users, ns *os.File, argv []string) error {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return fmt.Errorf("the lab is in a user namespace, and nsenter(1), of util-linux, is needed to enter one: %w", err)
	}
	self, err := os.Open("/proc/self/exe") // the user may not reach it by its path
	if err != nil {
		return err
	}
	// The owner of a user namespace can do anything to those who are in it, so root must not go there as root.
	if os.Geteuid() == 0 && l.User != 0 {
		if err := errors.Join(unix.Setgroups(nil), syscall.Setgid(l.User), syscall.Setuid(l.User)); err != nil {
			return fmt.Errorf("become user %d, whose lab it is: %w", l.User, err)
		}
	}
	inherited := make([]string, 0, 3)
	for _, f := range []*os.File{users, ns, self} {
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
			return err
		}
		inherited = append(inherited, "/proc/self/fd/"+strconv.Itoa(int(f.Fd())))
	}
	args := []string{"nsenter", "--user=" + inherited[0], "--preserve-credentials", "--net=" + inherited[1], "--", inherited[2]}
	err = syscall.Exec(nsenter, append(args, argv...), os.Environ())
	return fmt.Errorf("run nsenter: %w", err)
}

// Become replaces this process, which is in a host, by a program, to which /sys shows the host. It returns only errors.
func Become(argv []string) error {
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // for good: the program that follows starts on it
	if err := showHost(); err != nil {
		fmt.Fprintf(os.Stderr, "mptcp-lab: /sys shows the machine, not the host: %v\n", err)
	}
	if err := closeOnExec(); err != nil {
		return err
	}
	return fmt.Errorf("run %s: %w", program, syscall.Exec(program, argv, os.Environ()))
}

// showHost mounts a /sys that shows the network namespace of this thread, where nobody else sees the mount.
func showHost() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := unix.Mount("", "/", "none", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	var flags uintptr
	if unix.Unmount("/sys", unix.MNT_DETACH) != nil { // in a user namespace, which may only cover it
		var st unix.Statfs_t
		if err := unix.Statfs("/sys", &st); err == nil {
			flags = uintptr(st.Flags) & unix.ST_RDONLY // one that is read-only must not become more
		}
	}
	return os.NewSyscallError("mount /sys", unix.Mount("mptcp-lab", "/sys", "sysfs", flags, ""))
}

// closeOnExec keeps the program that follows from inheriting more than the standard files.
func closeOnExec() error {
	for _, name := range fileNumbers() {
		fd, err := strconv.Atoi(name)
		if err != nil || fd < 3 {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil && !errors.Is(err, unix.EBADF) {
			return fmt.Errorf("file %d: %w", fd, err)
		}
	}
	return nil
}

// fileNumbers are the descriptors of this process.
func fileNumbers() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}
