package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/mptcp-lab/mptcp-lab/vm"
	"github.com/mptcp-lab/mptcp-lab/vm/debian"
)

type vmCmd struct {
	Run   vmRunCmd   `cmd:"" help:"Run the cases of scripts on other kernels, each kernel in a virtual machine."`
	Fetch vmFetchCmd `cmd:"" help:"Fetch kernels of Debian, with the system's apt and without installing anything."`
	Exec  vmExecCmd  `cmd:"" help:"Run a static program on another kernel."`
}

// machineFlags say what machines are made of.
type machineFlags struct {
	Memory      int           `default:"1024" placeholder:"MIB" help:"Memory of a machine."`
	CPUs        int           `default:"1" name:"cpus" help:"Processors of a machine."`
	Accel       string        `enum:"auto,kvm,tcg" default:"auto" help:"How a machine executes instructions: ${enum}. auto takes KVM where it works."`
	Time        string        `enum:"real,virtual" default:"real" help:"What the clock of a machine follows: ${enum}. With virtual time, waiting costs none, and the same command does the same every time; it takes TCG and one processor."`
	Append      string        `placeholder:"WORDS" help:"Words to add to the kernel's command line."`
	BootTimeout time.Duration `default:"90s" help:"Time for a machine to begin."`
	Console     bool          `help:"Show the console of each machine on standard error."`
}

// Validate checks what the types of the flags do not.
func (f *machineFlags) Validate() error {
	switch {
	case f.Memory < 128:
		return fmt.Errorf("--memory=%d: must be 128 MiB or more", f.Memory)
	case f.Time == "virtual" && (f.CPUs > 1 || f.Accel == "kvm"):
		return errors.New("--time=virtual: takes --cpus=1 and --accel=tcg (or auto): instructions are counted, and in one order")
	case f.CPUs < 1:
		return fmt.Errorf("--cpus=%d: must be 1 or more", f.CPUs)
	case f.BootTimeout <= 0:
		return fmt.Errorf("--boot-timeout=%v: must be more than 0", f.BootTimeout)
	}
	return nil
}

// machine is the configuration of a machine which runs this program with the arguments.
func (f *machineFlags) machine(k vm.Kernel, args []string, s streams) (vm.Config, error) {
	self, err := os.Executable()
	if err != nil {
		return vm.Config{}, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return vm.Config{}, fmt.Errorf("find the current folder: %w", err)
	}
	accel := vm.Accel(f.Accel)
	if f.Accel == "auto" {
		accel = vm.AccelAuto
	}
	time := vm.TimeReal
	if f.Time == "virtual" {
		time = vm.TimeVirtual
	}
	var console io.Writer
	if f.Console {
		console = s.err
	}
	return vm.Config{
		Console: console,
		Kernel:  k, Program: self, Argv: append([]string{"mptcp-lab"}, args...), Dir: dir,
		Env:    []string{"PATH=/", "HOME=/", "TERM=" + os.Getenv("TERM")},
		Stdout: s.out, Stderr: s.err,
		CPUs: f.CPUs, Memory: f.Memory, Append: f.Append, Boot: f.BootTimeout, Accel: accel, Time: time,
	}, nil
}

type vmRunCmd struct {
	Kernel []string `required:"" sep:"none" placeholder:"K" help:"Kernel: a bzImage, a Debian package, a folder that one was unpacked to or a kernel was built in, or a release that vm fetch has fetched. May be repeated."`
	machineFlags
	runCmd
}

// Help is the longer help of the command.
func (*vmRunCmd) Help() string {
	return "Boots each kernel, one after the other, with nothing but this program, and runs there what \"mptcp-lab run\" with the same flags " +
		"runs here. Reports that are written to files come back.\n\n" + exitCodes
}

// Validate checks what the types of the flags do not.
func (c *vmRunCmd) Validate() error {
	return errors.Join(c.machineFlags.Validate(), c.runCmd.Validate())
}

// Run implements the command.
func (c *vmRunCmd) Run(ctx context.Context, k *kong.Context, s streams) error {
	if c.List {
		return c.list(ctx, s)
	}
	if c.Keep {
		return &exit{code: exitUsage, err: errors.New("--keep: nobody can enter the hosts of a virtual machine, which ends with its run")}
	}
	files, err := scripts(c.Paths)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	kernels, err := openKernels(c.Kernel)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	var codes []int
	for _, kernel := range kernels {
		cfg, err := c.machine(kernel, append(c.inside(), runArgs(k.Args, "vm", "run")...), s)
		if err != nil {
			return &exit{code: exitMachine, err: err}
		}
		cfg.Files, cfg.Outputs, cfg.Seed = files, outputs(k), c.Seed
		cfg.Started = func(m vm.Machine) {
			fmt.Fprintf(s.out, "kernel %s: Linux %s, %s, began after %.1fs\n", kernel.Name, m.Release, m.Accel, m.Booted.Seconds())
		}
		code, err := vm.Run(ctx, cfg)
		if ctx.Err() != nil {
			return &exit{code: exitInterrupted}
		}
		if err != nil {
			fmt.Fprintf(s.err, "kernel %s: %v\n", kernel.Name, err)
			code = exitMachine
		}
		codes = append(codes, code)
	}
	return &exit{code: gravest(codes)}
}

