// Package initramfs makes the first file system of a kernel in memory: archives that the kernel unpacks at boot, and the
// kernel modules that belong in one. It does not know what runs there.
package initramfs

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// The types of files in an archive, as stat(2) has them.
const (
	typeRegular = 0o100000
	typeFolder  = 0o040000
	typeLink    = 0o120000
)

// Writer writes an archive in the form that Documentation/driver-api/early-userspace/buffer-format.rst calls newc. Folders are
// made as files need them. The first error stays.
type Writer struct {
	w       io.Writer
	err     error
	inode   uint32
	folders map[string]bool
}

// NewWriter returns a Writer of an archive. Close ends it.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w, folders: map[string]bool{}} }

// File adds a regular file; the name is its absolute path.
func (w *Writer) File(name string, permissions uint32, data []byte) {
	w.Folder(path.Dir(path.Clean("/" + name)))
	w.entry(name, typeRegular|permissions, data)
}

// Folder adds a folder with its parents, unless they are there.
func (w *Writer) Folder(name string) {
	name = path.Clean("/" + name)
	if name == "/" || w.folders[name] {
		return
	}
	w.Folder(path.Dir(name))
	w.folders[name] = true
	w.entry(name, typeFolder|0o755, nil)
}

// Link adds a symbolic link to a target.
func (w *Writer) Link(name, target string) {
	w.Folder(path.Dir(path.Clean("/" + name)))
	w.entry(name, typeLink|0o777, []byte(target))
}

// Close ends the archive, and returns the first error.
func (w *Writer) Close() error {
	w.inode = 0
	w.write("TRAILER!!!", 0, nil)
	if w.err != nil {
		return fmt.Errorf("write an initramfs: %w", w.err)
	}
	return nil
}

func (w *Writer) entry(name string, mode uint32, data []byte) {
	w.inode++
	w.write(strings.TrimPrefix(path.Clean("/"+name), "/"), mode, data)
}

// write writes a header, the name and the data, the last two padded to four bytes.
func (w *Writer) write(name string, mode uint32, data []byte) {
	const links = 1
	header := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		w.inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	head := header + name + "\x00"
	w.bytes([]byte(head + padding(len(head))))
	w.bytes(data)
	w.bytes([]byte(padding(len(data))))
}

func (w *Writer) bytes(b []byte) {
	if w.err == nil && len(b) > 0 {
		_, w.err = w.w.Write(b)
	}
}

func padding(size int) string { return "\x00\x00\x00"[:-size&3] }
