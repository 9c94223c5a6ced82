package html_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/html"
	"github.com/mptcp-lab/mptcp-lab/report/internal/sample"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
)

// page writes the page of a run with these results, and returns its file.
func page(t testing.TB, results ...report.Result) string {
	t.Helper()
	dir := t.TempDir()
	p, err := html.NewPage(dir, report.RunInfo{Backend: "kernel", Machine: "Linux <6.18>", Jobs: 2, Seed: 1})
	require.NoError(t, err)
	s := report.Summary{Duration: time.Second, Backend: "kernel", Audit: []string{"1 open file left"}}
	p.Start(len(results))
	for _, r := range results {
		p.CaseStarted(r.Case)
		s.Add(r.Verdict)
		p.CaseDone(r)
	}
	p.Finish(s)
	require.NoError(t, p.Err())
	return filepath.Join(dir, html.File)
}

// browser is a tab of a headless Chromium in which the page is open.
type browser struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	problems []string // what the console was told
}

func open(t testing.TB, file string) *browser {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is missing: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox,
		chromedp.WindowSize(1400, 1000), chromedp.UserDataDir(t.TempDir()))
	allocated, cancelAll := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancelAll)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	ctx, cancelTimeout := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancelTimeout)
	b := &browser{t: t, ctx: ctx}
	b.do(chromedp.Navigate("about:blank"))
	console := chromedp.Console(ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return // the tab is closed
			}
			b.problem(m.Text)
		}
	}()
	b.do(chromedp.Navigate("file://"+file), chromedp.WaitVisible(chromedp.CSS("main h2")))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Empty(t, b.problems, "the console is silent")
	})
	return b
}

