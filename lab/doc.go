// Package lab is the vocabulary that the language, the runner, the reports and the backends share: plain types for what
// is built (hosts, links), what is seen (connections, subflows, events, counters, packets, the timeline), and the
// interfaces that a backend implements.
//
// It builds nothing itself and knows no backend. A backend (package kernel) imports lab; the language
// (package starlark) sees a backend only through [Backend].
package lab
