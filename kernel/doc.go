// Package kernel is the backend of real hosts: it composes packages netns (hosts and links), traffic (sockets), observe
// (what the kernel shows) and pm (the path manager) into a [lab.Backend].
//
// It holds the record of each lab (events, packets, counters, notes) and its clock; it has no language and no verdicts.
package kernel
