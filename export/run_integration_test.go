//go:build linux

package export_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

// runnable skips the test where exported scripts cannot be run.
func runnable(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 || !netns.Privileged() {
		t.Skip("needs root, to make network namespaces with names")
	}
	for _, program := range []string{"unshare", "ip", "ss", "nstat", "sysctl", "mkfifo", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("an exported script needs %s: %v", program, err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "ip", "mptcp", "limits", "show").CombinedOutput(); err != nil {
		t.Skipf("needs a kernel and an iproute2 with ip mptcp: %s", out)
	}
}

// apart runs a script where nobody else sees its named namespaces, as other tests look for what is left on the machine, and lists those
// that it leaves.
const apart = `mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns || exit 1
"$0"; status=$?
echo "left: $(ip netns list)"
exit $status`

var wantedSubflows = regexp.MustCompile(`(?m)^subflows (\S+ \d+)$`)

// TestRealRun runs exported scripts for real: the kernel has the subflows that the case had, and nothing is left behind.
func TestRealRun(t *testing.T) {
	runnable(t)
	for _, c := range load(t, filepath.Join("testdata", "join.star")) {
		_, name, _ := strings.Cut(c.ID, "::")
		if name == "test_no_room" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			script, _ := exported(t, c)
			path := filepath.Join(t.TempDir(), "case.sh")
			require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
			cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-c", apart, path)
			cmd.WaitDelay = 10 * time.Second
			out, err := cmd.CombinedOutput()
			text := string(out)
			require.NoError(t, err, text)
			require.Contains(t, text, "\nleft: \n")
			for _, bad := range []string{"FAILED", "UNLIKE", "NOT REFUSED", "did not come up"} {
				require.NotContains(t, text, bad)
			}
			wanted := wantedSubflows.FindAllStringSubmatch(script, -1)
			require.NotEmpty(t, wanted)
			for _, w := range wanted {
				host, n, _ := strings.Cut(w[1], " ")
				require.Contains(t, text, host+": "+n+" subflows\n")
			}
			require.Regexp(t, `MPTcpExtMPJoinAckRx +[1-9]`, text)
		})
	}
}
