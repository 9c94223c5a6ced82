package lab

import (
	"fmt"
	"sort"
	"strings"
)

// Feature is one thing that a machine may or may not be able to do, found by asking it.
type Feature struct {
	Name    string // as lab.require(feature = …) takes it: "endpoint.laminar"
	OK      bool
	Meaning string // what it is for
	Reason  string // why not, when not OK
	Remedy  string // how to get it, when not OK
}

// Features is what a backend was found to be able to do.
type Features struct {
	Kernel string // release, such as "6.18.44"
	List   []Feature
}

// Find returns the feature of that name.
func (f Features) Find(name string) (Feature, error) {
	names := make([]string, 0, len(f.List))
	for _, x := range f.List {
		if x.Name == name {
			return x, nil
		}
		names = append(names, x.Name)
	}
	sort.Strings(names)
	return Feature{}, fmt.Errorf("unknown feature %q; known: %s", name, strings.Join(names, ", "))
}
