// Package knowledge finds out what a kernel knows of MPTCP by asking it: generic netlink for the commands of the path manager
// and the attributes that they take, /proc for settings and counters, trial for flags, events and socket options. It never
// looks at a version number. It also lays what several kernels know side by side.
package knowledge

// Kind is what a piece of knowledge is about.
type Kind string

// The kinds, in the order in which they are shown.
const (
	Command   Kind = "command"       // of the mptcp_pm family
	Attribute Kind = "attribute"     // that a command takes
	Flag      Kind = "flag"          // of an endpoint
	Event     Kind = "event"         // of the path manager, with its attributes
	Setting   Kind = "sysctl"        // net.mptcp, with its value in a new namespace
	Option    Kind = "socket option" // of an MPTCP socket
	Counter   Kind = "counter"       // MPTcpExt
)

// Kinds are all of them.
var Kinds = []Kind{Command, Attribute, Flag, Event, Setting, Option, Counter}

// Item is one thing that a kernel knows.
type Item struct {
	Kind  Kind   `json:"kind"`
	Name  string `json:"name"`
	Value string `json:"value,omitempty"` // more about it: the type of an attribute, the value of a setting
}

// Kernel is what a kernel knows.
type Kernel struct {
	Release string `json:"release"`
	Items   []Item `json:"items"` // by kind, and in the kernel's order
}

// Find returns the item of that kind and name, if the kernel knows it.
func (k Kernel) Find(kind Kind, name string) (Item, bool) {
	for _, i := range k.Items {
		if i.Kind == kind && i.Name == name {
			return i, true
		}
	}
	return Item{}, false
}
