package initramfs_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/vm/initramfs"
)

// TestWriter compares every byte with an archive written by hand from the kernel's description of the form.
func TestWriter(t *testing.T) {
	var archive bytes.Buffer
	w := initramfs.NewWriter(&archive)
	w.File("/a/x", 0o640, []byte("hello"))
	w.Link("a/y", "x")
	require.NoError(t, w.Close())
	const zeros = "00000000"
	want := "070701" + "00000001" + "000041ED" + zeros + zeros + "00000001" + zeros + zeros + zeros + zeros + zeros + zeros + "00000002" + zeros + "a\x00" +
		"070701" + "00000002" + "000081A0" + zeros + zeros + "00000001" + zeros + "00000005" + zeros + zeros + zeros + zeros + "00000004" + zeros + "a/x\x00\x00\x00" + "hello\x00\x00\x00" +
		"070701" + "00000003" + "0000A1FF" + zeros + zeros + "00000001" + zeros + "00000001" + zeros + zeros + zeros + zeros + "00000004" + zeros + "a/y\x00\x00\x00" + "x\x00\x00\x00" +
		"070701" + zeros + zeros + zeros + zeros + "00000001" + zeros + zeros + zeros + zeros + zeros + zeros + "0000000B" + zeros + "TRAILER!!!\x00\x00\x00\x00"
	require.Equal(t, want, archive.String())
}

// TestWriterCPIO has cpio(1) unpack an archive.
func TestWriterCPIO(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed (apt-get install cpio)")
	}
	var archive bytes.Buffer
	w := initramfs.NewWriter(&archive)
	for _, size := range []int{0, 1, 2, 3, 4, 5} {
		w.File(filepath.Join("/deep/er", string(rune('a'+size))), 0o600, bytes.Repeat([]byte("x"), size))
	}
	require.NoError(t, w.Close())
	dir := t.TempDir()
	cmd := exec.Command(cpio, "-id", "--quiet")
	cmd.Dir, cmd.Stdin = dir, &archive
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, size := range []int{0, 1, 2, 3, 4, 5} {
		b, err := os.ReadFile(filepath.Join(dir, "deep/er", string(rune('a'+size))))
		require.NoError(t, err)
		require.Len(t, b, size)
	}
}

type failing struct{}

var errFull = errors.New("full")

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestWriterKeepsTheError(t *testing.T) {
	w := initramfs.NewWriter(failing{})
	w.File("a", 0o644, nil)
	require.ErrorIs(t, w.Close(), errFull)
}
