package pathmanager

import (
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSettings(t *testing.T) {
	m := newWorld("").m
	require.NoError(t, m.SetSysctl("net.mptcp.add_addr_timeout", "7"))
	require.NoError(t, m.SetSysctl("net.mptcp.checksum_enabled", "1\n"))
	require.NoError(t, m.SetSysctl("net.mptcp.blackhole_timeout", "0x10"))
	s := m.Settings()
	require.Equal(t, 7*time.Second, s.AddAddrTimeout)
	require.True(t, s.ChecksumEnabled)
	require.Equal(t, 16*time.Second, s.BlackholeTimeout)
	require.Equal(t, 1, s.BlackholeWritten)
}

func TestSettingsRefuse(t *testing.T) {
	tests := []struct {
		name, value, want string
		is                error
	}{
		{"net.mptcp.enabled", "2", `sysctl net.mptcp.enabled: value "2" refused by the kernel: invalid argument`, einval},
		{"net.mptcp.path_manager", "mine", `sysctl net.mptcp.path_manager: value "mine" refused by the kernel: no such file or directory`, enoent},
		{"net.mptcp.scheduler", "mine", "no such file or directory", enoent},
		{"net.mptcp.available_schedulers", "default", "sysctl net.mptcp.available_schedulers: not writable", fs.ErrPermission},
		{"net.mptcp.nonsense", "1", "sysctl net.mptcp.nonsense: no such setting on this kernel", fs.ErrNotExist},
		{"net.ipv4.tcp_sack", "1", "no such setting on this kernel", fs.ErrNotExist},
	}
	for _, tt := range tests {
		err := newWorld("").m.SetSysctl(tt.name, tt.value)
		require.ErrorContains(t, err, tt.want)
		require.ErrorIs(t, err, tt.is)
	}
}

// Each release has the settings, flags and counters that had come by then.
func TestFeatures(t *testing.T) {
	tests := []struct {
		release string
		want    map[string]bool
	}{
		{"5.12", map[string]bool{"mptcp_pm": true, "userspace_pm": false, "endpoint.signal": true, "endpoint.fullmesh": false, "sysctl.checksum_enabled": false, "counter.PortAdd": true, "counter.MPFailTx": false}},
		{"6.1", map[string]bool{"userspace_pm": true, "endpoint.fullmesh": true, "endpoint.laminar": false, "sysctl.scheduler": false, "sysctl.pm_type": true, "counter.MPJoinSynTx": false, "counter.MPJoinSynBackupRx": true, "errors.numbers": false, "event.LISTENER_CREATED": false}},
		{"6.1.0", map[string]bool{"counter.MPJoinSynBackupRx": false}},
		{"6.12", map[string]bool{"errors.numbers": true, "errors.texts": false, "userspace_addresses": true, "counter.DssFallback": false}},
		{"6.18", map[string]bool{"endpoint.laminar": true, "sysctl.path_manager": true, "counter.WinProbe": true}},
	}
	for _, tt := range tests {
		t.Run(tt.release, func(t *testing.T) {
			v := version(tt.release)
			seen := 0
			for _, f := range Features(v) {
				want, ok := tt.want[f.Name]
				if !ok {
					continue
				}
				seen++
				require.Equal(t, want, f.OK, f.Name)
				require.Equal(t, f.OK, f.Reason == "", f.Name)
				require.NotEmpty(t, f.Meaning)
			}
			require.Equal(t, len(tt.want), seen)
		})
	}
	require.Len(t, version("6.18").Counters(), 76)
	require.NotContains(t, version("6.1").Counters(), "MPJoinSynTx")
}
