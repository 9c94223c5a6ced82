// Package repl is the terminal of an interactive lab: it edits lines, remembers and completes them, and lets Ctrl-C end the statement
// that runs. What the statements mean is the business of package starlark's Session, which it is given.
package repl
