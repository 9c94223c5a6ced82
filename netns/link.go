package netns

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"regexp"

	"github.com/mdlayher/netlink"
	vnetlink "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Endpoint is one end of a link to be: an interface of a host or a port of a switch. One of Host and Switch is set.
type Endpoint struct {
	Host   *Host
	Switch *Switch
	Name   string // of the interface, at most 15 characters
}

func (e Endpoint) conn() *conn {
	if e.Host != nil {
		return e.Host.conn
	}
	return e.Switch.conn
}

// port is one end of a link that exists.
type port struct {
	conn  *conn
	name  string
	index int32
	mac   net.HardwareAddr
}

var interfaceName = regexp.MustCompile(`^[^\s/:]{1,15}$`)

func checkInterfaceName(name string) error {
	if !interfaceName.MatchString(name) || name == "." || name == ".." || name == "lo" {
		return fmt.Errorf("interface name %q: want 1 to 15 characters without space, slash or colon", name)
	}
	return nil
}

// Link joins a and b by a veth pair that is up at both ends, with an MTU in bytes (0: 1500).
func Link(a, b Endpoint, mtu int) error {
	if err := errors.Join(checkInterfaceName(a.Name), checkInterfaceName(b.Name)); err != nil {
		return err
	}
	what := fmt.Sprintf("link %s to %s", a.Name, b.Name)
	portA, err := makeVeth(what, a.end(mtu), b.end(mtu))
	if err != nil {
		return err
	}
	portB, err := findPort(b.conn(), b.Name)
	if err == nil {
		err = errors.Join(attach(a, portA, b, portB), attach(b, portB, a, portA))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", what, err), portA.remove())
	}
	return nil
}

// vethEnd is one end of a veth pair to be.
type vethEnd struct {
	conn  *conn
	name  string
	mtu   int              // 0: 1500
	index int32            // 0: the kernel picks one
	mac   net.HardwareAddr // nil: a random one
}

func (e Endpoint) end(mtu int) vethEnd {
	end := vethEnd{conn: e.conn(), name: e.Name, mtu: mtu}
	if e.Host != nil && e.Host.number != 0 {
		end.mac = e.Host.nextMAC()
	}
	return end
}

func (e vethEnd) attributes() []nl.NetlinkRequestData {
	attrs := []nl.NetlinkRequestData{text(unix.IFLA_IFNAME, e.name), u32(unix.IFLA_MTU, uint32(cmp.Or(e.mtu, 1500)))}
	if e.mac != nil {
		attrs = append(attrs, octets(unix.IFLA_ADDRESS, e.mac))
	}
	return attrs
}

// makeVeth makes a veth pair that is up at both ends, and returns the first one when it transmits.
func makeVeth(what string, a, b vethEnd) (*port, error) {
	if err := a.conn.do(vethRequest(what, a, b)); err != nil {
		return nil, err
	}
	p := &port{conn: a.conn, name: a.name}
	err := (&port{conn: b.conn, name: b.name}).setUp(true)
	if err == nil {
		err = p.settle()
	}
	if err != nil {
		return nil, errors.Join(err, p.remove())
	}
	return p, nil
}

func (p *port) setUp(up bool) error {
	word := map[bool]string{true: "up", false: "down"}[up]
	return p.conn.do(newRequest("set "+p.name+" "+word, unix.RTM_NEWLINK, 0, upMessage(0, up), text(unix.IFLA_IFNAME, p.name)))
}

func (p *port) remove() error { return p.conn.do(removeRequest(p.name)) }

// Unlink removes the interface that one end of a link is, and with it the other end or the half up to where the link is cut. One that
// is not there is no error.
func Unlink(e Endpoint) error { return e.conn().do(removeRequest(e.Name).ignoring(unix.ENODEV)) }

func removeRequest(name string) request {
	return newRequest("remove "+name, unix.RTM_DELLINK, 0, nl.NewIfInfomsg(unix.AF_UNSPEC), text(unix.IFLA_IFNAME, name))
}

// attach gives a new port to its host or switch.
func attach(e Endpoint, p *port, other Endpoint, peer *port) error {
	if e.Switch != nil {
		return e.Switch.attach(p)
	}
	e.Host.attach(p, peer, other.Host)
	return nil
}

// vethRequest makes both ends in their namespaces with their names, the first one up (the kernel cannot do so for the
// second one: drivers/net/veth.c sets that up before the two know each other).
func vethRequest(what string, a, b vethEnd) request {
	peer := append([]nl.NetlinkRequestData{nl.NewIfInfomsg(unix.AF_UNSPEC)}, b.attributes()...)
	peer = append(peer, u32(unix.IFLA_NET_NS_FD, uint32(b.conn.ns.FD())))
	parts := append([]nl.NetlinkRequestData{upMessage(a.index, true)}, a.attributes()...)
	parts = append(parts, nest(unix.IFLA_LINKINFO,
		text(nl.IFLA_INFO_KIND, "veth"),
		nest(nl.IFLA_INFO_DATA, nest(nl.VETH_INFO_PEER, peer...))))
	return newRequest(what, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, parts...)
}

// upMessage is the header of a change of the link with that index (0: named by an attribute) to up or down.
func upMessage(index int32, up bool) *nl.IfInfomsg {
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Index = index
	m.Change = unix.IFF_UP
	if up {
		m.Flags = unix.IFF_UP
	}
	return m
}

func mtuRequest(name string, mtu int) request {
	return newRequest(fmt.Sprintf("set MTU of %s to %d", name, mtu), unix.RTM_NEWLINK, 0,
		nl.NewIfInfomsg(unix.AF_UNSPEC), text(unix.IFLA_IFNAME, name), u32(unix.IFLA_MTU, uint32(mtu)))
}

// findPort returns the port of that name once the kernel has acted on its carrier.
func findPort(c *conn, name string) (*port, error) {
	p := &port{conn: c, name: name}
	return p, p.settle()
}

// settle waits until the kernel has acted on the last change of carrier, which it does in a work queue
// (net/core/link_watch.c): until then a link that has just come up drops what is sent. Since Linux 6.6 the request for
// the state does that work itself.
func (p *port) settle() error {
	return p.conn.settle("wait for carrier of "+p.name, unix.RTNLGRP_LINK, func() (bool, error) {
		replies, err := p.conn.get(newRequest("look up interface "+p.name, unix.RTM_GETLINK, 0,
			nl.NewIfInfomsg(unix.AF_UNSPEC), text(unix.IFLA_IFNAME, p.name)))
		if err != nil {
			return false, err
		}
		link, err := parseLink(replies[0])
		if err != nil {
			return false, err
		}
		p.index, p.mac = int32(link.Index), link.HardwareAddr
		carrier, running := link.RawFlags&unix.IFF_LOWER_UP != 0, link.RawFlags&unix.IFF_RUNNING != 0
		return carrier == running, nil
	})
}

func parseLink(m netlink.Message) (*vnetlink.LinkAttrs, error) {
	link, err := vnetlink.LinkDeserialize(nil, m.Data)
	if err != nil {
		return nil, fmt.Errorf("parse a link message: %w", err)
	}
	return link.Attrs(), nil
}
