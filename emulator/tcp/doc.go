// Package tcp models TCP as Linux speaks it, in virtual time: handshake, retransmission with a time-out and with selective
// acknowledgements, congestion control (Reno), flow control, and the ways in which a connection ends.
//
// A [Conn] moves bytes, and has an [Owner], who decides what happens to them: a [Stream] is plain TCP, and package mptcp has
// subflows. The owner also adds MPTCP options to what is sent, and reads those of what comes.
//
// It is right in what it does and leaves out what a lab does not need: delayed acknowledgements (every segment is acknowledged at
// once), Nagle's algorithm (which the lab's sockets turn off), urgent data, ECN, and the tuning of buffers.
package tcp
