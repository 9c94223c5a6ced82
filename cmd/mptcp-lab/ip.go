package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

type ipCmd struct {
	Args []string `arg:"" optional:"" passthrough:""`
}

// Help is the longer help of the command.
func (ipCmd) Help() string {
	return `Takes the options of ip(8) and the words of ip-mptcp(8): "mptcp-lab ip -j mptcp endpoint show". Other objects of ip are unknown to it.`
}

// Run implements the command.
func (c ipCmd) Run(ctx context.Context, s streams) error {
	return &exit{code: ip(ctx, c.Args, s)}
}

// ip runs "ip" with the arguments and returns its exit status.
func ip(ctx context.Context, args []string, s streams) int {
	command := ipmptcp.Command{
		Namespace:  ipmptcp.Kernel{},
		Stdin:      os.Stdin,
		Stdout:     s.out,
		Stderr:     s.err,
		Terminal:   term.IsTerminal(int(s.out.Fd())),
		Getenv:     os.Getenv,
		Open:       func(name string) (io.ReadCloser, error) { return os.Open(name) },
		LookupAddr: lookupAddr,
		Watch: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		},
	}
	return command.Run(ctx, args).Status
}

// lookupAddr returns the name of an address, or "".
func lookupAddr(ctx context.Context, a netip.Addr) string {
	names, err := net.DefaultResolver.LookupAddr(ctx, a.String())
	if err != nil || len(names) == 0 {
		return ""
	}
	return strings.TrimSuffix(names[0], ".")
}
