package prove

import (
	"slices"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Faults are all faults, those first which cases are about first: commands, then what is on the wire, then what is shown.
// The caller may change the list, not the faults.
func Faults() []*Fault {
	var list []*Fault
	for _, part := range [][]Fault{commandFaults, packetFaults, labFaults, witnessFaults} {
		for i := range part {
			list = append(list, &part[i])
		}
	}
	return list
}

// commandFaults are about what is asked of a path manager.
var commandFaults = []Fault{
	{Name: "subflows limit left unset", Effect: "The limit keeps its value.", limits: subflowsLimit(unset)},
	{Name: "subflows limit one too low", Effect: "The limit is set to one less.", limits: subflowsLimit(less)},
	{Name: "subflows limit one too high", Effect: "The limit is set to one more.", limits: subflowsLimit(more)},
	{Name: "add_addr_accepted limit left unset", Effect: "The limit keeps its value.", limits: addAddrLimit(unset)},
	{Name: "add_addr_accepted limit one too low", Effect: "The limit is set to one less.", limits: addAddrLimit(less)},
	{Name: "add_addr_accepted limit one too high", Effect: "The limit is set to one more.", limits: addAddrLimit(more)},
	{Name: "limits not set", Effect: "Neither limit is set.", ignores: limitsSet},
	{Name: "endpoint without signal", Effect: "The flag is left out of new endpoints.", endpoint: without(pm.FlagSignal, endpointAdd)},
	{Name: "endpoint without subflow", Effect: "The flag is left out of new endpoints.", endpoint: without(pm.FlagSubflow, endpointAdd)},
	{
		Name: "endpoint without backup", Effect: "The flag is left out of new and changed endpoints.",
		endpoint: without(pm.FlagBackup, endpointAdd, endpointChange),
	},
	{
		Name: "endpoint without fullmesh", Effect: "The flag is left out of new and changed endpoints.",
		endpoint: without(pm.FlagFullmesh, endpointAdd, endpointChange),
	},
	{Name: "endpoint without laminar", Effect: "The flag is left out of new endpoints.", endpoint: without(pm.FlagLaminar, endpointAdd)},
	{
		Name: "endpoint without port", Effect: "The port is left out of new endpoints.",
		endpoint: &endpointFault{[]command{endpointAdd}, withoutPort},
	},
	{
		Name: "endpoint without dev", Effect: "The interface is left out of new endpoints.",
		endpoint: &endpointFault{[]command{endpointAdd}, withoutDev},
	},
	{
		Name: "endpoint with another id", Effect: "A new endpoint that is given an ID gets the next one.",
		endpoint: &endpointFault{[]command{endpointAdd}, nextID},
	},
	{Name: "endpoint not added", Effect: "An endpoint is shown as if it had been added, and is not there.", ignores: endpointAdd},
	{Name: "endpoint not deleted", Effect: "An endpoint stays that was to be deleted.", ignores: endpointDelete},
	{
		Name: "endpoint with another id deleted", Effect: "The endpoint with the next ID is deleted.",
		endpoint: &endpointFault{[]command{endpointDelete}, anyNextID},
	},
	{Name: "endpoints not flushed", Effect: "The endpoints stay that were to be flushed.", ignores: endpointFlush},
	{Name: "endpoint not changed", Effect: "The flags of an endpoint stay as they are.", ignores: endpointChange},
	{Name: "announce ignored", Effect: "ANNOUNCE of a userspace path manager does nothing.", ignores: announce},
	{Name: "remove ignored", Effect: "REMOVE of a userspace path manager does nothing.", ignores: remove},
	{Name: "subflow create ignored", Effect: "SUBFLOW_CREATE of a userspace path manager does nothing.", ignores: subflowCreate},
	{Name: "subflow destroy ignored", Effect: "SUBFLOW_DESTROY of a userspace path manager does nothing.", ignores: subflowDestroy},
	{Name: "subflow set flags ignored", Effect: "SET_FLAGS of a userspace path manager does nothing.", ignores: subflowSetFlags},
	{
		Name: "announce or subflow create with another id", Effect: "The local address has the next ID.",
		endpoint: &endpointFault{[]command{announce, subflowCreate}, anyNextID},
	},
	{
		Name: "announce or subflow create without port", Effect: "The port of the local address is left out.",
		endpoint: &endpointFault{[]command{announce, subflowCreate}, withoutPort},
	},
	{
		Name: "announce or subflow create without dev", Effect: "The interface of the local address is left out.",
		endpoint: &endpointFault{[]command{announce, subflowCreate}, withoutDev},
	},
	{
		Name: "announce or subflow create without backup", Effect: "The flag of the local address is left out.",
		endpoint: without(pm.FlagBackup, announce, subflowCreate),
	},
	{Name: "refusal passed over", Effect: "A command that the path manager refuses looks obeyed.", forgives: true},
}

// subflowsLimit changes the one limit that is set, and addAddrLimit the other. Where the kernel has that value already, it makes
// no difference whether it is set.
func subflowsLimit(become func(now, want uint32) uint32) func(pm.Limits, pm.LimitsUpdate) pm.LimitsUpdate {
	return func(now pm.Limits, l pm.LimitsUpdate) pm.LimitsUpdate {
		l.Subflows = altered(now.Subflows, l.Subflows, become)
		return l
	}
}

func addAddrLimit(become func(now, want uint32) uint32) func(pm.Limits, pm.LimitsUpdate) pm.LimitsUpdate {
	return func(now pm.Limits, l pm.LimitsUpdate) pm.LimitsUpdate {
		l.AddAddrAccepted = altered(now.AddAddrAccepted, l.AddAddrAccepted, become)
		return l
	}
}

func altered(now uint32, want *uint32, become func(now, want uint32) uint32) *uint32 {
	if want == nil {
		return nil
	}
	return new(become(now, *want))
}

func unset(now, _ uint32) uint32 { return now }

func less(_, want uint32) uint32 {
	if want == 0 {
		return 0
	}
	return want - 1
}

// more leaves what the kernel takes no more of (MPTCP_PM_ADDR_MAX in net/mptcp/protocol.h).
func more(_, want uint32) uint32 {
	if want >= 8 {
		return want
	}
	return want + 1
}

func without(flags pm.Flags, of ...command) *endpointFault {
	return &endpointFault{of, func(e pm.Endpoint) pm.Endpoint {
		e.Flags &^= flags
		return e
	}}
}

func withoutPort(e pm.Endpoint) pm.Endpoint {
	e.Port = 0
	return e
}

func withoutDev(e pm.Endpoint) pm.Endpoint {
	e.IfIndex = 0
	return e
}

// nextID leaves an ID alone that the kernel is to pick; anyNextID takes 0 for an ID like any other, as userspace commands do.
func nextID(e pm.Endpoint) pm.Endpoint {
	if e.ID == 0 {
		return e
	}
	return anyNextID(e)
}

func anyNextID(e pm.Endpoint) pm.Endpoint {
	e.ID = e.ID%255 + 1
	return e
}

// is tells whether the fault is about the endpoint of that command.
func (f *endpointFault) is(c command) bool { return f != nil && slices.Contains(f.of, c) }
