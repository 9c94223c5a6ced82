package format

import (
	"bytes"
	"fmt"
	"os"
)

// File is a script on disk, and how it would be in the one style.
type File struct {
	Name      string
	Source    []byte
	Formatted []byte
}

// Open reads a script and formats it, in memory. Errors of the script are a *starlark.ScriptError.
func Open(name string) (*File, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read script: %w", err)
	}
	formatted, err := Source(name, source)
	if err != nil {
		return nil, err
	}
	return &File{Name: name, Source: source, Formatted: formatted}, nil
}

// Differs tells whether the script is not in the one style.
func (f *File) Differs() bool { return !bytes.Equal(f.Source, f.Formatted) }

// Write writes the script back in the one style. Its permissions stay.
func (f *File) Write() error {
	info, err := os.Stat(f.Name)
	if err != nil {
		return fmt.Errorf("write script: %w", err)
	}
	if err := os.WriteFile(f.Name, f.Formatted, info.Mode().Perm()); err != nil {
		return fmt.Errorf("write script: %w", err)
	}
	return nil
}
