// Package pathmanager is a model of the path managers of Linux: the in-kernel one with its table of endpoints, and what the
// kernel does for one in userspace. It is a state machine: it has no goroutine, no clock and no socket of its own, and the
// same calls in the same order have the same effects. Any Go program can run it.
//
// A [Manager] is the path manager of one host, in the release of Linux that its [Version] tells. It implements the requests of
// package pm with the kernel's errors, the settings net.mptcp.*, and the same requests as netlink encodes them.
//
// A [Connection] is the path manager's side of one connection. Whoever models hosts and connections implements [Host], [Conn]
// and [Subflow], tells a Connection what happens, and is told what to do:
//
//	m := pathmanager.New(host, version)            // with the host
//	c := m.NewConnection(conn, pathmanager.Opened) // with the socket, or Accepted with the third ACK
//	c.Created()                                    // MP_CAPABLE was exchanged, and Conn.Info tells the token
//	c.Established()                                // fully established: at once when accepted, by the first DSS or ADD_ADDR else
//	c.SubflowJoined(s), c.SubflowEstablished()     // a join: handshake done; fully established
//	c.SubflowClosed(s)                             // a subflow is closed, and still in Conn.Subflows
//	c.Closed(), c.Destroyed()                      // the program closed its socket; the token is gone
//
// What comes in: [Connection.AddAddrReceived], [Connection.AddAddrEchoed], [Connection.RmAddrReceived],
// [Connection.PrioReceived], and of joins [Connection.LocalID], [Connection.BackupOfAnswer], [Connection.AcceptsPort],
// [Connection.AcceptJoin] and [Connection.JoinAborted]. What goes out: the path manager asks a subflow to send an ACK
// ([Subflow.SendAck]), and whoever writes its options asks [Connection.TakeAddAddr] and [Connection.TakeRmAddr] what they are.
//
// Each decision is told to the host as a [Reason]: the rule, its comparison with the values, a sentence, and the function of
// the kernel that decides so.
//
// The package knows nothing of packets, time-outs of TCP, keys or HMACs: those are of the connection that it serves. Numbers
// of errors are those of Linux on every system.
package pathmanager
