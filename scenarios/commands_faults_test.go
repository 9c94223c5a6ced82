//go:build linux

package scenarios_test

import (
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// commandFaults are what may be broken about the commands of ip-mptcp(8), whatever connections make of them.
var commandFaults = []breakage{
	{
		"endpoint left out", fault{manager: newLeftOut}, []symptom{
			{"regression/commands/endpoint.star::test_at_most_8[family=ipv4]", `expected: an error .*seen:     success, returned \[9\]`},
			{"regression/commands/endpoint.star::test_duplicate[family=ipv6,again=other flag]", `expected: an error .*seen:     success`},
			{"regression/commands/id.star::test_wraps_around[family=ipv4]", `- 255\s`},
		}, `action +endpoint add`, ``,
	},
	{
		"every flag dropped", fault{manager: without(^pm.Flags(0))}, []symptom{
			{"regression/commands/endpoint.star::test_each_flag[flag=backup,family=ipv4]", `- "backup"\s`},
			{"regression/commands/endpoint.star::test_each_flag[flag=fullmesh,family=ipv6]", `- "fullmesh"\s`},
			{"regression/commands/endpoint.star::test_refused_flags[family=ipv4,combination=implicit]", `expected: an error .*seen:     success`},
			{"regression/commands/change.star::test_change[family=ipv4,flags=backup,by=address]", `- \(1, "192.0.2.1", \["subflow", "backup"\], "eth1"\)`},
		}, `action +endpoint add`, ``,
	},
	{
		"ID left to the kernel", fault{manager: endpointAs(withoutID)}, []symptom{
			{"regression/commands/id.star::test_chosen[family=ipv6]", `expected: 10\s+seen:     1`},
			{"regression/commands/endpoint.star::test_families_side_by_side", `\+ \(1, "2001:db8::30"\)`},
		}, `action +endpoint add .* id`, ``,
	},
	{
		"interface left out", fault{manager: endpointAs(withoutInterface)}, []symptom{
			{"regression/commands/endpoint.star::test_add[family=ipv4]", `\+ \(3, "192.0.2.3", \["subflow"\], "", 0\)`},
		}, `action +endpoint add .* dev eth1`, ``,
	},
	{
		"port left out", fault{manager: endpointAs(withoutPort)}, []symptom{
			{"regression/commands/endpoint.star::test_refused_flags[family=ipv6,combination=port with subflow]", `does not show it`},
		}, `action +endpoint add .* port`, ``,
	},
	{
		"deletion swallowed", fault{manager: deletionSwallowed}, []symptom{
			{"regression/commands/endpoint.star::test_delete[family=ipv4]", `\+ \(2, "192.0.2.2"\)`},
			{"regression/commands/id.star::test_counted_up[family=ipv6]", `- 4\s+5\s+\+ 6`},
		}, `action +endpoint delete`, ``,
	},
	{
		"deletion flushes", fault{manager: deletionFlushes}, []symptom{
			{"regression/commands/endpoint.star::test_delete[family=ipv6]", `- \(1, "2001:db8::1"\)`},
			{"regression/commands/id.star::test_all_of_them[family=ipv4]", `\+ 1\s`},
		}, `action +endpoint delete`, ``,
	},
	{
		"ID 0 taken for 1", fault{manager: zeroAsOne}, []symptom{
			{"regression/commands/endpoint.star::test_delete_id_0[family=ipv4]", `- 1\s+2`},
		}, `action +endpoint delete`, ``,
	},
	{
		"flush swallowed", fault{manager: flushSwallowed}, []symptom{
			{"regression/commands/endpoint.star::test_flush[family=ipv6]", `endpoint\(`},
			{"regression/commands/id.star::test_flush_starts_anew[family=ipv4]", `- 1\s+\+ 4`},
		}, `action +endpoint flush`, ``,
	},
	{
		"change swallowed", fault{manager: changeSwallowed}, []symptom{
			{"regression/commands/change.star::test_change[family=ipv6,flags=nofullmesh,by=ID]", `\+ \(3, "2001:db8::3", \["subflow", "fullmesh"\], "eth1"\)`},
			{"regression/commands/change.star::test_refused[family=ipv4]", `expected: an error with "address not found"\s+seen:     success`},
		}, `action +endpoint change`, ``,
	},
	{
		"limits not set", fault{manager: limitsAs(unset)}, []symptom{
			{"regression/commands/limits.star::test_set[subflows=7,add_addr_accepted=8]", `- 7\s+- 8\s+\+ 2\s+\+ 0`},
			{"regression/commands/limits.star::test_above_the_maximum[limit=subflows,value=9]", `expected: an error .*seen:     success`},
		}, `action +limits set`, ``,
	},
	{
		"refusals passed over", fault{manager: newForgiving}, []symptom{
			{"regression/commands/limits.star::test_above_the_maximum[limit=add_addr_accepted,value=4294967295]", `expected: an error .*seen:     success`},
			{"regression/commands/endpoint.star::test_empty_at_first", `expected: an error with "address not found"\s+seen:     success`},
			{"regression/commands/endpoint.star::test_duplicate_mapped_address", `expected: an error with "too many addresses or duplicate one: -17"\s+seen:     success`},
			{"regression/commands/id.star::test_refused_ones_take_none[family=ipv6]", `expected: an error with "duplicate one: -17"\s+seen:     success`},
		}, ``, ``,
	},
	{
		"other limits shown", fault{manager: otherLimits}, []symptom{
			{"regression/commands/limits.star::test_defaults", `- 2\s+- 0\s+\+ 3\s+\+ 1`},
		}, ``, ``,
	},
	{
		"limits higher by one", fault{manager: limitsAs(more)}, []symptom{
			{"regression/commands/limits.star::test_one_alone", `\+ 6\s+5\s+- 4`},
		}, `action +limits set`, ``,
	},
}

// endpointAs makes each new endpoint another one on its way to the kernel.
func endpointAs(become func(pm.Endpoint) pm.Endpoint) func(lab.PathManager) lab.PathManager {
	return func(m lab.PathManager) lab.PathManager {
		return altered{PathManager: m, add: func(e pm.Endpoint) error { return m.AddEndpoint(become(e)) }}
	}
}

func withoutID(e pm.Endpoint) pm.Endpoint {
	e.ID = 0
	return e
}

func deletionSwallowed(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, del: func(pm.Endpoint) error { return nil }}
}

func deletionFlushes(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, del: func(pm.Endpoint) error { return m.FlushEndpoints() }}
}

func zeroAsOne(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, del: func(e pm.Endpoint) error {
		e.ID = max(e.ID, 1)
		return m.DeleteEndpoint(e)
	}}
}

func otherLimits(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, limits: func() (pm.Limits, error) {
		l, err := m.Limits()
		l.Subflows++
		l.AddAddrAccepted++
		return l, err
	}}
}

func flushSwallowed(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, flush: func() error { return nil }}
}

func changeSwallowed(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, change: func(pm.Endpoint) error { return nil }}
}
