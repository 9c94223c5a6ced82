package vm

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fake is a program in the place of QEMU: a script whose standard input and output are the line to the guest, and file 4 the console.
func fake(t *testing.T, script string) Config {
	t.Helper()
	dir := t.TempDir()
	qemu := filepath.Join(dir, "qemu")
	require.NoError(t, os.WriteFile(qemu, []byte("#!/bin/sh\n"+script), 0o755))
	program := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(program, staticELF(t), 0o755))
	return Config{QEMU: qemu, Program: program, Argv: []string{"program"}, Accel: AccelTCG, Boot: 20 * time.Second, Silence: 20 * time.Second}
}

// staticELF is the header of a program for x86-64 without anything in it.
func staticELF(t *testing.T) []byte {
	b := bytes.NewBufferString("\x7fELF\x02\x01\x01" + string(make([]byte, 9)))
	for _, v := range []any{uint16(2), uint16(62), uint32(1), uint64(0), uint64(0), uint64(0), uint32(0), uint16(64), uint16(56), uint16(0), uint16(64), uint16(0), uint16(0)} {
		require.NoError(t, binary.Write(b, binary.LittleEndian, v))
	}
	return b.Bytes()
}

const (
	hello = `printf 'H\000\000\000\0036.1'` + "\n"
	exit7 = `printf 'x\000\000\000\0017'` + "\n"
)

func TestRun(t *testing.T) {
	var out, errs bytes.Buffer
	var began Machine
	c := fake(t, hello+`printf 'b\000\000\000\000o\000\000\000\002hie\000\000\000\002no'`+"\n"+exit7+"sleep 60")
	c.Stdout, c.Stderr = &out, &errs
	c.Started = func(m Machine) { began = m }
	start := time.Now()
	code, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, 7, code)
	require.Equal(t, "hi", out.String())
	require.Equal(t, "no", errs.String())
	require.Equal(t, "6.1", began.Release)
	require.Less(t, time.Since(start), 30*time.Second, "what is left of the machine is not waited for")
}

func TestRunFails(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{"silent", "sleep 60", "the machine did not begin within 300ms"},
		{"hangs", hello + "sleep 60", "the machine hangs: nothing was heard of it for 300ms"},
		{"panics", hello + `printf '[ 1.0] Kernel panic - not syncing: no reason\n' >&4`, "the kernel panicked: no reason\nthe end of its console:\n  [ 1.0] Kernel panic"},
		{"ends", hello, "the machine ended before its program did\nits console showed nothing"},
		{"refused", "echo 'qemu: no such machine' >&2; exit 1", "QEMU cannot run the machine: qemu: no such machine"},
		{"fails inside", hello + `printf '!\000\000\000\003bad'; sleep 60`, "bad"},
		{"something else on the line", `echo 'text of something else'; sleep 60`, "so something else writes to the line"},
		{"unasked file", hello + `printf 'f\000\000\000\004/etc'; sleep 60`, "the machine hands back /etc, which nobody asked for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fake(t, tt.script)
			if strings.Contains(tt.want, "300ms") {
				c.Silence = 300 * time.Millisecond
				if tt.name == "silent" {
					c.Boot = c.Silence
				}
			}
			_, err := Run(t.Context(), c)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestRunHandsBack(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "deep", "r.json")
	c := fake(t, hello+`name='`+name+`'
printf "f\000\000\000\\`+octal(len(name))+`$name"
printf 'd\000\000\000\002ab'
printf 'd\000\000\000\001c'
`+exit7)
	c.Outputs = []string{filepath.Join(dir, "deep")}
	_, err := Run(t.Context(), c)
	require.NoError(t, err)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "abc", string(text))
}

func octal(n int) string {
	return string([]byte{'0' + byte(n>>6), '0' + byte(n>>3&7), '0' + byte(n&7)})
}

func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := fake(t, hello+"head -c 5 > \"$0.got\"\n"+exit7+"sleep 60")
	c.Started = func(Machine) { cancel() }
	code, err := Run(ctx, c)
	require.NoError(t, err, "the program has ended by itself")
	require.Equal(t, 7, code)
	got, err := os.ReadFile(c.QEMU + ".got")
	require.NoError(t, err)
	require.Equal(t, "i\x00\x00\x00\x00", string(got))
}

func TestRunWithoutWorkingKVM(t *testing.T) {
	c := fake(t, `case "$*" in *accel=kvm*) exec sleep 60;; esac`+"\n"+hello+exit7)
	c.Accel, c.Boot = AccelAuto, 2*time.Second
	c.kvm = filepath.Join(t.TempDir(), "kvm")
	require.NoError(t, os.WriteFile(c.kvm, nil, 0o600))
	var began Machine
	c.Started = func(m Machine) { began = m }
	code, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, 7, code)
	require.Equal(t, AccelTCG, began.Accel)
}

func TestRunWithoutQEMU(t *testing.T) {
	c := fake(t, "")
	c.QEMU = "qemu-that-is-missing"
	_, err := Run(t.Context(), c)
	require.ErrorContains(t, err, "apt-get install qemu-system-x86")
}

func TestRunOfWrongPrograms(t *testing.T) {
	c := fake(t, "")
	require.NoError(t, os.WriteFile(c.Program, []byte("#!/bin/sh and more of it"), 0o755))
	_, err := Run(t.Context(), c)
	require.ErrorContains(t, err, "is no Linux program")
	c.Program = "/bin/true" // linked to libraries
	_, err = Run(t.Context(), c)
	require.ErrorContains(t, err, "build it with CGO_ENABLED=0")
}

// A machine with virtual time is executed in software, in one order, from the one seed.
func TestVirtualTime(t *testing.T) {
	args := arguments(Config{Time: TimeVirtual, Accel: AccelAuto, CPUs: 4, Seed: 7}.withDefaults())
	value := func(name string) string { return args[slices.Index(args, name)+1] }
	require.Equal(t, "1", value("-smp"))
	require.Contains(t, value("-machine"), "accel=tcg")
	require.Contains(t, value("-icount"), "sleep=off")
	require.Contains(t, value("-rtc"), "clock=vm")
	require.Equal(t, "7", value("-seed"))
	require.NotContains(t, arguments(Config{}.withDefaults()), "-icount")
}
