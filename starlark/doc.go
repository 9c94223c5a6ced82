// Package starlark is the language of the lab: the built-ins that scripts use, the loading of scripts and their modules,
// the discovery of cases, and the checks that judge them.
//
// A script is plain Starlark. A case is a top-level function test_*, whose first parameter is the lab; a parameter whose
// default is each(…) makes one case per value. [Load] turns paths into cases, and each case runs in any [lab.Lab].
// Scripts are not trusted: they reach nothing but the lab they are given, and their steps, memory and output are bounded.
//
// Every built-in is declared once, in the table of its noun (host.go, socket.go, check.go, …): from that declaration follow
// the unpacking and checking of its arguments, its documentation ([Doc]) and the language reference ([WriteReference]).
//
// The package knows no backend: it sees hosts and connections only through package lab, and it does not run cases in
// parallel, bound their time or report on them (package runner).
package starlark
