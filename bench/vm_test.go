package bench

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/vm"
)

// The kernels of the benchmarks, as mptcp-lab vm fetch has them.
var (
	oneKernel   = "6.12"
	fourKernels = []string{"6.1", "6.12", "6.16", "6.18"}
)

// BenchmarkVirtualTime runs ten minutes of a kernel's timers and twenty cases in a machine with virtual time, from the start of
// the machine to its end. All runs must give the same digest of their traces.
func BenchmarkVirtualTime(b *testing.B) {
	m := newMachine(b)
	var whole, guest time.Duration
	digests := map[string]bool{}
	runs := 0
	for b.Loop() {
		run := m.run(oneKernel, vm.Config{Time: vm.TimeVirtual}, "--digest", "--timeout=30m", "minutes.star")
		require.Equal(b, 21, run.ended.Passed, "cases passed")
		whole += run.whole
		guest += time.Duration(run.ended.Duration * float64(time.Millisecond))
		digests[run.ended.Trace] = true
		runs++
	}
	require.Len(b, digests, 1, "digests of the same run")
	b.ReportMetric(whole.Seconds()/float64(runs), "s")
	b.ReportMetric(guest.Seconds()/float64(runs), "guest-s")
	b.ReportMetric(float64(runs), "same-digests")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFirstVerdict is the time from the start of a machine without KVM until the verdict of its first case.
func BenchmarkFirstVerdict(b *testing.B) {
	m := newMachine(b)
	var boots, firsts []time.Duration
	for b.Loop() {
		run := m.run(oneKernel, vm.Config{Accel: vm.AccelTCG}, "two_paths.star")
		boots, firsts = append(boots, run.booted), append(firsts, run.first)
	}
	b.ReportMetric(quantile(boots, 0.5).Seconds(), "boot-p50-s")
	b.ReportMetric(quantile(firsts, 0.5).Seconds(), "verdict-p50-s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFourKernels runs the twenty short cases on four kernels, one machine after the other.
func BenchmarkFourKernels(b *testing.B) {
	m := newMachine(b)
	for b.Loop() {
		for _, k := range fourKernels {
			run := m.run(k, vm.Config{Accel: vm.AccelTCG}, "--jobs=4", "minutes.star::test_join")
			require.Equal(b, 20, run.ended.Passed, "cases passed on %s", k)
		}
	}
}

// machines run scripts of testdata.
type machines struct {
	b       *testing.B
	cache   vm.Cache
	program string
	files   []string
}

func newMachine(b *testing.B) *machines {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		b.Skip("needs QEMU: apt-get install qemu-system-x86")
	}
	m := &machines{b: b, program: filepath.Join(b.TempDir(), "mptcp-lab")}
	var err error
	m.cache, err = vm.UserCache()
	require.NoError(b, err)
	build := exec.Command("go", "build", "-trimpath", "-o", m.program, "../cmd/mptcp-lab")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(b, err, "%s", out)
	for _, name := range []string{"minutes.star", "two_paths.star"} {
		abs, err := filepath.Abs(filepath.Join("testdata", name))
		require.NoError(b, err)
		m.files = append(m.files, abs)
	}
	return m
}

// ran is what became of a run in a machine.
type ran struct {
	booted, first, whole time.Duration // until it began, until its first verdict, and until its end
	ended                report.LineEnded
}

func (m *machines) run(kernel string, c vm.Config, args ...string) (r ran) {
	k, err := m.cache.Open(kernel)
	if err != nil {
		m.b.Skip(err)
	}
	start := time.Now()
	in, out := io.Pipe()
	c.Kernel, c.Program, c.Files, c.Dir = k, m.program, m.files, filepath.Dir(m.files[0])
	c.Argv = append([]string{"mptcp-lab", "run", "--backend=kernel", "--json=-"}, args...)
	c.Stdout = out
	c.Started = func(vm.Machine) { r.booted = time.Since(start) }
	lines := make(chan error, 1)
	go func() { lines <- r.read(in, start) }()
	code, err := vm.Run(m.b.Context(), c)
	r.whole = time.Since(start)
	require.NoError(m.b, out.Close())
	require.NoError(m.b, err)
	require.NoError(m.b, <-lines)
	require.Zero(m.b, code)
	return r
}

// read takes the lines of JSON of the run.
func (r *ran) read(in io.Reader, start time.Time) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l report.Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		switch {
		case l.Event == report.EventCaseDone && r.first == 0:
			r.first = time.Since(start)
		case l.Ended != nil:
			r.ended = *l.Ended
		}
	}
	return lines.Err()
}
