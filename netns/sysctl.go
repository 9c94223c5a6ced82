package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

var sysctlName = regexp.MustCompile(`^net[./][A-Za-z0-9_./-]+$`)

// Sysctl reads a setting of the namespace by its dotted name, such as net.mptcp.enabled, without the final newline. A name
// with slashes is taken as a path, for interfaces with dots: net/ipv4/conf/eth0.1/rp_filter.
func (ns *Namespace) Sysctl(name string) (string, error) {
	var value string
	err := ns.Do(func() (err error) {
		value, err = ReadSysctl(name)
		return err
	})
	return value, err
}

// SetSysctl writes a setting of the namespace, named as for [Namespace.Sysctl].
func (ns *Namespace) SetSysctl(name, value string) error {
	return ns.Do(func() error { return writeSysctl(name, value) })
}

// sysctlPath is the file of a setting. What it shows below /proc/sys/net depends on the thread that opens it.
func sysctlPath(name string) (string, error) {
	if !sysctlName.MatchString(name) || strings.Contains(name, "..") {
		return "", fmt.Errorf("sysctl %q: want a name below net, such as net.mptcp.enabled", name)
	}
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, ".", "/")
	}
	return "/proc/sys/" + name, nil
}

// ReadSysctl reads a setting of the network namespace that the calling thread is in, named as for [Namespace.Sysctl].
func ReadSysctl(name string) (string, error) {
	path, err := sysctlPath(name)
	if err != nil {
		return "", err
	}
	value, err := os.ReadFile(path)
	if err != nil {
		return "", sysctlError(name, err)
	}
	return strings.TrimSuffix(string(value), "\n"), nil
}

// writeKnown writes settings of the namespace that the calling thread is in, but for those that this kernel lacks, such as one
// without IPv6. It opens net/ipv4 and net/ipv6 once: looking them up is what is slow, as the kernel keeps the names of
// all namespaces, also of many that are gone, in one list (proc_sys_compare in fs/proc/proc_sysctl.c).
func writeKnown(settings [][2]string) error {
	folders := map[string]int{}
	defer func() {
		for _, fd := range folders {
			_ = unix.Close(fd)
		}
	}()
	for _, s := range settings {
		path, err := sysctlPath(s[0])
		if err != nil {
			return err
		}
		below := len("/proc/sys/net/ipv4")
		folder, file := path[:below], path[below+1:]
		at, open := folders[folder]
		if !open {
			if at, err = unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return sysctlError(s[0], err)
			}
			folders[folder] = at
		}
		if err := writeAt(at, file, s[0], s[1]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// writeSysctl writes a setting of the namespace that the calling thread is in.
func writeSysctl(name, value string) error {
	path, err := sysctlPath(name)
	if err != nil {
		return err
	}
	return writeAt(unix.AT_FDCWD, path, name, value)
}

// writeAt writes the setting with that name to its file.
func writeAt(folder int, path, name, value string) error {
	// Not os.File: it would try each of these files at the network poller first, which costs as much as the write.
	fd, err := unix.Openat(folder, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return sysctlError(name, err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(value)); err != nil {
		return fmt.Errorf("sysctl %s: value %q refused by the kernel: %w", name, value, err)
	}
	return nil
}

// writeSysctls writes all settings, in the order of their names.
func writeSysctls(settings map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if err := writeSysctl(name, settings[name]); err != nil {
			return err
		}
	}
	return nil
}

// sysctlError explains why a setting could not be opened.
func sysctlError(name string, err error) error {
	reason := cause(err).Error()
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		reason = "no such setting on this kernel"
	case errors.Is(err, unix.EISDIR):
		reason = "names a group of settings, not one"
	case errors.Is(err, fs.ErrPermission) && InUserNamespace():
		reason = "not writable in a user namespace"
	case errors.Is(err, fs.ErrPermission):
		reason = "not writable"
	}
	return &sysctlFailure{text: fmt.Sprintf("sysctl %s: %s", name, reason), err: err}
}

// sysctlFailure has a text for people and the error for programs.
type sysctlFailure struct {
	text string
	err  error
}

func (f *sysctlFailure) Error() string { return f.text }
func (f *sysctlFailure) Unwrap() error { return f.err }

// cause drops the path from an error of a file.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
