//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// becomeNobody makes the program run without any privilege.
func becomeNobody(cmd *exec.Cmd) {
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}
