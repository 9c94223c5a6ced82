package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkIPStart runs "ip mptcp endpoint show" as a process, from its start to its end: that of mptcp-lab in turn with that of
// the machine's iproute2, and with a Go program that does nothing, which is the floor of any.
func BenchmarkIPStart(b *testing.B) {
	peer, err := exec.LookPath("ip")
	if err != nil {
		b.Skipf("no iproute2 to compare with: %v", err)
	}
	words := []string{"mptcp", "endpoint", "show"}
	if out, err := exec.CommandContext(b.Context(), peer, words...).CombinedOutput(); err != nil {
		b.Skipf("%s mptcp endpoint show: %v: %s", peer, err, out)
	}
	nothing := filepath.Join(b.TempDir(), "nothing.go")
	require.NoError(b, os.WriteFile(nothing, []byte("package main\n\nfunc main() {}\n"), 0o600))
	lab, floor := build(b, "../cmd/mptcp-lab"), build(b, nothing)

	var ours, theirs, floors []time.Duration
	for b.Loop() {
		ours = append(ours, process(b, lab, append([]string{"ip"}, words...)...))
		theirs = append(theirs, process(b, peer, words...))
		floors = append(floors, process(b, floor))
	}
	median := func(d []time.Duration) float64 { return milliseconds(quantile(d, 0.50)) }
	b.ReportMetric(median(ours), "mptcp-lab-p50-ms")
	b.ReportMetric(median(theirs), "iproute2-p50-ms")
	b.ReportMetric(median(floors), "nothing-p50-ms")
	b.ReportMetric(median(ours)/median(theirs), "mptcp-lab/iproute2")
	b.ReportMetric(median(floors)/median(theirs), "nothing/iproute2")
	b.ReportMetric(0, "ns/op")
}

// build builds a program as make does.
func build(b *testing.B, source string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "program")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", path, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, string(out))
	return path
}

// process is the time of a whole process.
func process(b *testing.B, path string, args ...string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), path, args...)
	return timed(func() { require.NoError(b, cmd.Run()) })
}
