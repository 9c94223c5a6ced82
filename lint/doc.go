// Package lint finds mistakes in scripts before anything runs: names, attributes and arguments that there are not, values that
// no built-in takes, loads and variables that nothing uses, cases that check nothing or are never found.
//
// It says only what is certain (see package analysis), so that a script without findings can be asked for. A comment
//
//	# lint: ignore RULE, RULE
//
// at the end of a line, or alone on the line before, silences rules there. How a script looks is the business of package format.
package lint
