package debian_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"

	"github.com/mptcp-lab/mptcp-lab/vm/debian"
)

func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}))
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// member is one of an ar archive, padded to an even size.
func member(name string, data []byte) string {
	s := fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, 0, 0, 0, "100644", len(data)) + string(data)
	if len(data)%2 == 1 {
		s += "\n"
	}
	return s
}

func TestUnpack(t *testing.T) {
	files := archive(t, map[string]string{
		"./boot/vmlinuz-6.1": "image", "./lib/modules/6.1/kernel/a.ko": "module", "./usr/share/doc/x": "nothing", "./etc/passwd": "nothing",
	})
	var asXZ, asZstd bytes.Buffer
	x, err := xz.NewWriter(&asXZ)
	require.NoError(t, err)
	_, err = x.Write(files)
	require.NoError(t, err)
	require.NoError(t, x.Close())
	z, err := zstd.NewWriter(&asZstd)
	require.NoError(t, err)
	_, err = z.Write(files)
	require.NoError(t, err)
	require.NoError(t, z.Close())

	for _, tt := range []struct {
		name string
		data []byte
	}{{"data.tar", files}, {"data.tar.xz", asXZ.Bytes()}, {"data.tar.zst", asZstd.Bytes()}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "k.deb")
			text := debian.Magic + member("debian-binary", []byte("2.0\n")) + member("control.tar.xz/", []byte("odd")) + member(tt.name, tt.data)
			require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
			require.NoError(t, debian.Unpack(file, filepath.Join(dir, "out")))
			var names []string
			require.NoError(t, filepath.WalkDir(filepath.Join(dir, "out"), func(p string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					rel, _ := filepath.Rel(filepath.Join(dir, "out"), p)
					names = append(names, rel)
				}
				return err
			}))
			require.Equal(t, []string{"boot/vmlinuz-6.1", "lib/modules/6.1/kernel/a.ko"}, names)
		})
	}
}

func TestUnpackWrong(t *testing.T) {
	outside := archive(t, map[string]string{"lib/modules/../../../evil": "x"})
	tests := []struct{ name, text, want string }{
		{"no archive", "text", "not a Debian package"},
		{"no files", debian.Magic + member("debian-binary", []byte("2.0\n")), "not a Debian package with files"},
		{"unknown compression", debian.Magic + member("data.tar.lz", nil), "compressed in an unknown way: data.tar.lz"},
		{"cut short", (debian.Magic + member("data.tar", archive(t, map[string]string{"boot/x": "text"})))[:200], "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "k.deb")
			require.NoError(t, os.WriteFile(file, []byte(tt.text), 0o644))
			require.ErrorContains(t, debian.Unpack(file, filepath.Join(dir, "out")), tt.want)
		})
	}
	t.Run("path that leaves the folder", func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "k.deb")
		require.NoError(t, os.WriteFile(file, []byte(debian.Magic+member("data.tar", outside)), 0o644))
		_ = debian.Unpack(file, filepath.Join(dir, "a", "out"))
		require.NoFileExists(t, filepath.Join(dir, "evil"))
		require.NoFileExists(t, filepath.Join(dir, "a", "evil"))
	})
}
