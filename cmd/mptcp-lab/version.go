package main

import (
	"fmt"
	"runtime/debug"
)

type versionCmd struct{}

// Run implements the command.
func (versionCmd) Run(s streams) error {
	version, toolchain := built()
	_, err := fmt.Fprintf(s.out, "mptcp-lab %s %s\n", version, toolchain)
	return err
}

// built is the version of the program, and that of the Go that built it.
func built() (version, toolchain string) {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version, info.GoVersion
	}
	return "unknown", ""
}
