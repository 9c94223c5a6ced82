// Package impair decides what becomes of the packets on a link that misbehaves: delayed, lost, doubled, overtaken,
// corrupted, or waiting for a slow line.
//
// An [Impairment] says how a link behaves, in the words of tc-netem(8). A [Line] is one direction of it: it is told when each
// packet arrives and how long it is, and answers with its [Fate]. The package holds no packet, has no clock, no goroutine
// and no randomness but its seed, so a real forwarder and a model in virtual time share it.
//
// # Repeatable
//
// The same seed and the same packets give the same fates. Each packet takes the same number of random draws, in the same
// order, whatever the settings: a change of the delay, or of when packets arrive, does not change which of them are lost,
// doubled, corrupted or chosen to overtake. (What the queue drops does depend on time. That is what a queue is.)
//
// # Differences from netem
//
//   - Jitter does not reorder: a packet that drew a shorter delay than the one before it arrives together with that one.
//     Only Reorder makes packets overtake. netem sorts its packets by time, and so reorders whenever there is jitter.
//   - Correlation leaves the distribution of the jitter as it is. netem mixes uniform numbers, which narrows it.
//   - A packet is first sent at the rate and then delayed, also when it overtakes. Only what waits for the line or is being sent
//     counts against the queue, not what is under way; and it counts in bytes.
//   - A duplicate follows its original, with the same delay. It is sent like any other packet, so that it takes its time on
//     the line, and the queue may drop it.
//   - A corrupted bit is anywhere in the length that the line was told, which is best that of the IP packet: a flipped
//     bit of an Ethernet address is no corruption that a host would ever notice.
package impair
