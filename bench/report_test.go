package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report/html"
)

// BenchmarkReporting runs a part of the library with a page and captures, in turn with the same run without them.
func BenchmarkReporting(b *testing.B) {
	program := build(b, "../cmd/mptcp-lab")
	var plain, reported []time.Duration
	for b.Loop() {
		plain = append(plain, library(b, program, "kernel", "../scenarios/regression/subflows"))
		dir := b.TempDir()
		reported = append(reported, library(b, program, "kernel", "--report", dir, "--pcap", dir, "../scenarios/regression/subflows"))
	}
	b.ReportMetric(quantile(plain, 0.50).Seconds(), "plain-s")
	b.ReportMetric(quantile(reported, 0.50).Seconds(), "reported-s")
	b.ReportMetric(float64(quantile(reported, 0.50))/float64(quantile(plain, 0.50)), "reported/plain")
	b.ReportMetric(0, "ns/op")
}

// library runs scripts, and returns the time of the whole process.
func library(b *testing.B, program, backend string, args ...string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), program, append([]string{"run", "--backend", backend}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return timed(func() { require.NoError(b, cmd.Run(), "%s", &out) })
}

// BenchmarkLibraryPage opens the page of the whole library in Chromium, and filters its cases, beside an empty page.
func BenchmarkLibraryPage(b *testing.B) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		b.Skip("chromium is missing: apt-get install chromium")
	}
	dir := b.TempDir()
	library(b, build(b, "../cmd/mptcp-lab"), "emulator", "--report", dir, "../scenarios")
	file := filepath.Join(dir, html.File)
	info, err := os.Stat(file)
	require.NoError(b, err)

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.UserDataDir(b.TempDir()))
	allocated, cancelAll := chromedp.NewExecAllocator(b.Context(), options...)
	defer cancelAll()
	tab, cancel := chromedp.NewContext(allocated)
	defer cancel()
	do := func(actions ...chromedp.Action[chromedp.Void]) time.Duration {
		return timed(func() { require.NoError(b, chromedp.Do(tab, actions...)) })
	}
	do(chromedp.Navigate("about:blank"))

	var empty, opened, filtered []time.Duration
	for b.Loop() {
		empty = append(empty, do(chromedp.Navigate("about:blank")))
		opened = append(opened, do(chromedp.Navigate("file://"+file), chromedp.WaitVisible(chromedp.CSS("main h2"))))
		filtered = append(filtered, filter(b, tab, "fullmesh"))
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB")
	b.ReportMetric(milliseconds(quantile(empty, 0.50)), "empty-ms")
	b.ReportMetric(milliseconds(quantile(opened, 0.50)), "open-ms")
	b.ReportMetric(milliseconds(quantile(filtered, 0.50)), "filter-ms")
	b.ReportMetric(0, "ns/op")
}

// filter types a text into the page's search, and returns the time until what is drawn is up to date.
func filter(b *testing.B, tab context.Context, text string) time.Duration {
	b.Helper()
	code := fmt.Sprintf(`new Promise(done => {
		const began = performance.now(), search = document.querySelector("input[type=search]");
		search.value = %q;
		search.dispatchEvent(new Event("input", {bubbles: true}));
		requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
	})`, text)
	took, err := chromedp.Run(tab, chromedp.Evaluate[float64](code, chromedp.EvalAwaitPromise))
	require.NoError(b, err)
	return time.Duration(took * float64(time.Millisecond))
}
