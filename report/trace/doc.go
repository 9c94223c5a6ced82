// Package trace keeps what was seen in a run, so that two runs can be held against each other: of each case its verdict and its
// timeline, packets with sequence numbers, keys and times among it. A digest says whether two runs were the same. Where they were not
// is for a comparison of the lines, or for package report/diff, which leaves out what chance decides.
//
// It is told of a run as reporters are. It does not know what makes runs the same: virtual time and a seed do.
package trace
