package main

import (
	"encoding/json"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mptcp-lab/mptcp-lab/live"
)

type psCmd struct {
	JSON bool `name:"json" help:"Write JSON, a line for each lab."`
}

// Help is the longer help of the command.
func (psCmd) Help() string {
	return "Lists the labs of real hosts that are open: kept ones (run --keep), those of runs and of repl. They are those of the same user; " +
		"root sees all. Emulated hosts cannot be looked into, and their labs are not listed."
}

// Run implements the command.
func (c psCmd) Run(s streams) error {
	labs, err := live.Labs()
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	cleaning, err := live.Cleanings()
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	if c.JSON {
		return c.json(s, labs)
	}
	if len(labs) > 0 {
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "LAB\tSTATE\tAGE\tUSER\tHOSTS\tCASE")
		for _, l := range labs {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, state(l), age(l), userName(l.User), strings.Join(hostNames(l), ","), l.Case)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	for _, g := range cleaning {
		fmt.Fprintf(s.out, "process %d cleans up behind a run that was killed\n", g.PID)
	}
	return nil
}

// json writes the labs for programs.
func (psCmd) json(s streams, labs []live.Lab) error {
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	for _, l := range labs {
		err := enc.Encode(struct {
			Lab    string    `json:"lab"`
			State  string    `json:"state"`
			PID    int       `json:"pid"`
			User   int       `json:"user"`
			Opened time.Time `json:"opened"`
			Hosts  []string  `json:"hosts"`
			Case   string    `json:"case"`
		}{l.Name, state(l), l.PID, l.User, l.Opened, hostNames(l), l.Case})
		if err != nil {
			return err
		}
	}
	return nil
}

func state(l live.Lab) string {
	if l.Kept {
		return "kept"
	}
	return "running"
}

// age is how long the lab has been open, in seconds.
func age(l live.Lab) string { return max(time.Since(l.Opened), 0).Truncate(time.Second).String() }

// userName is the name of a user, or the number of one without.
func userName(number int) string {
	text := strconv.Itoa(number)
	if u, err := user.LookupId(text); err == nil {
		return u.Username
	}
	return text
}

func hostNames(l live.Lab) []string {
	names := []string{}
	for _, h := range l.Hosts {
		names = append(names, h.Name)
	}
	return names
}
