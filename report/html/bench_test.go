package html_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/html"
	"github.com/mptcp-lab/mptcp-lab/report/internal/sample"
)

// BenchmarkPage is what a case adds to a run with --report, and to its page.
func BenchmarkPage(b *testing.B) {
	r := sample.Joined()
	p, err := html.NewPage(b.TempDir(), report.RunInfo{})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		p.CaseDone(r)
	}
	p.Finish(report.Summary{})
	require.NoError(b, p.Err())
}

// BenchmarkPageSize is the size of a page of a thousand cases.
func BenchmarkPageSize(b *testing.B) {
	results := make([]report.Result, 1000)
	for i := range results {
		results[i] = sample.Joined()
		results[i].Case.ID = fmt.Sprintf("join.star::test_%d", i)
	}
	for b.Loop() {
		info, err := os.Stat(page(b, results...))
		require.NoError(b, err)
		b.ReportMetric(float64(info.Size())/float64(len(results)), "bytes/case")
	}
}
