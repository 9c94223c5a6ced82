// Package why answers the question that users of MPTCP ask most: why is there no second subflow?
//
// [Walk] goes along the chain from the endpoint to the established subflow, one [Rule] a cause, and names the first link that is
// broken: in a sentence, with the values that say so and what to do about it. It decides on [Seen], which is plain data: what was observed
// of a connection, at both ends or at one. What was not observed decides nothing; the last rules say what is left to
// know. Nothing is taken from a script.
//
// [Look] observes a connection of a lab, and [Pairs] are the pairs of addresses that might be a subflow of it and are not. The package knows lab
// and pm, but no backend: anything that satisfies [Host] can be looked at.
package why
