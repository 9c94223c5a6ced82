// Package diff lays two recorded runs side by side: those of two kernels, seeds, policies or versions of a script. A recording is what
// "run --json FILE --timelines" writes.
//
// Timelines are aligned by what happened, not by when: in lanes (the script, the events of a host, the packets of a flow), since
// what happens in different lanes at about the same time has no order that means anything. What chance decides is left out of the
// comparison: tokens, keys, sequence numbers, ephemeral ports.
//
// It compares two runs of anything, and tolerates nothing; package compare judges whether the kernel and the emulator do the same.
package diff
