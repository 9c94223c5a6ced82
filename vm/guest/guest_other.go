//go:build !linux

package guest

// Here tells whether this process is the first of a machine made by package vm.
func Here() bool { return false }

// Main does the machine's job, and does not return.
func Main() { panic("guest: only on Linux") }
