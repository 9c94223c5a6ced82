package pathmanager

import "syscall"

// The numbers of errors in Linux, which differ on other systems.
const (
	enoent     = syscall.Errno(2)
	eacces     = syscall.Errno(13)
	ebusy      = syscall.Errno(16)
	eexist     = syscall.Errno(17)
	einval     = syscall.Errno(22)
	erange     = syscall.Errno(34)
	eopnotsupp = syscall.Errno(95)
	esrch      = syscall.Errno(3)
)
