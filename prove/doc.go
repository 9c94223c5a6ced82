// Package prove tests cases, not kernels: it runs each again in labs in which one thing is wrong, and tells which of the faults
// the case notices. A case that no fault makes fail would pass whatever the path manager does.
//
// A [Fault] stands between the case and a lab of any backend: commands that are answered and not obeyed, options that a link
// takes out of packets, witnesses that tell something else than what happened. [Run] runs the cases; [Proof] is what became of
// one, [Report] of all.
//
// A case is first run as it is, while the package watches which faults would take effect. Then it is run once more as it will
// be under a fault, but without one, to be sure that it fails by the fault and by nothing else. Under a fault nothing in a lab
// waits longer than a multiple of the longest time that anything took without one: what a fault prevents does not come later.
//
// The package knows neither the language of the cases nor what labs are made of.
package prove
