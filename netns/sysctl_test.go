package netns_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

func TestSysctl(t *testing.T) {
	a, b := newHost(t, netns.Options{Sysctl: map[string]string{"net.ipv4.tcp_retries2": "5"}}), newHost(t, netns.Options{})
	for host, want := range map[*netns.Host]string{a: "5", b: "15"} {
		value, err := host.Sysctl("net.ipv4.tcp_retries2")
		require.NoError(t, err)
		require.Equal(t, want, value)
	}
	require.NoError(t, b.SetSysctl("net/ipv4/conf/lo/rp_filter", "1"))
	value, err := b.Sysctl("net.ipv4.conf.lo.rp_filter")
	require.NoError(t, err)
	require.Equal(t, "1", value)
	value, err = b.Sysctl("net.ipv4.tcp_congestion_control")
	require.NoError(t, err)
	require.Equal(t, "reno", value)
}

func TestSysctlErrors(t *testing.T) {
	h := newHost(t, netns.Options{})
	for _, x := range []struct {
		name, value string
		want        string
		is          error
	}{
		{"net.mptcp.enabledx", "1", "sysctl net.mptcp.enabledx: no such setting on this kernel", fs.ErrNotExist},
		{"net.ipv4.ip_forward.x", "1", "sysctl net.ipv4.ip_forward.x: no such setting on this kernel", nil},
		{"net.ipv4.ip_forward", "x", `sysctl net.ipv4.ip_forward: value "x" refused by the kernel: invalid argument`, unix.EINVAL},
		{"net.ipv4.tcp_congestion_control", "none", `sysctl net.ipv4.tcp_congestion_control: value "none" refused by the kernel: no such file or directory`, unix.ENOENT},
		{"net.ipv4", "1", "sysctl net.ipv4: names a group of settings, not one", unix.EISDIR},
		{"kernel.hostname", "x", `sysctl "kernel.hostname": want a name below net, such as net.mptcp.enabled`, nil},
		{"net/../kernel/hostname", "x", `sysctl "net/../kernel/hostname": want a name below net, such as net.mptcp.enabled`, nil},
		{"net.ipv4.ip forward", "x", `sysctl "net.ipv4.ip forward": want a name below net, such as net.mptcp.enabled`, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			err := h.SetSysctl(x.name, x.value)
			require.EqualError(t, err, x.want)
			if x.is != nil {
				require.ErrorIs(t, err, x.is)
			}
		})
	}
	_, err := h.Sysctl("net.mptcp.enabledx")
	require.EqualError(t, err, "sysctl net.mptcp.enabledx: no such setting on this kernel")
	_, err = netns.NewHost(netns.Options{Sysctl: map[string]string{"net.mptcp.enabledx": "1"}})
	require.ErrorContains(t, err, "sysctl net.mptcp.enabledx: no such setting on this kernel")
}
