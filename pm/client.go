package pm

import (
	"fmt"
	"sync"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// maxDumps is how often the table of endpoints is read before its changing is reported.
const maxDumps = 16

// Client drives the in-kernel path manager of one network namespace, and the connections there that are left to a path
// manager in userspace.
// Its methods may be called from several goroutines. What the kernel refuses is an [Error].
type Client struct {
	family Family
	mu     sync.Mutex // held from a request to the last of its replies
	conn   *genetlink.Conn
}

// Dial opens a client. Reading needs no privilege, writing CAP_NET_ADMIN over the network namespace; Config.NetNS
// needs CAP_SYS_ADMIN. Without MPTCP in the kernel the error is [ErrNotSupported].
func Dial(cfg Config) (*Client, error) {
	conn, family, err := cfg.dial()
	if err != nil {
		return nil, err
	}
	return &Client{family: family, conn: conn}, nil
}

// Close closes the client's socket. Endpoints and limits stay as they are.
func (c *Client) Close() error { return c.conn.Close() }

// AddEndpoint adds an endpoint. With ID 0 the kernel picks one, which [Client.Endpoints] tells.
// It refuses, among others, a ninth endpoint (ERANGE), an ID (EBUSY) or an address (EEXIST) that is taken.
func (c *Client) AddEndpoint(e Endpoint) error {
	return c.changeEndpoint("add", cmdAddAddr, e)
}

// DeleteEndpoint deletes the endpoint of that ID, whatever else is given. ID 0 stands for no endpoint, but for the
// address of the initial subflow of each connection: where that is e.Address, those subflows are closed and the address
// is withdrawn from the peer. The kernel never refuses ID 0, even if no connection matches.
func (c *Client) DeleteEndpoint(e Endpoint) error {
	return c.changeEndpoint("delete", cmdDelAddr, e.key())
}

// ChangeEndpoint sets the flags backup and fullmesh as e.Flags has them, on the endpoint of that ID or, with ID 0, of
// that address and port. The kernel ignores the other flags.
func (c *Client) ChangeEndpoint(e Endpoint) error {
	k := e.key()
	k.Flags = e.Flags
	return c.changeEndpoint("change", cmdSetFlags, k)
}

func (c *Client) changeEndpoint(verb string, cmd command, e Endpoint) error {
	op := verb + " endpoint " + e.String()
	attrs, err := e.request()
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.set(op, cmd, attrs)
}

// Endpoint returns the endpoint of that ID. The kernel's answer for an unknown one is EINVAL, "address not found".
func (c *Client) Endpoint(id uint8) (Endpoint, error) {
	op := fmt.Sprintf("get endpoint id %d", id)
	attrs, err := Endpoint{ID: id}.request()
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", op, err)
	}
	return getOne(c, op, cmdGetAddr, attrs, parseEndpoint)
}

// Endpoints lists the endpoints in order of ID, those that the kernel made itself (implicit) included.
func (c *Client) Endpoints() ([]Endpoint, error) {
	return c.list("list endpoints", nil)
}

// list sends a request that is answered by a list of endpoints, and decodes that.
func (c *Client) list(op string, attrs []byte) ([]Endpoint, error) {
	replies, err := c.dump(op, cmdGetAddr, attrs)
	if err != nil {
		return nil, err
	}
	endpoints := make([]Endpoint, 0, len(replies))
	for _, reply := range replies {
		e, err := parseEndpoint(reply.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, nil
}

// FlushEndpoints deletes all endpoints, and lets IDs start at 1 again. The limits stay.
func (c *Client) FlushEndpoints() error {
	return c.set("flush endpoints", cmdFlushAddrs, nil)
}

// Limits returns the limits.
func (c *Client) Limits() (Limits, error) {
	return getOne(c, "get limits", cmdGetLimits, nil, parseLimits)
}

// SetLimits sets the limits that are not nil. When the kernel refuses one of two, it sets neither.
func (c *Client) SetLimits(u LimitsUpdate) error {
	op := "set limits " + u.String()
	attrs, err := u.request()
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.set(op, cmdSetLimits, attrs)
}

// set sends a request that is answered by an acknowledgement.
func (c *Client) set(op string, cmd command, attrs []byte) error {
	_, _, err := c.exchange(op, cmd, netlink.Request|netlink.Acknowledge, attrs)
	return err
}

// getOne sends a request that is answered by one message, and decodes that.
// It asks for no acknowledgement, which would come after the answer and be taken for that of the next request.
func getOne[T any](c *Client, op string, cmd command, attrs []byte, parse func([]byte) (T, error)) (T, error) {
	var zero T
	replies, _, err := c.exchange(op, cmd, netlink.Request, attrs)
	if err != nil {
		return zero, err
	}
	if len(replies) != 1 {
		return zero, fmt.Errorf("%s: %d replies, not one", op, len(replies))
	}
	v, err := parse(replies[0].Data)
	if err != nil {
		return zero, fmt.Errorf("%s: %w", op, err)
	}
	return v, nil
}

// dump sends a request that is answered by a list, again if the list changed while it was sent.
func (c *Client) dump(op string, cmd command, attrs []byte) ([]genetlink.Message, error) {
	for range maxDumps {
		replies, headers, err := c.exchange(op, cmd, netlink.Request|netlink.Dump, attrs)
		if err != nil {
			return nil, err
		}
		if !interrupted(headers) {
			return replies, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", op, ErrInterrupted)
}

func interrupted(messages []netlink.Message) bool {
	for _, m := range messages {
		if m.Header.Flags&netlink.DumpInterrupted != 0 {
			return true
		}
	}
	return false
}

// exchange sends one request and receives all its replies, with their netlink headers.
func (c *Client) exchange(op string, cmd command, flags netlink.HeaderFlags, attrs []byte) ([]genetlink.Message, []netlink.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	request := genetlink.Message{
		Header: genetlink.Header{Command: uint8(cmd), Version: c.family.Version},
		Data:   attrs,
	}
	sent, err := c.conn.Send(request, c.family.ID, flags)
	if err != nil {
		return nil, nil, newError(op, err, attrs)
	}
	replies, headers, err := c.conn.Receive()
	if err != nil {
		return nil, nil, newError(op, err, attrs)
	}
	if err := netlink.Validate(sent, headers); err != nil {
		return nil, nil, newError(op, err, attrs)
	}
	return replies, headers, nil
}
