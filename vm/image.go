package vm

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/vm/guest"
	"github.com/mptcp-lab/mptcp-lab/vm/initramfs"
)

// wanted are the kernel modules that labs use; each brings along what it needs. The name of one that a kernel has built in, or
// has not at all, does no harm.
var wanted = []string{
	"veth", "bridge", "dummy", "af_packet", "ipv6",
	"inet_diag", "tcp_diag", "mptcp_diag",
	"sch_netem", "sch_tbf",
	"nf_tables", "nft_ct", "nft_nat", "nft_chain_nat", "nft_masq", "nft_reject_inet", "nft_limit", "nf_conntrack_netlink",
}

// programPath is where the program is in a machine that boots another one.
const programPath = guest.Folder + "/program"

// initPath is the first process of a machine.
const initPath = "/init"

// initrd writes the first file system of a machine to a file that has no name, and returns it.
func initrd(c Config) (*os.File, error) {
	f, err := os.CreateTemp("", "mptcp-lab-initrd-")
	if err != nil {
		return nil, fmt.Errorf("file for the initramfs: %w", err)
	}
	if err := errors.Join(os.Remove(f.Name()), writeInitrd(f, c)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func writeInitrd(w io.Writer, c Config) error {
	out := bufio.NewWriterSize(w, 1<<20)
	archive := initramfs.NewWriter(out)
	job := guest.Job{Program: initPath, Argv: c.Argv, Env: c.Env, Dir: c.Dir, Outputs: c.Outputs}
	program, err := staticProgram(c.Init)
	if err != nil {
		return err
	}
	archive.File(initPath, 0o755, program)
	if c.Program != c.Init {
		if program, err = staticProgram(c.Program); err != nil {
			return err
		}
		archive.File(programPath, 0o755, program)
		job.Program = programPath
	}
	if job.Modules, err = writeModules(archive, c.Kernel); err != nil {
		return err
	}
	archive.Folder(c.Dir)
	for _, name := range c.Files {
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("file for the machine: %w", err)
		}
		archive.File(name, 0o644, data)
	}
	encoded, err := job.Encode()
	if err != nil {
		return err
	}
	archive.File(guest.JobFile, 0o644, encoded)
	return errors.Join(archive.Close(), out.Flush())
}

func writeModules(archive *initramfs.Writer, k Kernel) (files []string, err error) {
	if k.Modules == "" {
		return nil, nil
	}
	modules, err := initramfs.Modules(k.Modules, wanted)
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		name := path.Join(guest.ModuleDir, m.Name+".ko")
		archive.File(name, 0o644, m.Data)
		files = append(files, name)
	}
	return files, nil
}

// staticProgram reads a program for this machine's kernel that needs no library.
func staticProgram(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("program for the machine: %w", err)
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("program for the machine: %s is no Linux program: %w", file, err)
	}
	if f.Machine != elf.EM_X86_64 {
		return nil, fmt.Errorf("program for the machine: %s is for %v, and only kernels for x86-64 are run", file, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("program for the machine: %s is linked to libraries, which a machine lacks: "+
				"build it with CGO_ENABLED=0, as make build does", file)
		}
	}
	return data, nil
}

// commandLine is that of the kernel. Much of an ordinary boot are self-tests of ciphers and waiting for timers to be calibrated. ACPI
// stays on: without it the kernel finds no clock but its ticks, and what takes a millisecond is measured, and delayed, in steps of 4 ms.
func commandLine(c Config) string {
	words := []string{
		"console=ttyS0", "8250.nr_uarts=2", "loglevel=5", "panic=-1", // a panic restarts, and QEMU ends on a restart
		"random.trust_cpu=on", "mitigations=off", "tsc=reliable", "no_timer_check", "nokaslr", "cryptomgr.notests",
	}
	return strings.Join(append(words, strings.Fields(c.Append)...), " ")
}
