//go:build linux

package scenarios_test

import (
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// userspaceFaults are what a path manager in userspace may find broken. Those that concern most come first.
var userspaceFaults = []breakage{
	{
		"ANNOUNCE swallowed", fault{manager: announceSwallowed}, []symptom{
			{"regression/userspace/announce.star::test_announcement[family=ipv4,side=client]", `no such event.*expected: ANNOUNCED with token`},
			{"regression/userspace/announce.star::test_repeated_until_echoed[family=ipv6,side=server]", `not within`},
			{"regression/userspace/remove.star::test_removed[family=ipv4,side=server]", `! sent: expected 1, seen 0\s+! echo_received: expected 1, seen 0`},
			{"regression/userspace/addresses.star::test_each_connection_has_its_own[family=ipv4,side=client]", `! sent: expected 1, seen 0`},
		}, `action +announce`, `add-addr`,
	},
	{
		"SUBFLOW_CREATE swallowed", fault{manager: createSwallowed}, []symptom{
			{"regression/userspace/subflow.star::test_created[family=ipv4,side=server]", `no such event.*expected: SUB_ESTABLISHED with token`},
			{"regression/userspace/failed_join.star::test_refused_port[family=ipv6,side=client,port=0]", `no such event.*expected: SUB_CLOSED with token`},
			{"regression/userspace/subflow.star::test_revived[family=ipv4,side=client]", `subflows of server .*missing:    "10.0.2.2 > 10.0.2.1"`},
		}, `action +subflow create`, `join id`,
	},
	{
		"pm_type not set", fault{unset: "net.mptcp.pm_type"}, []symptom{
			{"regression/userspace/kernel_side.star::test_signal_endpoint[family=ipv4,side=server,when=before]", `! sent: expected 1, seen 2|add_addr_signaled for c`},
			{"regression/userspace/kernel_side.star::test_subflow_endpoint[family=ipv6,when=after]", `subflows of client .*expected: 1\s+seen:     2|! MPJoinSynTx: expected 1, seen 2`},
			{"regression/userspace/kernel_side.star::test_changed_endpoint[family=ipv4,side=client]", `! MPPrioTx: expected 1, seen 2|e.token for e in peer.events`},
			{"regression/userspace/kernel_side.star::test_any_join_is_accepted[family=ipv4]", `missing:    "10.0.1.2 > 10.0.2.1"`},
		}, `action +sysctl net.mptcp.pm_type = 1`, ``,
	},
	{
		"refusals passed over", fault{manager: newForgiving}, []symptom{
			{"regression/userspace/refusals.star::test_refused[family=ipv4,side=client,command=announce with ID 0]", `expected: an error with "invalid addr id"\s+seen:     success`},
			{"regression/userspace/refusals.star::test_refused[family=ipv6,side=server,command=remove an unknown ID]", `expected: an error with "address with id 9 not found"\s+seen:     success`},
			{"regression/userspace/refusals.star::test_wrong_token[side=client,token=the peer's,command=subflow.create]", `expected: an error with "invalid token"\s+seen:     success`},
			{"regression/userspace/refusals.star::test_connection_of_the_kernel[side=server,command=addresses]", `expected: an error with "userspace PM not selected"\s+seen:     success`},
		}, ``, ``,
	},
	{
		"events of connections not told", fault{told: allBut(pm.EventCreated, pm.EventEstablished, pm.EventClosed)}, []symptom{
			{"regression/userspace/events.star::test_connection[family=ipv4,side=client,manager=kernel]", `missing:  \[CREATED`},
			{"regression/userspace/events.star::test_closed_when_the_program_closes[family=ipv6,side=server]", `no such event.*expected: CLOSED`},
			{"regression/userspace/events.star::test_abort[family=ipv4,side=client]", `no such event.*expected: CLOSED`},
		}, `event +\[ +CREATED\]`, ``,
	},
	{
		"events of listeners not told", fault{told: allBut(pm.EventListenerCreated, pm.EventListenerClosed)}, []symptom{
			{"regression/userspace/listener.star::test_listener[family=ipv4,manager=userspace,port=0]", `no such event.*expected: LISTENER_CREATED`},
			{"regression/userspace/listener.star::test_plain_tcp[family=ipv6]", `no such event.*expected: LISTENER_CREATED`},
			{"regression/userspace/listener.star::test_close_leaves_connections[family=ipv4]", `no such event.*expected: LISTENER_CLOSED`},
		}, `event +\[LISTENER_CREATED\]`, ``,
	},
	{
		"flags of events not told", fault{told: withoutFlags}, []symptom{
			{"regression/userspace/events.star::test_server_side_flag[family=ipv4,side=server]", `- 2\s.*\+ 0\s`},
			{"regression/userspace/events.star::test_peer_denies_joins_to_its_initial_address[family=ipv6,side=client]", `- 1\s.*\+ 0\s`},
		}, ``, ``,
	},
	{
		"REMOVE swallowed", fault{manager: removeSwallowed}, []symptom{
			{"regression/userspace/remove.star::test_removed[family=ipv6,side=client]", `no such event.*expected: REMOVED with token`},
			{"regression/userspace/remove.star::test_one_by_one[family=ipv4,side=server]", `! RmAddr: expected 1, seen 0`},
			{"regression/userspace/remove.star::test_initial_address[family=ipv4,side=client]", `unexpected: "10.0.1.2 > 10.0.1.1"`},
		}, `action +remove id`, `rem-addr|REMOVED`,
	},
	{
		"SUBFLOW_DESTROY swallowed", fault{manager: destroySwallowed}, []symptom{
			{"regression/userspace/subflow.star::test_destroyed[family=ipv4,side=client,by=opener]", `unexpected: "10.0.2.1 > 10.0.2.2"`},
			{"regression/userspace/subflow.star::test_destroyed_by_its_ends[socket=IPv6,form=plain]", `expected: an error .*seen:     success`},
			{"regression/userspace/subflow.star::test_destroyed_by_its_ends[socket=IPv6,form=remote mapped]", `unexpected: "10.0.2.2 > 10.0.2.1"`},
			{"regression/userspace/subflow.star::test_initial_subflow_destroyed[family=ipv6,side=server]", `unexpected: "fd00:1::2 > fd00:1::1"`},
		}, `action +subflow destroy`, `SF_CLOSED|RmSubflow`,
	},
	{
		"SET_FLAGS swallowed", fault{manager: setFlagsSwallowed}, []symptom{
			{"regression/userspace/priority.star::test_initial_subflow[family=ipv4,side=client]", `no such event.*expected: SUB_PRIORITY with token`},
			{"regression/userspace/priority.star::test_join[family=ipv6,side=server,by=joined]", `no such event.*expected: SUB_PRIORITY with token`},
			{"regression/userspace/priority.star::test_carries_no_data[family=ipv4,side=server]", `! MPPrioRx: expected 1, seen 0`},
		}, `action +subflow change`, `prio`,
	},
	{
		"SUBFLOW_CREATE or ANNOUNCE with another ID", fault{manager: locallyAs(withAnotherID)}, []symptom{
			{"regression/userspace/subflow.star::test_created[family=ipv6,side=client]", `- 23\s.*\+ 24\s`},
			{"regression/userspace/subflow.star::test_id_0[family=ipv4,side=client]", `s.local_id for s in near.subflows.*- 0\s+\+ 1`},
			{"regression/userspace/announce.star::test_announcement[family=ipv6,side=server]", `- 3\s.*\+ 4\s`},
			{"regression/userspace/announce.star::test_kernel_of_the_peer_joins[family=ipv4,side=server]", `- 10\s.*\+ 11\s`},
		}, `action +(announce|subflow create) `, ``,
	},
	{
		"port left out", fault{manager: locallyAs(withoutPort)}, []symptom{
			{"regression/userspace/announce.star::test_port[family=ipv4,side=client]", `no such event.*expected: ANNOUNCED with .*remote_port = 9999`},
			{"regression/userspace/subflow.star::test_to_announced_address[family=ipv6,side=server,port=9999]", `no such event.*expected: ANNOUNCED with .*remote_port = 9999`},
			{"regression/userspace/subflow.star::test_local_port[family=ipv4,side=server]", `- 40001\s`},
		}, `action +(announce|subflow create) .* port`, ``,
	},
	{
		"interface left out", fault{manager: locallyAs(withoutInterface)}, []symptom{
			{"regression/userspace/subflow.star::test_dev[family=ipv6,side=client,dev=eth1]", `- "eth1"\s+\+ ""`},
			{"regression/userspace/addresses.star::test_list[family=ipv4,side=client]", `- "eth4"\s+\+ ""`},
		}, `action +(announce|subflow create) .* dev`, ``,
	},
	{
		"backup flag left out", fault{manager: locallyAs(withoutBackup)}, []symptom{
			{"regression/userspace/priority.star::test_created_as_backup[family=ipv4,side=server,backup=True]", `- \(True, False\)\s+\+ \(False, False\)`},
			{"regression/userspace/priority.star::test_announced_as_backup[family=ipv6,side=server,backup=True]", `- \(True, False\)\s+\+ \(False, False\)`},
		}, `action +(announce|subflow create) .* backup`, `join backup`,
	},
	{
		"list empty", fault{manager: listLeftEmpty}, []symptom{
			{"regression/userspace/addresses.star::test_list[family=ipv6,side=server]", `signal`},
			{"regression/userspace/addresses.star::test_joined_addresses[family=ipv4,side=client]", `implicit`},
		}, ``, ``,
	},
	{
		"ADD_ADDR lost", fault{lost: addAddr}, []symptom{
			{"regression/userspace/announce.star::test_other_family[family=ipv6,side=client]", `no such event.*expected: ANNOUNCED with token`},
			{"regression/userspace/announce.star::test_address_of_another_host[family=ipv4,side=server]", `no such event.*expected: ANNOUNCED with token`},
		}, `packet .*add-addr id `, `add-addr echo|ANNOUNCED`,
	},
	{
		"echo of ADD_ADDR lost", fault{lost: echo}, []symptom{
			{"regression/userspace/announce.star::test_announcement[family=ipv4,side=server]", `sent: expected 1, seen \d\s+! echo_received: expected 1, seen 0`},
			{"regression/userspace/announce.star::test_announced_again[family=ipv6,side=client]", `sent: expected 1, seen \d\s+! echo_received: expected 1, seen 0`},
		}, `packet .*add-addr echo id `, `EchoAdd \+`,
	},
	{
		"RM_ADDR lost", fault{lost: rmAddr}, []symptom{
			{"regression/userspace/remove.star::test_peer_closes_its_subflows[family=ipv4,side=server,peer_in=kernel]", `unexpected: "10.0.2.1 > 10.0.2.2"`},
			{"regression/userspace/remove.star::test_address_of_a_subflow[family=ipv6,side=client]", `subflows of client .*expected: 1\s+seen:     2`},
			{"regression/userspace/remove.star::test_unused_address[family=ipv4,side=client]", `! RmAddr: expected 1, seen 0`},
			{"regression/userspace/kernel_side.star::test_deleted_endpoint[family=ipv4,side=client,how=delete]", `! RmAddr: expected 1, seen 0`},
		}, `packet .*rem-addr id `, `REMOVED|RmAddr \+`,
	},
	{
		"MP_PRIO lost", fault{lost: mpPrio}, []symptom{
			{"regression/userspace/priority.star::test_initial_subflow[family=ipv6,side=server]", `no such event.*expected: SUB_PRIORITY with token`},
			{"regression/userspace/priority.star::test_only_the_named_subflow[family=ipv4,side=client]", `! MPPrioRx: expected 1, seen 0`},
		}, `packet .*prio backup`, `SF_PRIO|MPPrioRx`,
	},
	{
		"SYN of MP_JOIN lost", fault{lost: joinSYN}, []symptom{
			{"regression/userspace/subflow.star::test_several_from_one_address[family=ipv4,side=server]", `subflows of client .*expected: 2\s+seen:     1`},
			{"regression/userspace/failed_join.star::test_to_port_that_was_not_announced[family=ipv6,side=client]", `no such event.*expected: SUB_CLOSED`},
			{"regression/userspace/events.star::test_tokens_tell_connections_apart[family=ipv4]", `subflows of server .*expected: 2\s+seen:     1`},
		}, `packet .*Flags \[S\].* join `, `Flags \[S\.\].* join|MPJoinSynRx`,
	},
}

// allBut tells a host of no event of these kinds.
func allBut(kinds ...pm.EventKind) func(lab.Event) (lab.Event, bool) {
	return func(e lab.Event) (lab.Event, bool) { return e, !slices.Contains(kinds, e.Kind) }
}

func withoutFlags(e lab.Event) (lab.Event, bool) {
	e.Flags = 0
	return e, true
}
