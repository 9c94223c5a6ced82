package main

import (
	"context"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// caseFlags select among the cases of scripts.
type caseFlags struct {
	Filter string       `short:"k" placeholder:"FILTER" help:"Only cases whose IDs contain this text, or match this glob. Several words must all hold; 'not' before one turns it round."`
	Tag    []string     `sep:"none" placeholder:"TAG" help:"Only cases with this tag: a folder of their script, a word of 'Tags:' in their docstring or the script's, or the selftest of 'Counterpart:'. Given several times, all must hold; 'not TAG' turns one round."`
	Shard  runner.Shard `placeholder:"N/M" help:"Only part N of M equal parts of the cases."`
}

// load loads the scripts and selects among their cases.
func (f caseFlags) load(ctx context.Context, paths []string, features lab.Features) ([]runner.Case, error) {
	cases, err := starlark.Load(ctx, paths, starlark.Options{Features: features})
	if err != nil {
		return nil, err
	}
	return runner.Selection{Filter: f.Filter, Tags: f.Tag, Shard: f.Shard}.Select(cases)
}
