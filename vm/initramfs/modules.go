package initramfs

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Module is a kernel module, as the kernel takes it.
type Module struct {
	Name string // with underscores: "nf_tables"
	Data []byte // uncompressed
}

// Modules returns the named modules below a folder, and those that they need, in an order in which they can be loaded. A name
// that no file has is left out: it is built into the kernel, or the kernel lacks it, which whoever needs it will find.
//
// What a module needs is read from the module itself. Packages carry no modules.dep: depmod writes it when they are installed.
func Modules(folder string, names []string) ([]Module, error) {
	files, err := moduleFiles(folder)
	if err != nil {
		return nil, err
	}
	var list []Module
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		file, ok := files[name]
		if !ok || seen[name] {
			return nil
		}
		seen[name] = true
		data, err := readModule(file)
		if err != nil {
			return err
		}
		needs, err := dependencies(data)
		if err != nil {
			return fmt.Errorf("module %s: %w", file, err)
		}
		for _, n := range needs {
			if err := add(n); err != nil {
				return err
			}
		}
		list = append(list, Module{Name: name, Data: data})
		return nil
	}
	for _, n := range names {
		if err := add(moduleName(n)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// moduleName is a name as the kernel writes it.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// moduleFiles are the modules below a folder, by name.
func moduleFiles(folder string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if name, rest, ok := strings.Cut(d.Name(), ".ko"); ok {
			if _, known := decompressors[rest]; known {
				files[moduleName(name)] = p
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for kernel modules: %w", err)
	}
	return files, nil
}

// decompressors are how modules are read, by what follows ".ko" in their names.
var decompressors = map[string]func(io.Reader) (io.Reader, error){
	"":     func(r io.Reader) (io.Reader, error) { return r, nil },
	".xz":  func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) },
	".gz":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	".zst": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
}

func readModule(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a kernel module: %w", err)
	}
	_, rest, _ := strings.Cut(filepath.Base(file), ".ko")
	r, err := decompressors[rest](bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decompress %s: %w", file, err)
	}
	if data, err = io.ReadAll(r); err != nil {
		return nil, fmt.Errorf("decompress %s: %w", file, err)
	}
	return data, nil
}

// dependencies are the modules that a module needs: those whose symbols it uses, and those that it asks to be loaded before.
func dependencies(module []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, errors.New("it has no section .modinfo: not a kernel module")
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("read its section .modinfo: %w", err)
	}
	return parseInfo(info), nil
}

// parseInfo reads the dependencies from strings "key=value", each ended by a zero.
func parseInfo(info []byte) []string {
	var needs []string
	for field := range strings.SplitSeq(string(info), "\x00") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "depends":
			for name := range strings.SplitSeq(value, ",") {
				if name != "" {
					needs = append(needs, moduleName(name))
				}
			}
		case "softdep":
			needs = append(needs, before(value)...)
		}
	}
	return needs
}

// before are the modules that a soft dependency wants loaded first: the words between "pre:" and "post:".
func before(softdep string) []string {
	var names []string
	pre := false
	for word := range strings.FieldsSeq(softdep) {
		switch {
		case strings.HasSuffix(word, ":"):
			pre = word == "pre:"
		case pre:
			names = append(names, moduleName(word))
		}
	}
	return names
}
