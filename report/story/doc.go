// Package story is the model from which reports draw and tell what happened in a case: who sent what to whom on which
// subflow, what the script did and said meanwhile, and which events and counters came with which message.
//
// It is made of a result with its snapshot and timeline, and invents nothing: a counter is given to a message only if it
// moved, and an event only to a message that names the same subflow, address or id.
package story
