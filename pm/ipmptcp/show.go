package ipmptcp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// errNoAddr tells of a message that should describe an endpoint and does not. It is silent.
var errNoAddr = &failure{status: statusFailed}

// listEndpoints is "endpoint show" without a word.
func (s *session) listEndpoints(ctx context.Context) error {
	reply, err := s.manager.Do(ctx, Request{Cmd: CmdGetAddr, Dump: true})
	if printed := s.printEndpoints(ctx, reply.Messages); errors.Is(printed, errNoAddr) {
		return dumpTerminated("")
	} else if printed != nil {
		return printed
	}
	if err != nil {
		return dumpTerminated(refused(err).(*failure).text)
	}
	if reply.Interrupted {
		s.complain("Dump was interrupted and may be inconsistent.\n")
	}
	return nil
}

func dumpTerminated(why string) error {
	return &failure{text: why + "Dump terminated\n", status: statusRefused}
}

// showEndpoint is "endpoint show" with any words.
func (s *session) showEndpoint(ctx context.Context, words []string) error {
	reply, err := s.requestItem(ctx, CmdGetAddr, words)
	if err != nil {
		return err
	}
	return s.printEndpoints(ctx, reply.Messages)
}

// printEndpoints prints what the messages say, up to one that says nothing.
func (s *session) printEndpoints(ctx context.Context, messages []Message) error {
	s.printer.begin(s.options.json, s.options.pretty)
	defer s.printer.end()
	for _, m := range messages {
		top := parseAttrs(m.Attrs)
		if !top.has(attrAddr) {
			return errNoAddr
		}
		if err := s.devices.list(ctx); err != nil {
			return err
		}
		nest := parseAttrs(top[attrAddr])
		e := parseEndpoint(&nest)
		s.result.Endpoints = append(s.result.Endpoints, e)
		s.printer.record(s.endpointFields(ctx, &nest, e))
	}
	return nil
}

// parseEndpoint takes from a nest what it has.
func parseEndpoint(nest *attrs) pm.Endpoint {
	return pm.Endpoint{
		Address: endpointAddr(nest),
		Port:    nest.uint16(addrPort),
		ID:      nest.uint8(addrID),
		Flags:   pm.Flags(nest.uint32(addrFlags)),
		IfIndex: int32(nest.uint32(addrIfIdx)),
	}
}

func endpointAddr(nest *attrs) netip.Addr {
	var a netip.Addr
	switch nest.uint16(addrFamily) {
	case familyIPv4:
		a, _ = nest.addr(addrAddr4, 4)
	case familyIPv6:
		a, _ = nest.addr(addrAddr6, 16)
	}
	return a
}

// endpointFields are the fields of an endpoint, each of which ends in a blank.
func (s *session) endpointFields(ctx context.Context, nest *attrs, e pm.Endpoint) []field {
	var fields []field
	if text, c := s.endpointAddress(ctx, nest, e); text != "" {
		fields = append(fields, field{text: text + " ", color: c, key: "address", value: jsonString(text)})
	}
	if e.Port != 0 {
		fields = append(fields, field{label: fmt.Sprintf("port %d ", e.Port), key: "port", value: jsonUint(e.Port)})
	}
	if nest.has(addrID) {
		fields = append(fields, field{label: fmt.Sprintf("id %d ", e.ID), key: "id", value: jsonUint(e.ID)})
	}
	fields = append(fields, flagFields(e.Flags)...)
	if e.IfIndex != 0 {
		name := s.devices.name(ctx, e.IfIndex)
		fields = append(fields, field{label: "dev ", text: name + " ", color: colorDevice, key: "dev", value: jsonString(name)})
	}
	return fields
}

// endpointAddress is the address, by name if that is wanted, and its colour. What it is in an unknown family, ip cannot say.
func (s *session) endpointAddress(ctx context.Context, nest *attrs, e pm.Endpoint) (string, color) {
	c := colorInet6
	switch family := nest.uint16(addrFamily); {
	case family != familyIPv4 && family != familyIPv6 && nest.has(addrAddr6):
		return "???", colorNone
	case !e.Address.IsValid():
		return "", colorNone
	case family == familyIPv4:
		c = colorInet
	}
	if s.options.resolve && s.command.LookupAddr != nil {
		if name := s.command.LookupAddr(ctx, e.Address.Unmap()); name != "" {
			return name, c
		}
	}
	return formatAddress(e.Address), c
}

// flagFields are the flags by their names; bits without one are the last field, in hexadecimal.
func flagFields(flags pm.Flags) []field {
	names, raw, unknown := strings.Cut(flags.String(), "rawflags ")
	var fields []field
	for _, name := range strings.Fields(names) {
		fields = append(fields, field{label: name + " ", key: name, value: "true"})
	}
	if unknown {
		fields = append(fields, field{label: "rawflags " + raw + " ", key: "rawflags", value: jsonString(raw)})
	}
	return fields
}

// printLimits prints the limits. They are never JSON; ip opens no array for them.
func (s *session) printLimits(m Message) {
	top := parseAttrs(m.Attrs)
	l := pm.Limits{AddAddrAccepted: top.uint32(attrRcvAddAddrs), Subflows: top.uint32(attrSubflows)}
	s.result.Limits = &l
	var fields []field
	if top.has(attrRcvAddAddrs) {
		fields = append(fields, field{label: "add_addr_accepted " + signed(l.AddAddrAccepted) + " "})
	}
	if top.has(attrSubflows) {
		fields = append(fields, field{label: "subflows " + signed(l.Subflows) + " "})
	}
	s.printer.record(fields)
}

// signed is a number as C's %d prints it.
func signed(n uint32) string { return strconv.Itoa(int(int32(n))) }
