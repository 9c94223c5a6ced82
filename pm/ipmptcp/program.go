package ipmptcp

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
)

// Program runs "ip" with the arguments as a program does, in the network namespace of this process and with its streams, files,
// environment and signals, and returns the exit status.
func Program(ctx context.Context, args []string) int {
	command := Command{
		Namespace:  Kernel{},
		Stdin:      os.Stdin,
		Stdout:     os.Stdout,
		Stderr:     os.Stderr,
		Terminal:   term.IsTerminal(int(os.Stdout.Fd())),
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
