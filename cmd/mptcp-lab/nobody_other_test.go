//go:build !unix

package main

import "os/exec"

// becomeNobody does nothing: no program is root here.
func becomeNobody(*exec.Cmd) {}
