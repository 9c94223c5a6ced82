package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/vm"
	"github.com/mptcp-lab/mptcp-lab/vm/debian"
	"github.com/mptcp-lab/mptcp-lab/vm/knowledge"
)

type probeCmd struct {
	Kernel   string   `placeholder:"K" help:"Kernel to ask, as in vm run, in a virtual machine; else that of this machine."`
	JSON     bool     `name:"json" help:"Write JSON."`
	Markdown []string `sep:"none" type:"existingfile" placeholder:"FILE" help:"Ask no kernel, but lay side by side what probe --json wrote of several. Repeat it for each."`
	machineFlags
}

// Help is the longer help of the command.
func (*probeCmd) Help() string {
	return "Commands and attributes of mptcp_pm come from the kernel's own description, settings and counters from /proc; flags, events and " +
		"socket options are tried. No version number is looked at."
}

// Run implements the command.
func (c *probeCmd) Run(ctx context.Context, s streams) error {
	switch {
	case len(c.Markdown) > 0:
		return c.sideBySide(s)
	case c.Kernel != "":
		return c.inMachine(ctx, s)
	}
	return withBackend(ctx, func(b lab.Backend) error {
		k, err := knowledge.Ask(ctx, b)
		if err := errors.Join(err, b.Close()); err != nil {
			return &exit{code: exitMachine, err: err}
		}
		return c.show(k, s.out)
	})
}

func (c *probeCmd) show(k knowledge.Kernel, w io.Writer) error {
	if !c.JSON {
		return k.WriteText(w)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(k)
}

func (c *probeCmd) inMachine(ctx context.Context, s streams) error {
	kernels, err := openKernels([]string{c.Kernel})
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	cfg, err := c.machine(kernels[0], []string{"probe", "--json"}, s)
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	var out bytes.Buffer
	cfg.Stdout = &out
	code, err := vm.Run(ctx, cfg)
	switch {
	case ctx.Err() != nil:
		return &exit{code: exitInterrupted}
	case err != nil:
		return &exit{code: exitMachine, err: fmt.Errorf("kernel %s: %w", c.Kernel, err)}
	case code != exitOK:
		return &exit{code: code}
	}
	var k knowledge.Kernel
	if err := json.Unmarshal(out.Bytes(), &k); err != nil {
		return &exit{code: exitMachine, err: fmt.Errorf("kernel %s: what it answered: %w", c.Kernel, err)}
	}
	return c.show(k, s.out)
}

// sideBySide writes the tables of several kernels, in the order of their releases.
func (c *probeCmd) sideBySide(s streams) error {
	var kernels []knowledge.Kernel
	for _, file := range c.Markdown {
		text, err := os.ReadFile(file)
		if err != nil {
			return &exit{code: exitUsage, err: err}
		}
		var k knowledge.Kernel
		if err := json.Unmarshal(text, &k); err != nil {
			return &exit{code: exitUsage, err: fmt.Errorf("%s: %w", file, err)}
		}
		kernels = append(kernels, k)
	}
	slices.SortFunc(kernels, func(a, b knowledge.Kernel) int { return debian.CompareVersions(a.Release, b.Release) })
	var releases []string
	for _, k := range kernels {
		releases = append(releases, k.Release)
	}
	fmt.Fprintf(s.out, kernelsHeader, strings.Join(releases, ", "))
	return knowledge.WriteMarkdown(s.out, kernels)
}

// kernelsHeader begins docs/kernels.md.
const kernelsHeader = `# What kernels know of MPTCP

Each was asked by ` + "`mptcp-lab probe --kernel`" + `: generic netlink for commands and attributes, /proc for settings (with their values in a
new namespace) and counters, trial for flags, events (with the attributes that came) and socket options. An empty cell: the kernel
does not know it; ADDR.ADDR4 all of them take, though newer ones leave it out of what they say of themselves. Written by ` + "`make kernels`" + ` from docs/testdata/kernels.

Asked: %s.
`
