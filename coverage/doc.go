// Package coverage tells what a run has exercised of the path managers that it ran on, and what of all that there is it never
// has: MPTcpExt counters that moved, events and their attributes, commands and endpoint flags, MPTCP options on the wire and the
// reasons of resets, settings.
//
// A [Recorder] wraps a [lab.Backend]. It looks on, through the types of package lab alone, and so serves any backend: it
// changes nothing of what cases do or see, judges nothing, and is not the coverage of code. What a case checks is not asked
// either, only what happened in its lab.
package coverage
