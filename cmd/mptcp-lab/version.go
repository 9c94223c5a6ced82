package main

import (
	"fmt"
	"runtime/debug"
)

type versionCmd struct{}

// Run implements the command.
func (versionCmd) Run(s streams) error {
	version, toolchain := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version, toolchain = info.Main.Version, info.GoVersion
	}
	_, err := fmt.Fprintf(s.out, "mptcp-lab %s %s\n", version, toolchain)
	return err
}
