package netns

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Switch is an Ethernet segment: a bridge in a hidden namespace of its own, which forwards at once (no spanning tree).
type Switch struct {
	ns    *Namespace
	conn  *conn
	index int32 // of the bridge
}

const bridgeName = "bridge"

// NewSwitch makes a switch without ports (see [Link]), under a registry unless that is nil.
func NewSwitch(r *Registry) (*Switch, error) {
	s := &Switch{}
	var err error
	if s.ns, s.conn, err = newConnected(r, func() error {
		return writeKnown([][2]string{{"net.ipv6.conf.default.disable_ipv6", "1"}})
	}); err != nil {
		return nil, fmt.Errorf("new switch: %w", err)
	}
	if err := s.addBridge(); err != nil {
		return nil, errors.Join(fmt.Errorf("new switch: %w", err), s.Close())
	}
	return s, nil
}

func (s *Switch) addBridge() error {
	err := s.conn.do(newRequest("add bridge", unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL,
		upMessage(0, true), text(unix.IFLA_IFNAME, bridgeName),
		nest(unix.IFLA_LINKINFO, text(nl.IFLA_INFO_KIND, "bridge"),
			nest(nl.IFLA_INFO_DATA, u8(nl.IFLA_BR_MCAST_SNOOPING, 0)))))
	if err != nil {
		return err
	}
	bridge, err := findPort(s.conn, bridgeName)
	s.index = bridge.index
	return err
}

// attach makes a new port part of the segment; its carrier is known, so the bridge forwards at once.
func (s *Switch) attach(p *port) error {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index = p.index
	return s.conn.do(newRequest("attach "+p.name+" to the switch", unix.RTM_NEWLINK, 0, m, u32(unix.IFLA_MASTER, uint32(s.index))))
}

// Namespace is the hidden namespace of the switch, which holds its ports.
func (s *Switch) Namespace() *Namespace { return s.ns }

// SetMTU sets the MTU of a port, in bytes.
func (s *Switch) SetMTU(port string, mtu int) error { return s.conn.do(mtuRequest(port, mtu)) }

// Close removes the switch and the links attached to it.
func (s *Switch) Close() error { return errors.Join(s.conn.close(), s.ns.Close()) }
