package pm

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// Config says where a [Client] or a [Monitor] works. The zero value is the network namespace of the calling thread.
type Config struct {
	// NetNS is a file descriptor of the network namespace; 0 is that of the calling thread.
	NetNS int
	// Family saves a request to the kernel when it is known; see [LookupFamily].
	Family Family
}

// Family is what the kernel calls its path manager's generic netlink family. The numbers are given at boot
// and hold in every network namespace of the machine.
type Family struct {
	ID      uint16 // the type of its messages
	Version uint8
	Events  uint32 // the multicast group of events
}

// LookupFamily asks the kernel for its path manager's family. Many clients may then share the answer through
// [Config]. Without MPTCP in the kernel the error is [ErrNotSupported].
func LookupFamily() (Family, error) {
	conn, family, err := Config{}.dial()
	if err != nil {
		return Family{}, err
	}
	return family, conn.Close()
}

// dial opens a socket in the network namespace, and looks up the family unless it is known.
func (c Config) dial() (*genetlink.Conn, Family, error) {
	// Strict asks for the extended acknowledgements, which carry the kernel's texts.
	conn, err := genetlink.Dial(&netlink.Config{NetNS: c.NetNS, Strict: true})
	if err != nil {
		return nil, Family{}, fmt.Errorf("open a generic netlink socket: %w", err)
	}
	if c.Family.ID != 0 {
		return conn, c.Family, nil
	}
	family, err := lookup(conn)
	if err != nil {
		return nil, Family{}, errors.Join(err, conn.Close())
	}
	return conn, family, nil
}

func lookup(conn *genetlink.Conn) (Family, error) {
	f, err := conn.GetFamily(familyName)
	if errors.Is(err, fs.ErrNotExist) {
		return Family{}, fmt.Errorf("look up family %s: %w", familyName, ErrNotSupported)
	}
	if err != nil {
		return Family{}, fmt.Errorf("look up family %s: %w", familyName, err)
	}
	family := Family{ID: f.ID, Version: f.Version}
	for _, g := range f.Groups {
		if g.Name == eventGroup {
			family.Events = g.ID
		}
	}
	return family, nil
}
