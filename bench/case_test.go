package bench

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	vnetns "github.com/vishvananda/netns"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

var server2 = netip.MustParseAddr("10.0.2.2")

// BenchmarkCase runs a case of two hosts, two paths and one join, from the first call to everything closed, in turn with the floor,
// each with nothing else going on. Its hosts are made while its backend opens (see kernel/supply.go); BenchmarkCasesPerSecond
// counts them.
func BenchmarkCase(b *testing.B) {
	f := newFloor(b)
	cases := load(b)
	var floors, whole []time.Duration
	for b.Loop() {
		floors = append(floors, timed(f.run))
		f.awaitGone()
		whole = append(whole, runCases(b, cases, runner.Config{Jobs: 1})...)
	}
	b.ReportMetric(milliseconds(quantile(floors, 0.50)), "floor-p50-ms")
	b.ReportMetric(milliseconds(quantile(whole, 0.50)), "case-p50-ms")
	b.ReportMetric(milliseconds(quantile(floors, 0.95)), "floor-p95-ms")
	b.ReportMetric(milliseconds(quantile(whole, 0.95)), "case-p95-ms")
	b.ReportMetric(float64(quantile(whole, 0.50))/float64(quantile(floors, 0.50)), "case/floor")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCasesPerSecond runs many cases at 1, 2 and 8 jobs, beside the floor done over and over by one thread.
func BenchmarkCasesPerSecond(b *testing.B) {
	f := newFloor(b)
	floorTime := timed(func() {
		for range 100 {
			f.run()
		}
	}) / 100
	for _, jobs := range []int{1, 2, 8} {
		b.Run("jobs="+strconv.Itoa(jobs), func(b *testing.B) {
			cases := load(b)
			const repeat = 200
			var elapsed time.Duration
			n := 0
			for b.Loop() {
				elapsed += timed(func() { runCases(b, cases, runner.Config{Jobs: jobs, Repeat: repeat}) })
				n += repeat
			}
			b.ReportMetric(float64(n)/elapsed.Seconds(), "cases/s")
			b.ReportMetric(float64(n)/elapsed.Seconds()*floorTime.Seconds(), "of-floor")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkHundredHosts makes 100 hosts in one lab, in turn with 100 bare namespaces.
func BenchmarkHundredHosts(b *testing.B) {
	f := newFloor(b)
	backend := openBackend(b)
	defer func() { require.NoError(b, backend.Close()) }()
	var hosts, bare []time.Duration
	for b.Loop() {
		hosts = append(hosts, timed(func() {
			l, err := backend.Open(b.Context(), lab.Options{})
			require.NoError(b, err)
			for i := range 100 {
				_, err := l.Host(b.Context(), "h"+strconv.Itoa(i), lab.HostOptions{})
				require.NoError(b, err)
			}
			require.NoError(b, l.Close())
		}))
		bare = append(bare, timed(func() { f.bareNamespaces(100) }))
	}
	b.ReportMetric(milliseconds(quantile(hosts, 0.50)), "hosts-p50-ms")
	b.ReportMetric(milliseconds(quantile(bare, 0.50)), "bare-p50-ms")
	b.ReportMetric(float64(quantile(hosts, 0.50))/float64(quantile(bare, 0.50)), "hosts/bare")
	b.ReportMetric(0, "ns/op")
}

func newFloor(b *testing.B) *floor {
	if !netns.Privileged() {
		b.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	family, err := pm.LookupFamily()
	require.NoError(b, err)
	home, err := vnetns.Get()
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, home.Close()) })
	return &floor{tb: b, family: family, home: home}
}

func openBackend(b *testing.B) lab.Backend {
	if !netns.Privileged() {
		b.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	backend, err := kernel.Open(b.Context())
	require.NoError(b, err)
	return backend
}

func load(b *testing.B) []runner.Case {
	cases, err := starlark.Load(b.Context(), []string{"testdata/two_paths.star"}, starlark.Options{})
	require.NoError(b, err)
	return cases
}

// runCases runs cases on a backend of their own, and returns how long each took, its lab included.
func runCases(b *testing.B, cases []runner.Case, cfg runner.Config) []time.Duration {
	took := &durations{b: b}
	summary := runner.Run(b.Context(), openBackend(b), cases, cfg, took)
	require.Empty(b, summary.Audit)
	return took.each
}

// durations collects how long cases took, all of which must pass.
type durations struct {
	b    *testing.B
	each []time.Duration
}

func (*durations) Start(int)                 {}
func (*durations) CaseStarted(report.Case)   {}
func (*durations) CasePostponed(report.Case) {}
func (d *durations) CaseDone(r report.Result) {
	require.Equal(d.b, report.Passed, r.Verdict, r.Message)
	d.each = append(d.each, r.Duration)
}
func (*durations) Finish(report.Summary) {}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func quantile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return d[int(q*float64(len(d)-1))]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
