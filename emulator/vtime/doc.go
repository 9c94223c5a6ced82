// Package vtime is time that passes only when nothing is left to be done: a clock with a queue of what is to happen, and tasks,
// of which one runs at any moment.
//
// Work costs no time in it. A [World] moves its clock to the next thing in the queue when all tasks wait, so that an hour of
// waiting takes as long as what happens in that hour takes to compute. What happens at the same time happens in the order in
// which it was asked for, and tasks run in the order in which they were made: the same program does the same thing each time.
//
// The package knows nothing of networks.
package vtime
