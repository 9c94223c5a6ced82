package main

import (
	"github.com/alecthomas/kong"
	"github.com/posener/complete"
	"github.com/willabides/kongplete"

	"github.com/mptcp-lab/mptcp-lab/live"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// completion answers a shell that asks for the words which could follow, and then ends the program. A shell asks after
// "complete -C mptcp-lab mptcp-lab" (zsh: with bashcompinit), by the variable COMP_LINE.
func completion(parser *kong.Kong) {
	kongplete.Complete(parser, kongplete.WithPredictors(map[string]complete.Predictor{
		"scripts": complete.PredictFiles("*.star"),
		"names":   complete.PredictFunc(names),
		"labs":    complete.PredictFunc(labs),
	}))
}

// names are those of the language.
func names(complete.Args) []string {
	var all []string
	for _, b := range starlark.Reference() {
		all = append(all, b.Name)
	}
	return all
}

// labs are those that are open.
func labs(complete.Args) []string {
	open, err := live.Labs()
	if err != nil {
		return nil
	}
	var all []string
	for _, l := range open {
		all = append(all, l.Name)
	}
	return all
}
