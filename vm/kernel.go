package vm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/vm/debian"
)

// Kernel is one that a machine can boot.
type Kernel struct {
	Name    string // as it was asked for
	Release string // "6.12.95+deb12-cloud-amd64"; empty when only booting it tells
	Image   string // file: a bzImage, or an ELF file with a PVH entry
	Modules string // folder below which its modules are; empty: none
}

// Cache is the folder where fetched and unpacked kernels are kept.
type Cache string

// UserCache is the cache of this user, as the XDG base directory specification places it.
func UserCache() (Cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for caches (set XDG_CACHE_HOME or HOME): %w", err)
	}
	return Cache(filepath.Join(dir, "mptcp-lab")), nil
}

// Packages is the folder of fetched packages.
func (c Cache) Packages() string { return filepath.Join(string(c), "packages") }

// Lists is the folder of apt's lists.
func (c Cache) Lists() string { return filepath.Join(string(c), "apt") }

// Open finds the kernel that a name means: a file (bzImage, ELF, or Debian package, which is unpacked into the cache), a folder
// (that a package was unpacked to, or a kernel was built in), or a release that was fetched.
func (c Cache) Open(name string) (Kernel, error) {
	info, err := os.Stat(name)
	var k Kernel
	switch {
	case err != nil:
		k, err = c.fetched(name)
	case info.IsDir():
		k, err = folderKernel(name)
	default:
		k, err = c.fileKernel(name)
	}
	if err != nil {
		return Kernel{}, fmt.Errorf("kernel %s: %w", name, err)
	}
	k.Name = name
	return k, nil
}

// fetched finds a release among the fetched packages: the newest that matches.
func (c Cache) fetched(release string) (Kernel, error) {
	files, err := filepath.Glob(filepath.Join(c.Packages(), "linux-*.deb"))
	if err != nil {
		return Kernel{}, err
	}
	versions := map[string][]string{} // files by version
	for _, f := range files {
		if v, ok := packageVersion(f); ok && debian.IsRelease(v, release) {
			versions[v] = append(versions[v], f)
		}
	}
	newest := ""
	for v := range versions {
		if newest == "" || debian.CompareVersions(v, newest) > 0 {
			newest = v
		}
	}
	if newest == "" {
		return Kernel{}, fmt.Errorf("no such file, and no such release was fetched: mptcp-lab vm fetch %s", release)
	}
	return c.unpacked(versions[newest])
}

// packageVersion is the version in the name of a package's file: linux-image-6.12.95+deb12-cloud-amd64_6.12.95-1_amd64.deb.
func packageVersion(file string) (string, bool) {
	name, _, _ := strings.Cut(filepath.Base(file), "_")
	for _, kind := range []string{"linux-image-", "linux-binary-", "linux-modules-"} {
		if v, ok := strings.CutPrefix(name, kind); ok {
			return v, true
		}
	}
	return "", false
}

// unpacked unpacks packages into the cache, once.
func (c Cache) unpacked(packages []string) (Kernel, error) {
	slices.Sort(packages)
	hash := sha256.New()
	for _, p := range packages {
		info, err := os.Stat(p)
		if err != nil {
			return Kernel{}, err
		}
		fmt.Fprintln(hash, filepath.Base(p), info.Size(), info.ModTime().UnixNano())
	}
	folder := filepath.Join(string(c), "kernels", hex.EncodeToString(hash.Sum(nil))[:16])
	if _, err := os.Stat(folder); err == nil {
		return folderKernel(folder)
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return Kernel{}, err
	}
	// It takes its name when it is complete, as another run may look for it meanwhile.
	partial, err := os.MkdirTemp(filepath.Dir(folder), "partial-")
	if err != nil {
		return Kernel{}, err
	}
	defer os.RemoveAll(partial)
	for _, p := range packages {
		if err := debian.Unpack(p, partial); err != nil {
			return Kernel{}, err
		}
	}
	if err := os.Rename(partial, folder); err != nil && !errors.Is(err, os.ErrExist) {
		return Kernel{}, err
	}
	return folderKernel(folder)
}

// fileKernel is that of a package, which may need a second one beside it with the modules, or an image alone.
func (c Cache) fileKernel(file string) (Kernel, error) {
	head, err := readHead(file)
	if err != nil {
		return Kernel{}, err
	}
	if !bytes.HasPrefix(head, []byte(debian.Magic)) {
		release, err := imageRelease(head)
		return Kernel{Image: file, Release: release}, err
	}
	packages := []string{file}
	if v, ok := packageVersion(file); ok {
		modules, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "linux-modules-"+v+"_*.deb"))
		packages = slices.Compact(append(packages, modules...))
	}
	return c.unpacked(packages)
}

// headSize is enough of an image for its header and the text of its version.
const headSize = 64 << 10

func readHead(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return head[:n], nil
}

// imageRelease reads the release from the header of a bzImage (Documentation/arch/x86/boot.rst). An ELF file tells none.
func imageRelease(head []byte) (string, error) {
	const magicAt, versionAt = 0x202, 0x20e
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return "", nil
	case len(head) < versionAt+2 || string(head[magicAt:magicAt+4]) != "HdrS":
		return "", errors.New("it is neither a bzImage, nor an ELF file, nor a Debian package, nor a folder")
	}
	at := int(binary.LittleEndian.Uint16(head[versionAt:])) + 0x200
	if at >= len(head) {
		return "", nil
	}
	text, _, _ := bytes.Cut(head[at:], []byte{0})
	release, _, _ := strings.Cut(string(text), " ")
	return release, nil
}

// images are where the image of a kernel may be in a folder: that of a package, or that of a build.
var images = []string{"boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz", "lib/modules/*/vmlinuz", "arch/x86/boot/bzImage", "bzImage", "vmlinuz*"}

func folderKernel(folder string) (Kernel, error) {
	var found []string
	for _, pattern := range images {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return Kernel{}, err
		}
		if found = append(found, files...); len(found) > 0 {
			break
		}
	}
	switch len(found) {
	case 0:
		return Kernel{}, fmt.Errorf("the folder holds no kernel: none of %s", strings.Join(images, ", "))
	case 1:
	default:
		return Kernel{}, fmt.Errorf("the folder holds several kernels, name one of them: %s", strings.Join(found, ", "))
	}
	head, err := readHead(found[0])
	if err != nil {
		return Kernel{}, err
	}
	release, err := imageRelease(head)
	if err != nil {
		return Kernel{}, fmt.Errorf("%s: %w", found[0], err)
	}
	return Kernel{Image: found[0], Release: release, Modules: folderModules(folder, release)}, nil
}

// folderModules is where the modules of a release are in a folder: where packages have them, or anywhere where it was built.
func folderModules(folder, release string) string {
	for _, parent := range []string{"lib/modules", "usr/lib/modules"} {
		dir := filepath.Join(folder, parent, release)
		if info, err := os.Stat(filepath.Join(dir, "kernel")); err == nil && info.IsDir() {
			return dir
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "modules.order")); err == nil {
		return folder
	}
	return ""
}
