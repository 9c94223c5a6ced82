// Package certify says how far the verdicts of cases can be trusted: it runs them many times on a machine that is kept busy, states
// for each how often it failed and how often it may fail at most, measures meanwhile how noisy the machine was, runs what failed
// once more, alone and with the same seed, and says whether it looks like the kernel, the test or the machine.
//
// It makes no verdict better: a case that fails once in a hundred runs has failed. Cases are run by package runner.
package certify
