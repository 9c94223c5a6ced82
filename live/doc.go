// Package live tells which labs are open on this machine, whose process has them, and lets people into their hosts.
//
// A lab describes itself in a file in memory (memfd_create(2)) that its process holds: a line for the case, and one for each host.
// Others find it among the open files in /proc, under its name, and read it there. So there is no daemon and no folder to keep
// in order: a description goes with its process, however that ends, and who may read it is who may look into the process.
//
// What it reads may come from any program of any user that takes the same name: it is bounded, and shown only after what does
// not print has been replaced. Package kernel writes the descriptions; this one knows neither cases nor what a lab is for.
package live
