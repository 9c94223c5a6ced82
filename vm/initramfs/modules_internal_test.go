package initramfs

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
)

// module makes an ELF file with a section .modinfo and nothing else.
func module(t *testing.T, info string) []byte {
	t.Helper()
	const names = "\x00.modinfo\x00.shstrtab\x00"
	var b bytes.Buffer
	le := func(values ...any) {
		for _, v := range values {
			require.NoError(t, binary.Write(&b, binary.LittleEndian, v))
		}
	}
	at := uint64(64 + len(info) + len(names))
	b.WriteString("\x7fELF\x02\x01\x01" + string(make([]byte, 9)))
	le(uint16(1), uint16(62), uint32(1), uint64(0), uint64(0), at, uint32(0), uint16(64), uint16(0), uint16(0), uint16(64), uint16(3), uint16(2))
	b.WriteString(info + names)
	section := func(name, kind uint32, offset, size uint64) {
		le(name, kind, uint64(0), uint64(0), offset, size, uint32(0), uint32(0), uint64(1), uint64(0))
	}
	section(0, 0, 0, 0)
	section(1, 1, 64, uint64(len(info)))
	section(10, 3, uint64(64+len(info)), uint64(len(names)))
	return b.Bytes()
}

func compressGzip(t *testing.T, data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func compressXZ(t *testing.T, data []byte) []byte {
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestModules(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	write("net/nft_ct.ko.xz", compressXZ(t, module(t, "license=GPL\x00depends=nf_tables,nf-conntrack\x00")))
	write("net/nf_tables.ko", module(t, "depends=nfnetlink\x00"))
	write("net/nfnetlink.ko", module(t, "depends=\x00"))
	write("net/nf_conntrack.ko.gz", compressGzip(t, module(t, "depends=libcrc32c\x00softdep=pre: crypto-crc32c post: other\x00")))
	write("lib/libcrc32c.ko", module(t, "depends=\x00"))
	write("lib/crypto_crc32c.ko", module(t, "depends=\x00"))
	write("lib/other.ko", module(t, "depends=\x00"))
	write("modules.order", []byte("not a module"))

	modules, err := Modules(dir, []string{"nft_ct", "built_in", "nf_tables"})
	require.NoError(t, err)
	var names []string
	for _, m := range modules {
		names = append(names, m.Name)
		require.True(t, bytes.HasPrefix(m.Data, []byte("\x7fELF")), "%s is uncompressed", m.Name)
	}
	require.Equal(t, []string{"nfnetlink", "nf_tables", "libcrc32c", "crypto_crc32c", "nf_conntrack", "nft_ct"}, names)
}

func TestModulesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "veth.ko"), []byte("text, and enough of it to be no ELF file"), 0o644))
	_, err := Modules(dir, []string{"veth"})
	require.ErrorContains(t, err, "veth.ko: bad magic number")
	_, err = Modules(filepath.Join(dir, "missing"), []string{"veth"})
	require.ErrorContains(t, err, "look for kernel modules")
}

func FuzzParseInfo(f *testing.F) {
	f.Add([]byte("depends=a,b\x00softdep=pre: c d post: e\x00"))
	f.Fuzz(func(t *testing.T, info []byte) {
		for _, n := range parseInfo(info) {
			require.NotEmpty(t, n)
			require.NotContains(t, n, "-")
		}
	})
}
