package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// The tree of testdata/tree.star.
const (
	treeDepth  = 3
	treeFanout = 10
	treeHosts  = 1 + 10 + 100 + 1000
)

// BenchmarkTree makes a tree with 1000 hosts at its leaves and 111 routers, connects each leaf to another one over MPTCP, and takes it
// down until the kernel has freed all of it. In turn, ip(8) makes the same namespaces, links, addresses and routes and nothing else.
func BenchmarkTree(b *testing.B) {
	f := newFloor(b)
	cases, err := starlark.Load(b.Context(), []string{"testdata/tree.star"}, starlark.Options{})
	require.NoError(b, err)
	scripts := writeBatches(b)
	var whole, build, connect, check, down, byIP time.Duration
	var kernelMemory, ownMemory int64
	kernelBefore, ownBefore := memory(b) // once: the kernel lets go of what it had for namespaces some time after it forgets them
	for b.Loop() {
		byIP += timed(func() { runBatches(b, scripts) })
		f.awaitGone()

		backend := openBackend(b)
		l, err := backend.Open(b.Context(), lab.Options{Seed: 1})
		require.NoError(b, err)
		ran := timed(func() {
			out := cases[0].Run(b.Context(), l)
			require.Equal(b, report.Passed, out.Verdict, out.Message)
			at := stages(b, out.Output)
			build += at["built"]
			connect += at["connected"] - at["built"]
			check += at["checked"] - at["connected"]
		})
		kernelNow, ownNow := memory(b)
		kernelMemory += kernelNow - kernelBefore
		ownMemory += ownNow - ownBefore
		closed := timed(func() {
			require.NoError(b, l.Close())
			require.NoError(b, backend.Close())
		})
		down += closed
		whole += ran + closed
	}
	n := float64(b.N)
	for name, took := range map[string]time.Duration{
		"total-ms": whole, "build-ms": build, "connect-ms": connect, "check-ms": check, "down-ms": down, "ip-build-ms": byIP,
	} {
		b.ReportMetric(milliseconds(took)/n, name)
	}
	b.ReportMetric(whole.Seconds()/byIP.Seconds(), "total/ip-build")
	b.ReportMetric(float64(kernelMemory>>10)/n/treeHosts, "kernel-KiB/host")
	b.ReportMetric(float64(ownMemory>>10)/n/treeHosts, "process-KiB/host")
	b.ReportMetric(0, "ns/op")
}

// stages are the lab's times that the script prints.
func stages(b *testing.B, output []string) map[string]time.Duration {
	at := map[string]time.Duration{}
	for _, line := range output {
		name, ms, _ := strings.Cut(line, " ")
		t, err := time.ParseDuration(ms + "ms")
		require.NoError(b, err, line)
		at[name] = t
	}
	return at
}

// memory is what the kernel takes for the objects in use, and this process for its own, in bytes.
func memory(b *testing.B) (kernel, process int64) {
	for _, name := range []string{"Percpu:", "KernelStack:"} {
		kernel += field(b, "/proc/meminfo", name)
	}
	return kernel + slabs(b), field(b, "/proc/self/status", "VmRSS:")
}

// slabs are the objects of all slab caches that are in use: unlike the pages of the caches they do not include what was freed.
func slabs(b *testing.B) (total int64) {
	data, err := os.ReadFile("/proc/slabinfo")
	require.NoError(b, err)
	for line := range strings.Lines(string(data)) {
		var name string
		var active, all, size int64
		if n, _ := fmt.Sscan(line, &name, &active, &all, &size); n == 4 {
			total += active * size
		}
	}
	require.Positive(b, total)
	return total
}

// field is a line of a file of /proc in kB, as bytes.
func field(b *testing.B, file, name string) int64 {
	data, err := os.ReadFile(file)
	require.NoError(b, err)
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			kib, err := strconv.ParseInt(words[1], 10, 64)
			require.NoError(b, err)
			return kib << 10
		}
	}
	require.Fail(b, name+" is missing in "+file)
	return 0
}

// batches are the input of ip(8) for a tree: one to make it, and one for each host. One run of it works in one namespace only.
type batches struct {
	make  bytes.Buffer
	hosts []*bytes.Buffer
	links int
}

// writeBatches writes the files for ip, and returns their folder.
func writeBatches(b *testing.B) string {
	t := &batches{}
	t.subtree(treeDepth, nil)
	require.Len(b, t.hosts, treeHosts)
	dir := b.TempDir()
	require.NoError(b, os.WriteFile(filepath.Join(dir, "make"), t.make.Bytes(), 0o600))
	for i, h := range t.hosts {
		require.NoError(b, os.WriteFile(filepath.Join(dir, fmt.Sprintf("h%d", i)), h.Bytes(), 0o600))
	}
	return dir
}

// subtree makes a host and all below it, and returns their networks. It has the routes of lab.route_all.
func (t *batches) subtree(height int, above *network) []network {
	h := &bytes.Buffer{}
	number := len(t.hosts)
	t.hosts = append(t.hosts, h)
	fmt.Fprintf(&t.make, "netns add h%d\n", number)
	h.WriteString("link set lo up\n")
	if above != nil {
		fmt.Fprintf(&t.make, "link add eth%d netns h%d type veth peer name eth0 netns h%d\n", above.port, above.host, number)
		above.end(h, "eth0", 2)
		fmt.Fprintf(h, "route add default via %s\nroute add default via %s\n", above.v4(1), above.v6(1))
	}
	var below []network
	if height == 0 {
		return nil
	}
	for port := range treeFanout {
		t.links++
		n := network{number: t.links, host: number, port: port + 1}
		n.end(h, fmt.Sprintf("eth%d", n.port), 1)
		further := t.subtree(height-1, &n)
		for _, f := range further {
			fmt.Fprintf(h, "route add %s/24 via %s\nroute add %s/64 via %s\n", f.v4(0), n.v4(2), f.v6(0), n.v6(2))
		}
		below = append(append(below, n), further...)
	}
	return below
}

// network is a link, below a port of a host.
type network struct{ number, host, port int }

func (n network) v4(host int) string {
	return fmt.Sprintf("10.%d.%d.%d", n.number>>8, n.number&0xff, host)
}

func (n network) v6(host int) string {
	if host == 0 {
		return fmt.Sprintf("fd00:%d::", n.number)
	}
	return fmt.Sprintf("fd00:%d::%d", n.number, host)
}

// end is what makes an end of the link usable.
func (n network) end(w *bytes.Buffer, iface string, host int) {
	fmt.Fprintf(w, "addr add %s/24 dev %s\naddr add %s/64 dev %s nodad\nlink set %s up\n", n.v4(host), iface, n.v6(host), iface, iface)
}

// runBatches runs ip in a mount namespace, with which its named network namespaces go, whatever happens.
func runBatches(b *testing.B, dir string) {
	cmd := exec.Command("sh", "-ec", `
		mount -t tmpfs run /run
		mkdir /run/netns
		ip -batch make
		for h in h*; do ip -n $h -batch $h; done`)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		b.Skipf("needs sh and ip: %v", err)
	}
	require.NoError(b, err, string(out))
}
