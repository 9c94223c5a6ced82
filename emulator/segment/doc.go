// Package segment turns TCP segments into IP packets and back, with all the options that Linux negotiates: maximum segment
// size, window scale, selective acknowledgements, timestamps, and MPTCP's, for which it asks package wire.
//
// Package wire reads what others have sent and knows MPTCP's options only; a host needs the others, too. The package follows no
// connection.
package segment
