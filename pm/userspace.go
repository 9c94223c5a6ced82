package pm

import (
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
)

// Announce sends an ADD_ADDR for the local address to the peer. The kernel demands the address, an ID other than 0
// ("invalid addr id") and the flag signal ("invalid addr flags"), and takes the flag backup besides. An ID and an address
// stay together: one of them with another partner is EINVAL, "did not match address and id". Without a port the peer
// takes that of the connection; on a port nothing starts to listen.
//
// Success means that the address is on the connection's list. While another signal waits to be sent, the kernel leaves
// this one to its retransmission timer. Linux 5.19 and newer.
func (c *Client) Announce(token uint32, local Endpoint) error {
	op := fmt.Sprintf("announce %s on token %08x", local, token)
	return c.command(op, cmdAnnounce, request{token: token, local: &local})
}

// Remove takes the local address of that ID off the connection's list and sends a RM_ADDR to the peer, if it was
// announced or a subflow uses it; the peer then closes the subflows of that ID. ID 0 is the address of the initial
// subflow. The answer for an unknown ID is EINVAL, "address with id N not found". Linux 5.19 and newer.
func (c *Client) Remove(token uint32, id uint8) error {
	op := fmt.Sprintf("remove id %d on token %08x", id, token)
	return c.command(op, cmdRemove, request{token: token, id: &id})
}

// SubflowCreate opens a subflow from local to remote, and puts local on the connection's list. The kernel demands both
// addresses, of a family that the connection's socket can use ("families mismatch"). Of the flags it takes backup and
// refuses signal ("invalid addr flags"). The ID is what the peer will know the local address by, 0 included, and bound to
// it as by [Client.Announce]. A local port is bound; the remote one has no default, and port 0 is refused by the peer.
//
// Success means that a SYN was sent: what becomes of it, the event SUB_ESTABLISHED or SUB_CLOSED tells. What fails before
// has its errno and the text "connect error: -N", such as ENOTCONN before the connection's event ESTABLISHED.
// Linux 5.19 and newer.
func (c *Client) SubflowCreate(token uint32, local Endpoint, remote netip.AddrPort) error {
	op := fmt.Sprintf("create subflow %s to %s on token %08x", local, remote, token)
	return c.command(op, cmdSubflowCreate, request{token: token, local: &local, remote: at(remote)})
}

// SubflowDestroy closes the subflow between these addresses and ports, and takes the local address off the connection's
// list; it sends no RM_ADDR. The kernel demands all four ("missing family", "missing local port", "missing remote port"),
// both addresses of one family ("address families do not match"). Without such a subflow it says ESRCH, "subflow not
// found", as it does for IPv4 addresses that the subflow's events tell as mapped ones. Linux 5.19 and newer.
func (c *Client) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	op := fmt.Sprintf("destroy subflow %s to %s on token %08x", local, remote, token)
	return c.command(op, cmdSubflowDestroy, request{token: token, local: at(local), remote: at(remote)})
}

// SetFlags sets the flag backup as flags has it on the first active subflow between these addresses, tells the peer so
// with an MP_PRIO, and keeps it for later subflows of the same local address. Port 0 is any port. The kernel ignores
// the other flags. It demands both addresses ("invalid local address family", "missing family"). Without such a subflow
// it says EINVAL, "subflow not found", but has kept the flag. Linux 5.19 and newer.
func (c *Client) SetFlags(token uint32, local, remote netip.AddrPort, flags Flags) error {
	words := flags.String()
	if flags == 0 {
		words = "nobackup"
	}
	op := fmt.Sprintf("set flags %s on subflow %s to %s on token %08x", words, local, remote, token)
	entry := at(local)
	entry.Flags = flags
	return c.command(op, cmdSetFlags, request{token: token, local: entry, remote: at(remote)})
}

// Address returns the local address of that ID on the connection's list. The kernel's answer for an unknown ID, and for
// a token that has no list, is EINVAL, "address not found". Linux 6.9 and newer; older ones look past the token and answer
// as to [Client.Endpoint].
func (c *Client) Address(token uint32, id uint8) (Endpoint, error) {
	op := fmt.Sprintf("get address id %d on token %08x", id, token)
	attrs, err := request{token: token, local: &Endpoint{ID: id}}.encode()
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", op, err)
	}
	return getOne(c, op, cmdGetAddr, attrs, parseEndpoint)
}

// Addresses returns the connection's list: the local addresses that were announced or that subflows were created from,
// and those that the kernel gave an ID by itself when the peer joined them. The kernel's answer for a token that has no
// list is EINVAL, "invalid token" or "userspace PM not selected". Linux 6.9 and newer; older ones look past the token
// and answer as to [Client.Endpoints].
func (c *Client) Addresses(token uint32) ([]Endpoint, error) {
	op := fmt.Sprintf("list addresses on token %08x", token)
	attrs, err := request{token: token}.encode()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return c.list(op, attrs)
}

func (c *Client) command(op string, cmd command, r request) error {
	attrs, err := r.encode()
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.set(op, cmd, attrs)
}

// at is an address and port in the form of an address nest.
func at(a netip.AddrPort) *Endpoint { return &Endpoint{Address: a.Addr(), Port: a.Port()} }

// request is what a command about one connection may carry; nil is left out.
type request struct {
	token  uint32
	id     *uint8
	local  *Endpoint
	remote *Endpoint
}

func (r request) encode() ([]byte, error) {
	attrs := netlink.NewAttributeEncoder()
	attrs.Uint32(attrToken, r.token)
	if r.id != nil {
		attrs.Uint8(attrLocID, *r.id)
	}
	if r.local != nil {
		attrs.Nested(attrAddr, r.local.encode)
	}
	if r.remote != nil {
		attrs.Nested(attrAddrRemote, r.remote.encode)
	}
	return attrs.Encode()
}
