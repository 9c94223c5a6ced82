// Package compare runs each case on two backends, and tells where they differ in what the witnesses saw: path-manager events,
// options on the wire, connections and subflows, counters, and the errors of what the script did.
//
// A [View] is what the witnesses saw in one lab, in words that do not depend on chance: no tokens, keys, sequence numbers or
// ephemeral ports. Views are laid side by side by what they are about (the host, the connection, the subflow with its addresses
// and IDs), not by time. What differs is a [Difference]; those that [Races] allow are tolerated, each under the clause of the
// specification that names the race, and all others are unexplained: one of the backends is wrong.
//
// The package knows neither the language of the cases nor what labs are made of. That a case passes is package runner's to say.
package compare
