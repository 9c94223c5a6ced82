// Package vm runs a program on another kernel: in a virtual machine of its own, made of nothing but that kernel and the
// program. The machine's first file system holds the program (which is also the machine's first process, see package guest),
// the kernel modules that labs use, and the files that the program reads. What it prints comes back as it prints it, what it
// writes comes back at the end, and its exit code is that of the machine.
//
// A machine needs QEMU, but neither privileges, nor KVM, nor an image of a distribution. Whatever goes wrong in it, be it a
// panic, a lack of memory, or silence, ends it, as a [Failure] with the last lines of its console. It is no sandbox:
// the program inside is this program.
package vm
