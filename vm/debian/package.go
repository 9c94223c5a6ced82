// Package debian gets kernels from Debian's packages: it fetches them with the system's own apt, without changing what is
// installed or where apt looks, and unpacks what a kernel needs of them, without dpkg.
package debian

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Magic starts every Debian package: it is an ar(1) archive.
const Magic = "!<arch>\n"

// ErrNotPackage tells that a file is no Debian package.
var ErrNotPackage = errors.New("not a Debian package")

// kernelFolders are those whose files make up a kernel.
var kernelFolders = []string{"boot/", "lib/modules/", "usr/lib/modules/"}

// Unpack writes the files of a package that a kernel consists of into a folder, below it as below the root of an installed
// system: the image, the configuration and the modules. The modules stay compressed.
func Unpack(file, folder string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := findData(bufio.NewReaderSize(f, 1<<20))
	if err == nil {
		err = unpackTar(tar.NewReader(data), folder)
	}
	if err != nil {
		return fmt.Errorf("unpack %s: %w", file, err)
	}
	return nil
}

// decompressors are how the member data.tar of a package is read, by what follows in its name (deb(5)).
var decompressors = map[string]func(io.Reader) (io.Reader, error){
	"":     func(r io.Reader) (io.Reader, error) { return r, nil },
	".gz":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	".xz":  func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) },
	".zst": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
}

// findData skips to the member of the archive that holds the files, and decompresses it.
func findData(r io.Reader) (io.Reader, error) {
	magic := make([]byte, len(Magic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != Magic {
		return nil, ErrNotPackage
	}
	for {
		name, size, err := member(r)
		if err != nil {
			return nil, fmt.Errorf("%w with files: no member data.tar", ErrNotPackage)
		}
		rest, found := strings.CutPrefix(name, "data.tar")
		if !found {
			if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil { // members begin at even offsets
				return nil, fmt.Errorf("skip its member %s: %w", name, err)
			}
			continue
		}
		open, known := decompressors[rest]
		if !known {
			return nil, fmt.Errorf("its files are compressed in an unknown way: %s", name)
		}
		return open(io.LimitReader(r, size))
	}
}

// member reads the header of a member of an ar archive: 60 bytes, of which a name is the first 16 and a size 10 at 48.
func member(r io.Reader) (name string, size int64, err error) {
	var header [60]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return "", 0, err
	}
	name = strings.TrimRight(strings.TrimSpace(string(header[:16])), "/")
	size, err = strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
	if err != nil || size < 0 {
		return "", 0, fmt.Errorf("size %q of the member %s", header[48:58], name)
	}
	return name, size, nil
}

func unpackTar(t *tar.Reader, folder string) error {
	root, err := openFolder(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(strings.TrimPrefix(h.Name, "./"))
		if h.Typeflag != tar.TypeReg || !ofKernel(name) {
			continue
		}
		if err := writeFile(root, name, t); err != nil {
			return err
		}
	}
}

func openFolder(folder string) (*os.Root, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	return os.OpenRoot(folder)
}

func ofKernel(name string) bool {
	for _, f := range kernelFolders {
		if strings.HasPrefix(name, f) {
			return true
		}
	}
	return false
}

func writeFile(root *os.Root, name string, r io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.Create(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
