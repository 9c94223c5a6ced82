package ipmptcp

import (
	"context"
	"math"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// changeable are the flags that "endpoint change" can set.
const changeable = pm.FlagBackup | pm.FlagFullmesh

// item is what the words behind "endpoint add" and its like say.
type item struct {
	cmd     Cmd
	id      uint8
	idSet   bool
	flags   pm.Flags
	ifIndex int32
	port    uint16
	address *address
}

// keywords are the words that take a value, in the order in which they are tried.
var keywords = []struct {
	word string
	read func(*item, *session, context.Context, string) error
}{
	{"id", (*item).readID},
	{"dev", (*item).readDev},
	{"port", (*item).readPort},
}

// parseItem reads the words from left to right, and ends at the first that is wrong.
func (s *session) parseItem(ctx context.Context, cmd Cmd, words []string) (item, error) {
	it := item{cmd: cmd}
	if err := s.devices.list(ctx); err != nil {
		return it, err
	}
	for len(words) > 0 {
		n, err := it.read(ctx, s, words)
		if err != nil {
			return it, err
		}
		words = words[n:]
	}
	return it, it.check()
}

// read reads one word, or two, and returns how many.
func (it *item) read(ctx context.Context, s *session, words []string) (int, error) {
	word := words[0]
	if flag, ok := parseFlag(word); ok {
		it.flags |= flag
		return 1, it.checkFlags(word)
	}
	for _, k := range keywords {
		if !abbreviates(word, k.word) {
			continue
		}
		if len(words) == 1 {
			return 0, incomplete()
		}
		return 2, k.read(it, s, ctx, words[1])
	}
	a, ok := parseAddress(word)
	if !ok {
		return 0, notAddress(word)
	}
	it.address = &a
	return 1, nil
}

// parseFlag reads a flag. The two that begin with "no" only leave the others as they are.
func parseFlag(word string) (pm.Flags, bool) {
	if word == "nobackup" || word == "nofullmesh" {
		return 0, true
	}
	flag, err := pm.ParseFlags(word)
	return flag, err == nil && flag.String() == word && !strings.Contains(word, " ") && word != ""
}

func (it *item) checkFlags(word string) error {
	switch {
	case it.cmd == CmdAddAddr && it.flags&pm.FlagSignal != 0 && it.flags&pm.FlagFullmesh != 0:
		return wrong(word, "flags mustn't have both signal and fullmesh")
	case it.cmd == CmdSetFlags && it.flags&^changeable != 0:
		return wrong(word, "invalid flags, backup and fullmesh only")
	}
	return nil
}

func (it *item) readID(_ *session, _ context.Context, word string) error {
	n, ok := parseUint(word, math.MaxUint8)
	if !ok {
		return wrong(word, "invalid ID\n")
	}
	it.id, it.idSet = uint8(n), true
	return nil
}

func (it *item) readDev(s *session, ctx context.Context, word string) error {
	if !validName(word) {
		return wrong(word, "invalid interface name\n")
	}
	it.ifIndex = s.devices.index(ctx, word)
	if it.ifIndex == 0 {
		return wrong(word, "device does not exist\n")
	}
	return nil
}

func (it *item) readPort(_ *session, _ context.Context, word string) error {
	n, ok := parseUint(word, math.MaxUint16)
	if !ok {
		return wrong(word, "expected port")
	}
	it.port = uint16(n)
	return nil
}

// check tells what is wrong with all the words together.
func (it *item) check() error {
	add, change, del := it.cmd == CmdAddAddr, it.cmd == CmdSetFlags, it.cmd == CmdDelAddr
	switch {
	case add && it.address == nil:
		return required("ADDRESS")
	case del && !it.idSet:
		return required("ID")
	case del && it.id != 0 && it.address != nil:
		return wrong("ADDRESS", "invalid for non-zero id address\n")
	case del && it.id == 0 && it.address == nil:
		return wrong("ID", "address is needed for deleting id 0 address\n")
	case !del && it.idSet && it.id == 0:
		return wrong("ID", "cannot be 0\n")
	case add && it.port != 0 && it.flags&pm.FlagSignal == 0:
		return wrong("port", "flags must have signal when using port")
	case change && it.idSet && it.port != 0:
		return wrong("port", "port can't be used with id")
	}
	return nil
}

// request encodes the item, its attributes in the order in which ip sends them.
func (it *item) request() (Request, error) {
	e := netlink.NewAttributeEncoder()
	e.Nested(attrAddr, it.encode)
	attrs, err := e.Encode()
	return Request{Cmd: it.cmd, Attrs: attrs}, err
}

func (it *item) encode(nest *netlink.AttributeEncoder) error {
	if it.idSet {
		nest.Uint8(addrID, it.id)
	}
	if it.flags != 0 {
		nest.Uint32(addrFlags, uint32(it.flags))
	}
	if it.ifIndex != 0 {
		nest.Int32(addrIfIdx, it.ifIndex)
	}
	if it.port != 0 {
		nest.Uint16(addrPort, it.port)
	}
	if it.address != nil {
		nest.Uint16(addrFamily, it.address.family)
		number := uint16(addrAddr6)
		if it.address.family == familyIPv4 {
			number = addrAddr4
		}
		nest.Bytes(number, it.address.bytes)
	}
	return nil
}

// modifyEndpoint is "endpoint add", "change" and "delete".
func (s *session) modifyEndpoint(ctx context.Context, cmd Cmd, words []string) error {
	_, err := s.requestItem(ctx, cmd, words)
	return err
}

func (s *session) requestItem(ctx context.Context, cmd Cmd, words []string) (Reply, error) {
	it, err := s.parseItem(ctx, cmd, words)
	if err != nil {
		return Reply{}, err
	}
	request, err := it.request()
	if err != nil {
		return Reply{}, refused(err)
	}
	return s.do(ctx, request)
}

// flushEndpoints is "endpoint flush", which takes any words and heeds none.
func (s *session) flushEndpoints(ctx context.Context) error {
	_, err := s.do(ctx, Request{Cmd: CmdFlushAddrs})
	return err
}
