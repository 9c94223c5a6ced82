// Package guest is the first process of a virtual machine that package vm has started: it makes the machine usable, runs one
// program, hands back what that prints and writes, and ends the machine. It does nothing anywhere else.
package guest

import (
	"encoding/json"
	"fmt"
)

// Folder is where the files of a machine are that are not the program's.
const Folder = "/.mptcp-lab"

// The files in it.
const (
	JobFile   = Folder + "/job.json"
	ModuleDir = Folder + "/modules"
)

// Job is what a machine is to do.
type Job struct {
	Program string   // its path in the machine
	Argv    []string // with the name of the program
	Env     []string // as "NAME=value"
	Dir     string   // where it runs
	Modules []string // files of kernel modules, in the order of loading
	Outputs []string // files or folders that the program may write, to be handed back
}

// Encode is the job as [JobFile] has it.
func (j Job) Encode() ([]byte, error) {
	b, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("encode the job of a machine: %w", err)
	}
	return b, nil
}
