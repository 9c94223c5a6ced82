package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestBackendNames(t *testing.T) {
	b := open(t)
	require.Equal(t, "kernel", b.Name())
	require.Regexp(t, `^Linux \d+\.\d+\S*, \S`, b.Describe())
}

func TestBackendClosesTwice(t *testing.T) {
	b := open(t)
	l, err := b.Open(t.Context(), lab.Options{})
	require.NoError(t, err)
	addHost(t, l, "h")
	require.NoError(t, l.Close())
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := kernel.Open(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// inRole runs this program again as nobody, which may do nothing.
func inRole(t *testing.T, role string) (string, error) {
	t.Helper()
	open(t) // or skip: only root becomes nobody
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Dir = "/"
	cmd.Env = []string{roleVariable + "=" + role, "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skipf("cannot run as nobody: %v", err)
	}
	return string(out), err
}

func TestOpenUnprivileged(t *testing.T) {
	out, err := inRole(t, "open")
	require.Error(t, err, out)
	require.Contains(t, out, "hosts need CAP_SYS_ADMIN and CAP_NET_ADMIN, of root or in a user namespace")
}

func TestRootless(t *testing.T) {
	supported, known := open(t).Features().Find("user_namespaces")
	require.True(t, known)
	if !supported.OK {
		t.Skip(supported.Reason)
	}
	out, err := inRole(t, "rootless")
	require.EqualError(t, err, "exit status 3", out)
	require.Contains(t, out, "root of a user namespace\n")
	require.Contains(t, out, "nsenter --user=/proc/")
	require.Contains(t, out, "in and out\n")
}

// connectInLab makes a lab with a connection, says something, and closes it with the sockets open.
func connectInLab(ctx context.Context, b lab.Backend, name string) (err error) {
	l, err := b.Open(ctx, lab.Options{Name: name, Seed: 7})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var hosts [2]lab.Host
	for i := range hosts {
		if hosts[i], err = l.Host(ctx, fmt.Sprintf("h%d", i), lab.HostOptions{}); err != nil {
			return err
		}
	}
	k, err := l.Link(ctx,
		lab.End{Node: hosts[0], Addresses: prefixes("10.0.0.1/24")},
		lab.End{Node: hosts[1], Addresses: prefixes("10.0.0.2/24")}, lab.LinkOptions{})
	if err != nil {
		return err
	}
	to := netip.MustParseAddrPort("10.0.0.2:8000")
	ln, err := hosts[1].Listen(ctx, lab.ListenOptions{Address: to})
	if err != nil {
		return err
	}
	c, err := hosts[0].Dial(ctx, lab.DialOptions{Remote: to})
	if err != nil {
		return err
	}
	s, err := ln.Accept(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(c.Send(ctx, 1000), s.Receive(ctx, 1000)); err != nil {
		return err
	}
	l.Note(lab.KindStep, "", "said")
	packets, err := k.Packets()
	if err == nil && len(packets) < 3 {
		err = fmt.Errorf("%d packets for a handshake", len(packets))
	}
	return err
}

func TestManyLabsAtOnce(t *testing.T) {
	b := open(t)
	g, ctx := errgroup.WithContext(t.Context())
	for i := range 8 {
		g.Go(func() error {
			for n := range 20 {
				if err := connectInLab(ctx, b, fmt.Sprintf("%d.%d", i, n)); err != nil {
					return fmt.Errorf("lab %d of goroutine %d: %w", n, i, err)
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
}
