// Package export writes what a case does as a plain POSIX shell script, of ip-netns(8), ip-mptcp(8) and a few lines of Python, that
// runs without us: for the report of a bug.
//
// A [Recorder] wraps a [lab.Backend], and notes the actions of one case in their order while it really runs. A script has no
// conditions and loops of the case, only what it did. What cannot be said in such a script is a comment "not exported" at its
// place. The checks are comments; after them the script shows sockets and counters, for a person to look at. Of what was
// observed it repeats one thing only: how many subflows each host had.
package export
