package html

import (
	"bufio"
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
)

//go:embed style.css
var style string

// program are the parts of the page's program, in their order.
//
//go:embed app.js
var program string

//go:embed draw.js
var drawing string

// File is the name of the page in its folder.
const File = "index.html"

// Page is a reporter that writes the page. Each case is written when it ends; what the page needs of all of them follows at
// the end of the run.
type Page struct {
	run  report.RunInfo
	file *os.File
	to   *bufio.Writer
	rows []row
	err  error

	packed  bytes.Buffer // reused
	deflate *flate.Writer
}

// runView is what the page says of the run.
type runView struct {
	Backend string `json:"backend"`
	Machine string `json:"machine"`
	Jobs    int    `json:"jobs"`
	Seed    uint64 `json:"seed"`

	Text        string   `json:"text"` // "12 passed, 1 failed, 3 skipped"
	Duration    float64  `json:"ms"`
	NotRun      int      `json:"not_run"`
	Interrupted bool     `json:"interrupted"`
	Audit       []string `json:"audit,omitempty"`
	Measured    []string `json:"measured,omitempty"`
	Notes       []string `json:"notes,omitempty"`
}

// NewPage makes the folder, if need be, and the page in it.
func NewPage(folder string, run report.RunInfo) (*Page, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(folder, File))
	if err != nil {
		return nil, err
	}
	p := &Page{run: run, file: f, to: bufio.NewWriterSize(f, 1<<16)}
	p.deflate, err = flate.NewWriter(&p.packed, flate.DefaultCompression)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p.print("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
		"<title>mptcp-lab: " + html.EscapeString(run.Backend) + "</title>\n<style>\n" + style + "</style>\n</head>\n" +
		"<body>\n<noscript>This page draws its cases with JavaScript, which is switched off.</noscript>\n<div id=\"app\"></div>\n")
	return p, nil
}

// Start implements [report.Reporter].
func (*Page) Start(int) {}

// CaseStarted implements [report.Reporter].
func (*Page) CaseStarted(report.Case) {}

// CasePostponed implements [report.Reporter].
func (*Page) CasePostponed(report.Case) {}

// CaseDone adds the case.
func (p *Page) CaseDone(r report.Result) {
	p.rows = append(p.rows, rowOf(r))
	packed, err := p.pack(viewOf(r))
	p.keep(err)
	p.print(fmt.Sprintf("<script type=\"text/plain\" id=\"c%d\">%s</script>\n", len(p.rows)-1, packed))
}

// Finish writes what the page says of the whole run, and its program.
func (p *Page) Finish(s report.Summary) {
	run, err := p.pack(struct {
		Run  runView `json:"run"`
		Rows []row   `json:"rows"`
	}{runView{
		Backend: p.run.Backend, Machine: p.run.Machine, Jobs: p.run.Jobs, Seed: p.run.Seed,
		Text: s.String(), Duration: milliseconds(s.Duration), NotRun: s.NotRun, Interrupted: s.Interrupted,
		Audit: s.Audit, Measured: s.Measured, Notes: s.Notes,
	}, p.rows})
	p.keep(err)
	p.print("<script type=\"text/plain\" id=\"run\">" + run + "</script>\n<script>\n" + drawing + program + "</script>\n</body>\n</html>\n")
	p.keep(p.to.Flush())
	p.keep(p.file.Close())
}

// Err implements [report.Writer].
func (p *Page) Err() error { return p.err }

// pack is a value as the page unpacks it: JSON, deflated, in base64.
func (p *Page) pack(v any) (string, error) {
	p.packed.Reset()
	p.deflate.Reset(&p.packed)
	if err := errors.Join(json.NewEncoder(p.deflate).Encode(v), p.deflate.Close()); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(p.packed.Bytes()), nil
}

func (p *Page) print(text string) {
	_, err := p.to.WriteString(text)
	p.keep(err)
}

func (p *Page) keep(err error) {
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("write the page: %w", err)
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
