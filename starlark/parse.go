package starlark

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.starlark.net/syntax"
)

// Parse reads a script, with its comments, and does not run it. The name is that of the file. Its error is a *ScriptError.
func Parse(name string, source []byte) (*syntax.File, error) {
	file, err := dialect.Parse(name, source, syntax.RetainComments)
	if err != nil {
		return nil, &ScriptError{Problems: Problems(name, err)}
	}
	return file, nil
}

// Files are the scripts of paths: files, and those below folders (*.star, at any depth), with modules and drafts, which have no
// cases to run. Only hidden folders and files are left out. The names are sorted, and each is there once.
func Files(paths []string) ([]string, error) {
	var all []string
	for _, p := range paths {
		name := filepath.Clean(p)
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", filepath.ToSlash(name), unreachable(name, err))
		case !info.IsDir():
			all = append(all, name)
			continue
		}
		before := len(all)
		err = filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
			hidden := p != name && strings.HasPrefix(d.Name(), ".")
			switch {
			case err != nil:
				return err
			case d.IsDir() && hidden:
				return filepath.SkipDir
			case !d.IsDir() && !hidden && filepath.Ext(p) == ".star":
				all = append(all, p)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.ToSlash(name), err)
		}
		if len(all) == before {
			return nil, fmt.Errorf("%s: there are no scripts: their names end in .star", filepath.ToSlash(name))
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// unreachable is why a path of the command line cannot be read, with the nearest name if it does not exist.
func unreachable(name string, err error) error {
	dir := filepath.Dir(name)
	return notThere(os.DirFS(dir), filepath.Base(name), err)
}

// Predeclared are the names that scripts see beside those of Starlark itself, sorted.
func Predeclared() []string {
	return slices.DeleteFunc(sortedKeys(predeclared), func(name string) bool { return strings.HasPrefix(name, " ") })
}
