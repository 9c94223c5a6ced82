// Package mptcp models MPTCP (RFC 8684) as Linux speaks it, on the TCP of package tcp and with the path manager of package
// pathmanager, in virtual time.
//
// A [Host] has connections, each a [Conn] with its [Subflow]s. What a Conn does follows net/mptcp/protocol.c and subflow.c: keys,
// tokens and HMACs, mappings and their checksums, data acknowledgements, the default scheduler with backup and stale subflows,
// reinjection, fallback to plain TCP, fast close, and resets with their reasons. Which subflows there are, and which addresses
// are announced, is up to the path manager.
//
// Left out are TCP-MD5 and other schedulers than the default one.
package mptcp
