package lab

import "slices"

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
	Kernel string // release, as the kernel calls itself: "6.18.44", "6.1.0-50-cloud-amd64"
	// Version is the release of kernel.org that the kernel was built from, where it calls itself by another: "6.1.176". Empty: Kernel.
	Version string
	List    []Feature
}

// Find returns the feature of that name, if it is known.
func (f Features) Find(name string) (Feature, bool) {
	i := slices.IndexFunc(f.List, func(x Feature) bool { return x.Name == name })
	if i < 0 {
		return Feature{}, false
	}
	return f.List[i], true
}

// Names are the names of all features.
func (f Features) Names() []string {
	names := make([]string, len(f.List))
	for i, x := range f.List {
		names[i] = x.Name
	}
	return names
}
