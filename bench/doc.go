// Package bench holds the benchmarks that the project's claims of speed rest on. Each states its result as a ratio to a floor
// or a peer measured in the same run: `make bench` prints them. It has no code of the tool.
package bench