// inside are the first arguments of the program in a machine.
func (c *vmRunCmd) inside() []string {
	args := []string{"run", "--backend=kernel"}
	if c.Time == "virtual" && !c.Digest {
		args = append(args, "--digest")
	}
	return args
}

// gravest of the exit codes of several runs.
func gravest(codes []int) int {
	for _, c := range []int{exitInterrupted, exitMachine, exitUsage, exitFailed} {
		for _, code := range codes {
			if code == c {
				return c
			}
		}
	}
	for _, code := range codes {
		if code != exitOK {
			return code
		}
	}
	return exitOK
}

func openKernels(names []string) ([]vm.Kernel, error) {
	cache, err := vm.UserCache()
	if err != nil {
		return nil, err
	}
	var kernels []vm.Kernel
	for _, n := range names {
		k, err := cache.Open(n)
		if err != nil {
			return nil, err
		}
		kernels = append(kernels, k)
	}
	return kernels, nil
}

// ownFlags are those of commands with machines that run does not have, and whether they take a value.
var ownFlags = map[string]bool{
	"--kernel": true, "--kernels": true, "--good": true, "--bad": true, "--all": false,
	"--memory": true, "--cpus": true, "--accel": true, "--append": true, "--boot-timeout": true, "--time": true, "--console": false,
}

// runArgs are the arguments of run among those of a command, given by its words, that has flags of run and others.
func runArgs(args []string, words ...string) []string {
	for _, w := range words {
		if len(args) > 0 && args[0] == w {
			args = args[1:]
		}
	}
	var own []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(own, args[i:]...)
		}
		name, _, joined := strings.Cut(args[i], "=")
		value, isOwn := ownFlags[name]
		switch {
		case !isOwn:
			own = append(own, args[i])
		case value && !joined:
			i++
		}
	}
	return own
}

// outputs are the files and folders that the flags of a command name, as absolute paths.
func outputs(k *kong.Context) []string {
	var names []string
	for _, f := range k.Flags() {
		if f.Tag.Type != "path" || f.Target.Kind() != reflect.String {
			continue
		}
		name := f.Target.String()
		if abs, err := filepath.Abs(name); err == nil && name != "" && name != "-" {
			names = append(names, abs)
		}
	}
	return names
}

// scripts are all scripts that those at the paths may load, as absolute paths: those of their scenario roots.
func scripts(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		name, _, _ := strings.Cut(p, "::")
		abs, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		err = filepath.WalkDir(scenarioRoot(abs), func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && filepath.Ext(p) == ".star" {
				files = append(files, p)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("collect scripts: %w", err)
		}
	}
	return files, nil
}

// scenarioRoot is the folder above a path that scripts may load from, or the path.
func scenarioRoot(name string) string {
	for dir := name; ; dir = filepath.Dir(dir) {
		library, _ := filepath.Glob(filepath.Join(dir, "lib", "*.star"))
		if len(library) > 0 || filepath.Base(dir) == "scenarios" {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return name
		}
	}
}

type vmFetchCmd struct {
	Releases []string `arg:"" name:"release" help:"Beginning of a version, such as 6.12; the newest that begins so is fetched."`
}

// Help is the longer help of the command.
func (*vmFetchCmd) Help() string {
	return "Fetches the kernel for virtual machines (\"cloud\") from Debian's stable suites and their backports into the user's cache. " +
		"Where apt looks and what is installed stays as it is; no privileges are needed."
}

// Run implements the command.
func (c *vmFetchCmd) Run(ctx context.Context, s streams) error {
	cache, err := vm.UserCache()
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	apt := debian.Apt{Folder: cache.Lists(), Progress: s.err}
	for _, release := range c.Releases {
		if _, err := apt.Fetch(ctx, release, cache.Packages()); err != nil {
			return &exit{code: exitMachine, err: err}
		}
		k, err := cache.Open(release)
		if err != nil {
			return &exit{code: exitMachine, err: err}
		}
		fmt.Fprintf(s.out, "%s\t%s\n", release, k.Release)
	}
	return nil
}

type vmExecCmd struct {
	Kernel string   `required:"" placeholder:"K" help:"Kernel, as in vm run."`
	File   []string `sep:"none" placeholder:"FILE" help:"File to have there too, at the same path. May be repeated."`
	machineFlags
	Argv []string `arg:"" passthrough:"" name:"program" help:"Program and its arguments."`
}

// Help is the longer help of the command.
func (*vmExecCmd) Help() string {
	return "The program must be static: a machine has no libraries. It runs as root in the current folder, which holds nothing else there."
}

// Run implements the command.
func (c *vmExecCmd) Run(ctx context.Context, s streams) error {
	kernels, err := openKernels([]string{c.Kernel})
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	cfg, err := c.machine(kernels[0], nil, s)
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	cfg.Init, cfg.Program, cfg.Argv = cfg.Program, c.Argv[0], c.Argv
	for _, f := range c.File {
		abs, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		cfg.Files = append(cfg.Files, abs)
	}
	code, err := vm.Run(ctx, cfg)
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	return &exit{code: code}
}
