package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"

	"github.com/alecthomas/kong"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/vm/guest"
)

type cli struct {
	Run     runCmd     `cmd:"" help:"Run the cases of scripts, each in a lab of its own."`
	Explain explainCmd `cmd:"" help:"Run cases, and tell what happened in each: a diagram of its messages, and sentences."`
	Learn   learnCmd   `cmd:"" help:"Learn what path managers do: lessons that ask you what will come."`
	Prove   proveCmd   `cmd:"" help:"Prove that cases can fail: run them in labs in which something is wrong."`
	Compare compareCmd `cmd:"" help:"Run cases on the kernel and on the emulator, and show where what happened differs."`
	Certify certifyCmd `cmd:"" help:"Run the cases many times on a busy machine, and say how far their verdicts can be trusted."`
	VM      vmCmd      `cmd:"" name:"vm" help:"Run scripts on other kernels, in virtual machines."`
	Matrix  matrixCmd  `cmd:"" help:"Run the cases of scripts on several kernels, and show where their verdicts differ."`
	Bisect  bisectCmd  `cmd:"" help:"Find the first of several kernels on which a case no longer passes."`
	Probe   probeCmd   `cmd:"" help:"Show what a kernel knows of MPTCP, as it answers itself."`
	REPL    replCmd    `cmd:"" name:"repl" help:"Type statements into an interactive lab."`
	PS      psCmd      `cmd:"" name:"ps" help:"List the labs that are open on this machine."`
	Shell   shellCmd   `cmd:"" help:"Run a shell or another program in a host of an open lab."`
	Clean   cleanCmd   `cmd:"" help:"End the labs that were kept, and wait until what killed runs left is gone."`
	Diff    diffCmd    `cmd:"" help:"Show where two recorded runs differ."`
	Export  exportCmd  `cmd:"" help:"Write what a case does as a shell script of ip netns and ip mptcp, for the report of a bug."`
	IP      ipCmd      `cmd:"" name:"ip" passthrough:"" help:"Drive the path manager of this network namespace, as ip-mptcp(8) does."`
	Watch   watchCmd   `cmd:"" help:"Show the MPTCP connections of this host as they come and go, and why addresses have no subflow."`
	Doctor  doctorCmd  `cmd:"" help:"Show what this machine can do, and how to get what is missing."`
	Fmt     fmtCmd     `cmd:"" help:"Format scripts."`
	Lint    lintCmd    `cmd:"" help:"Find mistakes in scripts, before anything runs."`
	LSP     lspCmd     `cmd:"" name:"lsp" help:"Help editors with scripts: a server of the Language Server Protocol."`
	Doc     docCmd     `cmd:"" help:"Show the documentation of the language."`
	Version versionCmd `cmd:"" help:"Show the version."`
	Guard   guardCmd   `cmd:"" hidden:"" help:"Clean up behind a run that was killed; started by run."`
	Become  becomeCmd  `cmd:"" hidden:"" help:"Become a program in the host that this process is in; started by shell."`
	Spin    spinCmd    `cmd:"" hidden:"" help:"Keep a CPU busy until standard input ends; started by certify."`
}

type guardCmd struct{}

// Run implements the command.
func (guardCmd) Run() error { return guard() }

// streams are where a command writes what it was asked for.
type streams struct {
	out *os.File
	err io.Writer
}

func main() {
	if guest.Here() {
		guest.Main()
	}
	// Scripts run ip in loops, so it waits for nothing that it does not need, and a signal ends it as it ends any program.
	if args := os.Args[1:]; len(args) > 0 && args[0] == "ip" {
		os.Exit(ipmptcp.Program(context.Background(), args[1:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the program at once
	os.Exit(execute(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr}))
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, s streams) int {
	parser := kong.Must(&cli{},
		kong.Name("mptcp-lab"),
		kong.Description("A scriptable test lab for MPTCP path managers.\n\n"+exitCodes),
		kong.Vars{
			"cpus":    strconv.Itoa(runtime.NumCPU()),
			"busy":    strconv.Itoa(busyJobs * runtime.NumCPU()),
			"waiting": strconv.Itoa(waitingJobs * runtime.NumCPU()),
			"release": emulator.DefaultKernel,
		},
		kong.Writers(s.out, s.err),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	completion(parser)
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.err, "mptcp-lab: %v (see mptcp-lab --help)\n", err)
		return exitUsage
	}
	err = command.Run()
	var end *exit
	switch {
	case err == nil:
		return exitOK
	case !errors.As(err, &end):
		end = &exit{code: exitFailed, err: err}
	}
	if end.err != nil {
		fmt.Fprintln(s.err, end.err)
	}
	return end.code
}
