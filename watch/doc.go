// Package watch shows the MPTCP connections of a real host as they come and go, with their subflows, and for addresses without a
// subflow the finding of package why, as far as one end can know.
//
// It only reads: path-manager events, inet_diag, endpoints, limits, counters, routes and settings of one network namespace. It
// captures no packets and asks no other host.
package watch
