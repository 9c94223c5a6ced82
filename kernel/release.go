package kernel

import (
	"fmt"
	"regexp"

	"golang.org/x/sys/unix"
)

// release is how a kernel calls itself, and the release of kernel.org that it was built from, if that says more.
type release struct{ name, upstream string }

func kernelRelease() (release, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return release{}, fmt.Errorf("read the kernel's release: %w", err)
	}
	return release{unix.ByteSliceToString(u.Release[:]), upstream(unix.ByteSliceToString(u.Version[:]))}, nil
}

// debianBuild is how Debian says in the kernel's version what it was built from: what 6.1.0-50-amd64 is, its release does not tell.
var debianBuild = regexp.MustCompile(`\bDebian (\d+\.\d+\.\d+)[-~+]`)

// upstream finds the release of kernel.org in a kernel's version, as "uname -v" has it; empty: it does not tell.
func upstream(version string) string {
	if m := debianBuild.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return ""
}
