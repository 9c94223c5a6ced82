package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/html"
	"github.com/mptcp-lab/mptcp-lab/report/pcap"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// reportFlags say what is written of a run beside what people read on the terminal, or in its place.
type reportFlags struct {
	KTAP      bool   `name:"ktap" help:"Print the kernel's test protocol (KTAP 1) in place of the report for people."`
	JSON      string `name:"json" type:"path" placeholder:"FILE" help:"Write a line of JSON for each event of the run; with - in place of the report for people."`
	Timelines bool   `help:"Write into --json the timelines of cases that passed, too, for diff."`
	JUnit     string `name:"junit" type:"path" placeholder:"FILE" help:"Write the results as JUnit XML."`
	Pcap      string `name:"pcap" type:"path" placeholder:"DIR" help:"Write for each case the packets that were seen into this folder, as pcapng."`
	Report    string `name:"report" type:"path" placeholder:"DIR" help:"Write a page into this folder that shows the run: each case's topology, messages, settings and checks."`
}

// validate checks what the types of the flags do not.
func (f reportFlags) validate() error {
	if f.Timelines && f.JSON == "" {
		return errors.New("--timelines is about --json FILE: give that, too (-vv prints timelines)")
	}
	if f.KTAP && f.JSON == "-" {
		return errors.New("--ktap and --json=- both print to standard output: name a file for --json")
	}
	return nil
}

// snapshots tells whether a reporter needs snapshots of labs, and timelines of cases that passed.
func (f reportFlags) snapshots() bool { return f.Pcap != "" || f.Report != "" }

// reports are the reporters of a run, with the files that they write.
type reports struct {
	report.Reporters
	people   io.Writer        // where what is for people goes: standard error where a machine reads standard output
	terminal *report.Terminal // prints there
	files    []*os.File
}

// open makes the reporters before the cases are run, so that a wrong name costs nothing. The cases are those of the run, each
// as often as it is run.
func (f reportFlags) open(s streams, info report.RunInfo, style report.Style, cases []report.Case) (_ *reports, err error) {
	r := &reports{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	header := fmt.Sprintf("backend %s: %s, %d jobs, seed %d", info.Backend, info.Machine, info.Jobs, info.Seed)
	r.people = s.out
	if f.KTAP || f.JSON == "-" {
		r.people, style = s.err, report.Style{}
	}
	r.terminal = report.NewTerminal(r.people, header, style)
	switch {
	case f.KTAP:
		r.Reporters = append(r.Reporters, report.NewKTAP(s.out, cases))
	case f.JSON == "-":
		r.Reporters = append(r.Reporters, report.NewJSON(s.out, info))
	default:
		r.Reporters = append(r.Reporters, r.terminal)
	}
	if f.JSON != "" && f.JSON != "-" {
		w, err := r.create("--json", f.JSON)
		if err != nil {
			return nil, err
		}
		r.Reporters = append(r.Reporters, report.NewJSON(w, info))
	}
	if f.JUnit != "" {
		w, err := r.create("--junit", f.JUnit)
		if err != nil {
			return nil, err
		}
		r.Reporters = append(r.Reporters, report.NewJUnit(w))
	}
	if f.Pcap != "" {
		folder, err := pcap.NewFolder(f.Pcap)
		if err != nil {
			return nil, fmt.Errorf("--pcap: %w", err)
		}
		r.Reporters = append(r.Reporters, folder)
	}
	if f.Report != "" {
		page, err := html.NewPage(f.Report, info)
		if err != nil {
			return nil, fmt.Errorf("--report: %w", err)
		}
		r.Reporters = append(r.Reporters, page)
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		r.Reporters = append(r.Reporters, report.NewGitHub(r.people, os.Getenv("GITHUB_WORKSPACE")))
	}
	return r, nil
}

func (r *reports) create(flag, path string) (io.Writer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	r.files = append(r.files, f)
	return f, nil
}

// close ends the files; the error is what could not be written.
func (r *reports) close() error {
	errs := []error{r.Err()}
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// reported are the cases as reporters know them, each as often as it is run.
func reported(cases []runner.Case, repeat int) []report.Case {
	out := make([]report.Case, 0, len(cases)*repeat)
	for range repeat {
		for _, c := range cases {
			out = append(out, c.Case)
		}
	}
	return out
}
