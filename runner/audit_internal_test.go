package runner

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChanges(t *testing.T) {
	base := func() snapshot {
		return snapshot{
			files:    map[string]int{"/dev/null": 2, "socket:[1]": 1},
			children: []string{"7 (agent)"},
			links:    []string{"lo", "eth0"},
			named:    []string{"blue"},
			sysctls:  map[string]string{"net.ipv4.ip_forward": "0", "net.ipv4.conf.veth0.forwarding": "0"},
		}
	}
	tests := []struct {
		name   string
		change func(*snapshot)
		want   []string
	}{
		{"nothing", func(*snapshot) {}, nil},
		{"file", func(s *snapshot) { s.files["net:[2]"] = 1 }, []string{"open file left: net:[2] (1)"}},
		{"the same file once more", func(s *snapshot) { s.files["/dev/null"]++ }, []string{"open file left: /dev/null (1)"}},
		{"file closed", func(s *snapshot) { delete(s.files, "socket:[1]") }, nil},
		{"child", func(s *snapshot) { s.children = append(s.children, "9 (sleep)") }, []string{"child process left: 9 (sleep)"}},
		{"child ended", func(s *snapshot) { s.children = nil }, nil},
		{"link", func(s *snapshot) { s.links = append(s.links, "veth9") }, []string{"link of the host appeared, by the run or by another program meanwhile: veth9"}},
		{"link gone", func(s *snapshot) { s.links = s.links[:1] }, []string{"link of the host vanished, by the run or by another program meanwhile: eth0"}},
		{"namespace", func(s *snapshot) { s.named = append(s.named, "client") }, []string{"named network namespace appeared, by the run or by another program meanwhile: client"}},
		{"sysctl", func(s *snapshot) { s.sysctls["net.ipv4.ip_forward"] = "1" }, []string{`sysctl of the host changed, by the run or by another program meanwhile: net.ipv4.ip_forward from "0" to "1"`}},
		{"sysctls of a link gone", func(s *snapshot) { delete(s.sysctls, "net.ipv4.conf.veth0.forwarding") }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			later := base()
			tt.change(&later)
			require.Equal(t, tt.want, base().changes(later))
		})
	}
}

func TestSnapshotsOfAnIdleProcessAreEqual(t *testing.T) {
	before := takeSnapshot()
	require.Empty(t, before.changes(takeSnapshot()))
}

func BenchmarkSnapshot(b *testing.B) {
	for b.Loop() {
		takeSnapshot()
	}
}