func (b *browser) problem(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

// eval is the value of an expression.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

// js does something that has no value.
func (b *browser) js(code string) {
	b.t.Helper()
	eval[bool](b, code+"; true")
}

// until waits for an expression to become true.
func (b *browser) until(expression string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingInterval(20*time.Millisecond)))
	require.NoError(b.t, err, expression)
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// shot keeps a picture of the page, if MPTCP_LAB_SHOTS names a folder.
func (b *browser) shot(name string) {
	dir := os.Getenv("MPTCP_LAB_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

func skipped() report.Result {
	return report.Result{
		Case:    report.Case{ID: "other.star::test_<b>", File: "other.star", Line: 1, Title: "Needs & more"},
		Verdict: report.Skipped, Message: "needs <i>more</i>",
	}
}

func TestPage(t *testing.T) {
	b := open(t, page(t, sample.Joined(), sample.Failed(), skipped()))

	// It opens with the case that failed, and draws it.
	require.Equal(t, "1 passed, 1 failed, 1 skipped", eval[string](b, `document.querySelector("#totals").textContent`))
	require.Contains(t, eval[string](b, `document.querySelector("header").textContent`), "Linux <6.18>")
	require.Contains(t, eval[string](b, `document.querySelector("header").textContent`), "audit: 1 open file left")
	b.until(`document.querySelector("main").dataset.case === "join.star::test_stays[family=ipv4]"`)
	require.Contains(t, eval[string](b, `document.querySelector("pre.bad").textContent`), "1 subflow, expected 2")
	require.Equal(t, 2, eval[int](b, `document.querySelectorAll(".topology .wire").length`))
	require.Equal(t, 13, eval[int](b, `document.querySelectorAll('.seq .item[data-kind="packet"]').length`))
	require.Equal(t, 4, eval[int](b, `document.querySelectorAll('.seq .item[data-kind="event"]').length`))
	require.Equal(t, 2, eval[int](b, `document.querySelectorAll(".card").length`))
	require.Contains(t, eval[string](b, `document.querySelectorAll(".card")[1].textContent`), "10.0.2.2 id 1 signal")
	require.Equal(t, "✗check.subflows: 1 subflow, expected 2", eval[string](b, `document.querySelector("ul.checks li.failed").textContent`))
	b.shot("failed")

	// Pointing at a message shows its options, and the events and counters that came with it.
	at := eval[int](b, `app.sequence.c.items.findIndex(i => i.m && i.m.l.startsWith("SYN MP_JOIN"))`)
	b.js(fmt.Sprintf(`document.querySelector('.hit[data-item="%d"]').dispatchEvent(new MouseEvent("mouseenter"))`, at))
	detail := eval[string](b, `document.querySelector(".detail").textContent`)
	for _, want := range []string{"MP_JOIN", "Token0x", "Backuptrue", "subflow 2, 10.0.2.1:34627 – 10.0.2.2:8001", "server MPJoinSynRx"} {
		require.Contains(t, detail, want)
	}
	b.do(chromedp.KeyEvent("n"), chromedp.KeyEvent("n"))
	require.Contains(t, eval[string](b, `document.querySelector(".detail").textContent`), "event at client: [  SF_ESTABLISHED]")
	b.shot("detail")

	// Kinds of rows can be left out.
	b.click(`input[data-kind="packet"]`)
	require.Zero(t, eval[int](b, `document.querySelectorAll('.seq .item[data-kind="packet"]').length`))

	// The list is filtered by words and verdicts.
	b.do(chromedp.KeyEvent("/"))
	require.True(t, eval[bool](b, `document.activeElement === app.search`))
	b.js(`app.search.value = ""`) // the key that is simulated types, too
	b.do(chromedp.KeyEvent("join.star IPV4"))
	require.Equal(t, "2 of 3 cases", eval[string](b, `document.querySelector(".tools .dim").textContent`))
	b.do(chromedp.KeyEvent(kb.Escape))
	b.click(`button[data-verdict="passed"]`)
	require.Equal(t, 1, eval[int](b, `document.querySelectorAll(".list .row").length`))
	b.do(chromedp.KeyEvent("j"))
	b.until(`document.querySelector("main").dataset.case === "join.star::test_announced[family=ipv4]"`)

	// Markup of scripts is text.
	b.js(`location.hash = "#" + encodeURIComponent("other.star::test_<b>")`)
	b.until(`document.querySelector("main").dataset.case === "other.star::test_<b>"`)
	require.Contains(t, eval[string](b, `document.querySelector("main").textContent`), "needs <i>more</i>")
	require.Zero(t, eval[int](b, `document.querySelectorAll("main i").length`))
}

func TestPageInTheDark(t *testing.T) {
	b := open(t, page(t, sample.Joined()))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	require.NoError(t, err)
	require.Equal(t, "rgb(20, 23, 28)", eval[string](b, `getComputedStyle(document.body).backgroundColor`))
	b.shot("dark")
}

// A case with ten thousand packets is drawn by what is in sight, and can be scrolled to its end.
func TestPageOfManyPackets(t *testing.T) {
	r := sample.Joined()
	l := &r.Snapshot.Links[0]
	for i := range 10_000 {
		p := l.Packets[5]
		p.Time = time.Second + time.Duration(i)*time.Millisecond
		l.Packets = append(l.Packets, p)
	}
	b := open(t, page(t, r))
	require.Less(t, eval[int](b, `document.querySelectorAll(".seq .item").length`), 200)
	b.js(`app.sequence.body.scrollTop = 1e9`)
	b.until(`document.querySelector(".seq svg .item:last-of-type .time") && [...document.querySelectorAll(".seq .item .time")].some(t => t.textContent === "10999.000")`)
}

// Ten thousand cases are listed by what is in sight, and filtered at once.
func TestPageOfManyCases(t *testing.T) {
	results := make([]report.Result, 10_000)
	for i := range results {
		results[i] = sample.Joined()
		results[i].Case.ID = fmt.Sprintf("join.star::test_%05d", i)
		if i > 0 { // what is the same in all of them would only make the test slow
			results[i].Snapshot, results[i].Timeline = &snapshot.Snapshot{}, nil
		}
	}
	b := open(t, page(t, results...))
	require.Less(t, eval[int](b, `document.querySelectorAll(".list .row").length`), 100)
	took := eval[float64](b, `(() => { const began = performance.now(); app.search.value = "test_0999"; app.filter(); return performance.now() - began; })()`)
	t.Logf("filtered in %.1f ms", took)
	require.Equal(t, "10 of 10000 cases", eval[string](b, `document.querySelector(".tools .dim").textContent`))
}

// TestPageOfARun looks at the page of a real run, if MPTCP_LAB_PAGE names one: it opens each of its cases.
func TestPageOfARun(t *testing.T) {
	file := os.Getenv("MPTCP_LAB_PAGE")
	if file == "" {
		t.Skip("MPTCP_LAB_PAGE is not set: it is the page of a run, to be looked at case by case")
	}
	b := open(t, file)
	for i := range eval[int](b, `app.rows.length`) {
		b.js(fmt.Sprintf(`app.open(%d)`, i))
		b.until(fmt.Sprintf(`document.querySelector("main").dataset.case === app.rows[%d].id`, i))
		if i < 40 {
			b.shot(fmt.Sprintf("run-%02d", i))
		}
	}
}
