package network

import "syscall"

// Errors of sending, in the numbers of Linux, whatever this program runs on.
const (
	eexist        syscall.Errno = 17
	EINVAL        syscall.Errno = 22
	EACCES        syscall.Errno = 13
	ENODEV        syscall.Errno = 19
	EPERM         syscall.Errno = 1
	EMSGSIZE      syscall.Errno = 90
	EADDRNOTAVAIL syscall.Errno = 99
	ENETUNREACH   syscall.Errno = 101
	EHOSTUNREACH  syscall.Errno = 113
)
