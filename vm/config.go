package vm

import (
	"io"
	"time"
)

// Defaults of a [Config].
const (
	DefaultCPUs    = 1
	DefaultMemory  = 1024 // MiB
	DefaultBoot    = 90 * time.Second
	DefaultSilence = 60 * time.Second
)

// kvmBoot bounds how long a machine with KVM may take to begin: one that works takes a second.
const kvmBoot = 15 * time.Second

// Config says what runs where. Kernel, Program and Argv are needed.
type Config struct {
	Kernel  Kernel
	Program string   // file of this machine: a static program
	Init    string   // file of this machine: this program, where Program is another
	Argv    []string // with the name of the program
	Env     []string // as "NAME=value"
	Dir     string   // where the program runs, in the machine
	Files   []string // files of this machine that the program reads, at the same absolute paths there
	Outputs []string // absolute paths of files or folders that the program may write, and which come back

	Stdout, Stderr io.Writer // nil: discarded
	Console        io.Writer // a copy of what the kernel and the firmware show; nil: none

	CPUs    int           // of the machine
	Memory  int           // in MiB
	Append  string        // to the kernel's command line
	Boot    time.Duration // until the machine must have begun
	Silence time.Duration // that means that it hangs
	Accel   Accel
	Time    Time
	Seed    uint64          // of all that is random in a machine with virtual time
	QEMU    string          // program; empty: the qemu-system-x86_64 of PATH
	Started func(e Machine) // called when the machine has begun, unless nil

	kvm string // the device; tests have another
}

// Machine is what runs.
type Machine struct {
	Release string // of its kernel
	Accel   Accel
	Booted  time.Duration // from its start until it began
}

// Accel is how a machine executes instructions.
type Accel string

// The ways.
const (
	AccelAuto Accel = ""    // KVM if it works, else TCG
	AccelKVM  Accel = "kvm" // the processor
	AccelTCG  Accel = "tcg" // QEMU, in software: everywhere, and slower
)

// Time is what the clock of a machine follows.
type Time string

// The ways.
const (
	TimeReal Time = "" // the clock of this machine
	// TimeVirtual is the number of instructions that the machine has executed, and while it waits for a timer, nothing: the
	// clock is set to that timer. What happens in such a machine depends on its configuration alone. It has one processor,
	// executed in software.
	TimeVirtual Time = "virtual"
)

func (c Config) withDefaults() Config {
	if c.CPUs <= 0 {
		c.CPUs = DefaultCPUs
	}
	if c.Time == TimeVirtual {
		c.CPUs, c.Accel = 1, AccelTCG
	}
	if c.Memory <= 0 {
		c.Memory = DefaultMemory
	}
	if c.Boot <= 0 {
		c.Boot = DefaultBoot
	}
	if c.Silence <= 0 {
		c.Silence = DefaultSilence
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Console == nil {
		c.Console = io.Discard
	}
	if c.Dir == "" {
		c.Dir = "/"
	}
	if c.Init == "" {
		c.Init = c.Program
	}
	if c.kvm == "" {
		c.kvm = "/dev/kvm"
	}
	if c.QEMU == "" {
		c.QEMU = "qemu-system-x86_64"
	}
	return c
}
