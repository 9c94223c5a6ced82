//go:build linux

package ipmptcp_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var record = flag.Bool("record-corpus", false, "write down what the iproute2 named by IP does, in testdata/corpus")

// recorded is the kernel whose answers are in the corpus; iproute2 is the release.
var (
	recorded = [2]int{6, 18}
	iproute2 = [2]int{7, 1}
)

// TestCorpus holds the command against the recording of iproute2.
func TestCorpus(t *testing.T) {
	if *record {
		t.Skip("recording")
	}
	var name unix.Utsname
	require.NoError(t, unix.Uname(&name))
	if release := unix.ByteSliceToString(name.Release[:]); older(release, recorded) {
		t.Skipf("the recording has the answers of Linux %d.%d; on %s, use TestCorpusIproute2", recorded[0], recorded[1], release)
	}
	own := build(t, "./testdata/ip")
	eachSequence(t, func(t *testing.T, r *hosts, file string, b *block) {
		s := newSession(t, r, own, b)
		for _, x := range b.steps {
			got, err := s.do(x)
			if err != nil {
				t.Fatalf("%s:%d: %s\n  $ %s\n  %v", file, x.line, b.title, x.text, err)
			}
			compare(t, file, b, x, x.want, got)
		}
	})
}

// TestCorpusIproute2 runs the corpus by the ip that the variable IP names (else that of PATH) and by mptcp-lab, on this
// kernel, and holds one against the other.
func TestCorpusIproute2(t *testing.T) {
	ip := findIproute2(t)
	if *record {
		recordCorpus(t, ip)
		return
	}
	lab := build(t, "../../cmd/mptcp-lab", "ip")
	eachSequence(t, func(t *testing.T, r *hosts, file string, b *block) {
		theirs, ours := newSession(t, r, ip, b), newSession(t, r, lab, b)
		for _, x := range b.steps {
			want, err := theirs.do(x)
			if err != nil {
				t.Fatalf("%s:%d: %s\n  $ %s\n  iproute2: %v", file, x.line, b.title, x.text, err)
			}
			got, err := ours.do(x)
			if err != nil {
				t.Fatalf("%s:%d: %s\n  $ %s\n  %v", file, x.line, b.title, x.text, err)
			}
			compare(t, file, b, x, want, got)
		}
	})
}

// compare fails the sequence with a readable difference.
func compare(t *testing.T, file string, b *block, x *step, want, got result) {
	t.Helper()
	if want != got {
		t.Fatalf("%s:%d: %s\n  $ %s\n  - is what iproute2 does, + what mptcp-lab does\n%s",
			file, x.line, b.title, x.text, difference(want.format(), got.format()))
	}
}

// eachSequence runs f on each sequence, in parallel.
func eachSequence(t *testing.T, f func(*testing.T, *hosts, string, *block)) {
	t.Helper()
	r := newHosts(t)
	for _, file := range corpusFiles(t) {
		for _, b := range readBlocks(t, file) {
			if len(b.steps) == 0 {
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+b.title, func(t *testing.T) {
				t.Parallel()
				skipUnseen(t, r, b)
				f(t, r, file, b)
			})
		}
	}
}

// skipUnseen skips a sequence that waits for a subscription which /proc does not show.
func skipUnseen(t *testing.T, r *hosts, b *block) {
	t.Helper()
	for _, x := range b.steps {
		if strings.HasSuffix(x.text, " &") && r.family.Events > 32 {
			t.Skipf("/proc/net/netlink shows no subscription to group %d", r.family.Events)
		}
	}
}

// recordCorpus writes the files anew.
func recordCorpus(t *testing.T, ip program) {
	t.Helper()
	r := newHosts(t)
	for _, file := range corpusFiles(t) {
		blocks := readBlocks(t, file)
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, b := range blocks {
				t.Run(b.title, func(t *testing.T) {
					if len(b.steps) == 0 {
						return
					}
					s := newSession(t, r, ip, b)
					for _, x := range b.steps {
						got, err := s.do(x)
						require.NoError(t, err, "%s:%d: %s", file, x.line, x.text)
						x.want = got
					}
				})
			}
		})
		require.NoError(t, os.WriteFile(file, []byte(formatBlocks(blocks)), 0o644))
	}
}

// build builds a program as make does. It is ip when it begins with these arguments.
func build(t *testing.T, source string, args ...string) program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", path, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return program{path: path, args: args}
}

// findIproute2 skips the test where there is no ip that is new enough.
func findIproute2(t *testing.T) program {
	t.Helper()
	name := os.Getenv("IP")
	if name == "" {
		name = "ip"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no iproute2 to compare with: %v (the variable IP may name one)", err)
	}
	out, err := exec.CommandContext(t.Context(), path, "-V").Output()
	require.NoError(t, err)
	_, version, found := strings.Cut(strings.TrimSpace(string(out)), "iproute2-")
	if !found || older(version, iproute2) {
		t.Skipf("%s is %s; the corpus needs iproute2 %d.%d or later (the variable IP may name one)",
			path, strings.TrimSpace(string(out)), iproute2[0], iproute2[1])
	}
	return program{path: path}
}

var release = regexp.MustCompile(`^(\d+)\.(\d+)`)

// older tells whether a version is before one, or is no version.
func older(version string, than [2]int) bool {
	part := release.FindStringSubmatch(version)
	if part == nil {
		return true
	}
	major, _ := strconv.Atoi(part[1])
	minor, _ := strconv.Atoi(part[2])
	return major < than[0] || major == than[0] && minor < than[1]
}

func TestCorpusVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"7.1.0": false, "7.2.0, libbpf 1.1.2": false, "10.0": false, "7.0.9": true, "6.18.44": true, "ss231234": true,
	} {
		require.Equal(t, want, older(version, iproute2), version)
	}
}
