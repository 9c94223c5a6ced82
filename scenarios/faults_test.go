//go:build linux

// Package scenarios_test proves that the scenarios can fail: it breaks the kernel's side on purpose, one fault at a time,
// and reads the cause from what the scenarios say.
//
// The faults stand between the scenarios and the real kernel: in the calls of the path manager, and in the firewall of the
// hosts. The scenarios themselves are run by the command, not here.
package scenarios_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// symptom is what a case says under a fault.
type symptom struct {
	selector string // the case, as on the command line
	says     string // pattern of the message, of which . is also the end of a line
}

// breakage is a fault, with cases that fail under it.
type breakage struct {
	name     string
	fault    fault
	symptoms []symptom
	shows    string // pattern of a line of the timeline, of each case: what was done; may be empty
	lacks    string // pattern of no line: what should have come of it; may be empty
}

var kernelFaults = []breakage{
	{
		"limits not set", fault{manager: limitsAs(unset)}, []symptom{
			{"regression/limits.star::test_range[limit=subflows]", `- "subflows": 0\s+\+ "subflows": 2`},
			{"regression/limits.star::test_client_opens_no_more[family=ipv4,limit=1]", `unexpected: "10.0.1.2 > 10.0.3.1"`},
			{"regression/limits.star::test_server_accepts_no_more[family=ipv6,limit=0]", `! MPJoinAckRx: expected 0, seen 2\s+! MPJoinRejected: expected 2, seen 0`},
			{"regression/limits.star::test_announcements_accepted[family=ipv4,limit=1]", `missing:    "10.0.2.2 > 10.0.2.1"`},
			{"regression/rm_addr.star::test_flush_keeps_the_limits", `- 5\s+- 3\s+\+ 2\s+\+ 0`},
		}, `action +limits set`, ``,
	},
	{
		"limits lower by one", fault{manager: limitsAs(less)}, []symptom{
			{"regression/limits.star::test_client_opens_no_more[family=ipv4,limit=2]", `missing:    "10.0.1.2 > 10.0.3.1"`},
			{"regression/limits.star::test_server_accepts_no_more[family=ipv4,limit=1]", `! MPJoinAckRx: expected 1, seen 0\s+! MPJoinRejected: expected 1, seen 2`},
			{"regression/limits.star::test_announcements_accepted[family=ipv6,limit=2]", `missing:    "fd00:3::2 > fd00:3::1"`},
		}, `action +limits set`, ``,
	},
	{
		"limits higher by one", fault{manager: limitsAs(more)}, []symptom{
			{"regression/limits.star::test_client_opens_no_more[family=ipv6,limit=2]", `unexpected: "fd00:1::2 > fd00:4::1"`},
			{"regression/limits.star::test_server_accepts_no_more[family=ipv4,limit=1]", `! MPJoinAckRx: expected 1, seen 2\s+! MPJoinRejected: expected 1, seen 0`},
			{"regression/limits.star::test_announcements_accepted[family=ipv4,limit=1]", `unexpected: "10.0.3.2 > 10.0.3.1"`},
			{"regression/limits.star::test_no_announcement_accepted_without_subflows[family=ipv4]", `expected: 1\s+seen:     2`},
		}, `action +limits set`, ``,
	},
	{
		"endpoint left out", fault{manager: newLeftOut}, []symptom{
			{"regression/endpoint_flags.star::test_subflow[family=ipv4]", `subflows of client .*expected: 2\s+seen:     1`},
			{"regression/endpoint_flags.star::test_signal[family=ipv6]", `no such event.*expected: ANNOUNCED with remote = "fd00:2::2"`},
			{"regression/endpoint_flags.star::test_table_is_full_at_eight[family=ipv4]", `expected: an error .*seen:     success, returned \[9\]`},
			{"regression/fullmesh.star::test_mesh[family=ipv4,clients=2,servers=2]", `missing:    "10.0.1.2 > 10.0.2.1"`},
		}, `action +endpoint add`, `add-addr|join`,
	},
	{
		"signal flag dropped", fault{manager: without(pm.FlagSignal)}, []symptom{
			{"regression/endpoint_flags.star::test_flags_are_kept[flag=signal]", `- "signal"\s+\+ \(nothing\)`},
			{"regression/endpoint_flags.star::test_signal[family=ipv6]", `no such event.*expected: ANNOUNCED with remote = "fd00:2::2"`},
			{"regression/add_addr.star::test_announced_address_is_only_echoed[family=ipv4]", `! sent: expected 1, seen 0`},
		}, `action +endpoint add .* signal`, `add-addr`,
	},
	{
		"subflow flag dropped", fault{manager: without(pm.FlagSubflow)}, []symptom{
			{"regression/endpoint_flags.star::test_flags_are_kept[flag=subflow]", `- "subflow"\s+\+ \(nothing\)`},
			{"regression/endpoint_flags.star::test_subflow[family=ipv4]", `subflows of client .*expected: 2\s+seen:     1`},
			{"regression/link.star::test_endpoint_of_an_interface[family=ipv6]", `expected: 2\s+seen:     1`},
		}, `action +endpoint add .* subflow`, `join`,
	},
	{
		"backup flag dropped", fault{manager: without(pm.FlagBackup)}, []symptom{
			{"regression/endpoint_flags.star::test_flags_are_kept[flag=backup]", `- "backup"\s+\+ \(nothing\)`},
			{"regression/backup.star::test_join_from_backup_endpoint[family=ipv4,backup=True]", `joined.backup.*expected: True\s+seen:     False`},
			{"regression/backup.star::test_join_to_backup_endpoint[family=ipv6,backup=True]", `joined.backup.*expected: True\s+seen:     False`},
			{"regression/backup.star::test_change_on_live_connection[family=ipv4]", `endpoint.change.*expected: True\s+seen:     False`},
			{"regression/backup.star::test_carries_no_data_while_other_lives[family=ipv4,asking=client]", `the backup path has carried new data`},
		}, `action +endpoint (add|change) .*backup`, `join backup|prio backup`,
	},
	{
		"fullmesh flag dropped", fault{manager: without(pm.FlagFullmesh)}, []symptom{
			{"regression/endpoint_flags.star::test_flags_are_kept[flag=fullmesh]", `- "fullmesh"\s+\+ \(nothing\)`},
			{"regression/fullmesh.star::test_mesh[family=ipv4,clients=2,servers=2]", `missing:    "10.0.2.2 > 10.0.1.1"`},
			{"regression/fullmesh.star::test_fullmesh_without_subflow[family=ipv6]", `missing:    "fd00:2::2 > fd00:3::1"`},
		}, `action +endpoint add .*fullmesh`, ``,
	},
	{
		"laminar flag dropped", fault{manager: without(pm.FlagLaminar)}, []symptom{
			{"features/laminar.star::test_source_of_answer[family=ipv4,laminar=True]", `check.true\(endpoint.laminar\)`},
			{"features/laminar.star::test_each_is_used_once[family=ipv4]", `missing:    "10.0.2.2 > 10.0.5.1"`},
		}, `action +endpoint add .*laminar`, ``,
	},
	{
		"ADD_ADDR lost", fault{lost: addAddr}, []symptom{
			{"regression/add_addr.star::test_announced_address_is_joined[family=ipv4]", `missing:    "10.0.2.1 > 10.0.2.2"`},
			{"regression/add_addr.star::test_announced_address_is_only_echoed[family=ipv6]", `sent: expected 1, seen \d\s+! echo_received: expected 1, seen 0`},
			{"regression/add_addr.star::test_next_address_waits_for_the_echo[family=ipv4]", `! echo_received: expected 3, seen 0`},
		}, `server > client +packet .*add-addr id 1 `, `add-addr echo|ANNOUNCED`,
	},
	{
		"echo of ADD_ADDR lost", fault{lost: echo}, []symptom{
			{"regression/add_addr.star::test_announced_address_is_joined[family=ipv4]", `sent: expected 1, seen \d\s+! echo_received: expected 1, seen 0`},
			{"regression/add_addr.star::test_announced_address_is_only_echoed[family=ipv6]", `sent: expected 1, seen \d\s+! echo_received: expected 1, seen 0`},
			{"regression/add_addr.star::test_next_address_waits_for_the_echo[family=ipv4]", `! echo_received: expected 3, seen 0`},
		}, `client > server +packet .*add-addr echo id 1 `, `EchoAdd \+`,
	},
	{
		"SYN of MP_JOIN lost", fault{lost: joinSYN}, []symptom{
			{"regression/endpoint_flags.star::test_subflow[family=ipv4]", `subflows of server .*expected: 2\s+seen:     1`},
			{"regression/add_addr.star::test_announced_address_is_joined[family=ipv6]", `subflows of server .*expected: 2\s+seen:     1`},
			{"regression/limits.star::test_server_accepts_no_more[family=ipv4,limit=1]", `MPJoinSynTx: expected 2, seen 2\s+! MPJoinSynAckRx: expected 2, seen 0`},
		}, `client > server +packet .*Flags \[S\].* join id `, `Flags \[S\.\].* join|MPJoinSynRx`,
	},
	{
		"RM_ADDR lost", fault{lost: rmAddr}, []symptom{
			{"regression/rm_addr.star::test_withdrawn_announcement[family=ipv4]", `no such event.*expected: REMOVED with [^\n]*remote_id = 1`},
			{"regression/rm_addr.star::test_withdrawn_subflow[family=ipv6]", `no such event.*expected: REMOVED with [^\n]*remote_id = 1`},
			{"regression/rm_addr.star::test_flush_of_announced_endpoints[family=ipv4]", `! RmAddr: expected 2, seen 0`},
			{"regression/rm_addr.star::test_unused_endpoint_is_deleted_in_silence", `! RmAddr: expected 1, seen 0`},
		}, `packet .*rem-addr id `, `REMOVED|RmAddr \+`,
	},
	{
		"MP_PRIO lost", fault{lost: mpPrio}, []symptom{
			{"regression/backup.star::test_change_on_live_connection[family=ipv4]", `no such event.*expected: SUB_PRIORITY with local = "10.0.1.2", remote = "10.0.2.1"`},
			{"regression/backup.star::test_initial_address[family=ipv6,side=client]", `no such event.*expected: SUB_PRIORITY with local = "fd00:1::2"`},
			{"regression/backup.star::test_only_backup_paths[family=ipv4]", `! MPPrioRx: expected 1, seen 0`},
		}, `client > server +packet .*prio backup`, `SF_PRIO|MPPrioRx`,
	},
}

// TestFaults runs cases without a fault and with one: they must pass and fail, and say why.
func TestFaults(t *testing.T) {
	features, firewall := open(t).Features(), firewallProblem(t)
	all := slices.Concat(kernelFaults, userspaceFaults, commandFaults)
	var selectors []string
	for _, f := range all {
		for _, s := range f.symptoms {
			selectors = append(selectors, s.selector)
		}
	}
	sound := load(t, features, selectors...)
	cases := slices.Clone(sound)
	for _, f := range all {
		for _, s := range f.symptoms {
			i := slices.IndexFunc(sound, func(c runner.Case) bool { return c.ID == s.selector })
			require.GreaterOrEqual(t, i, 0, "%s is not one case", s.selector)
			cases = append(cases, f.fault.under(f.name, sound[i]))
		}
	}
	results := run(t, 16, cases)
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			if f.fault.lost != (option{}) && firewall != nil {
				t.Skip(firewall)
			}
			for _, s := range f.symptoms {
				t.Run(s.selector, func(t *testing.T) { requireSymptom(t, f, s, results) })
			}
		})
	}
}

// requireSymptom compares what a case said under a fault, which it passes without.
func requireSymptom(t *testing.T, f breakage, s symptom, results results) {
	t.Helper()
	unbroken := results[s.selector]
	if unbroken.Verdict == report.Skipped {
		t.Skip(unbroken.Message)
	}
	require.Equal(t, report.Passed, unbroken.Verdict, unbroken.Message)
	broken := results[faulted(f.name, s.selector)]
	timeline := textOf(broken.Timeline)
	require.Equal(t, report.Failed, broken.Verdict, broken.Message)
	require.Regexp(t, "(?s)"+s.says, broken.Message)
	require.Regexp(t, f.shows, timeline)
	if f.lacks != "" {
		require.NotRegexp(t, f.lacks, timeline)
	}
}

// noDaemon are the cases about a path manager in userspace that is not there.
const noDaemon = "regression/userspace/no_daemon.star"

// TestNoDaemon runs these cases while somebody listens to path-manager events, which is what they must not find.
func TestNoDaemon(t *testing.T) {
	var cases []runner.Case
	for _, c := range load(t, open(t).Features(), noDaemon) {
		cases = append(cases, fault{daemon: true}.under("somebody listens", c))
	}
	for id, result := range run(t, 16, cases) {
		t.Run(id, func(t *testing.T) {
			if result.Verdict == report.Skipped {
				t.Skip(result.Message)
			}
			require.Equal(t, report.Failed, result.Verdict, result.Message)
			require.Regexp(t, `AddAddrDrop|AddAddrTx|MPJoinRejected|MPJoinAckRx`, result.Message)
		})
	}
}

func load(t *testing.T, features lab.Features, paths ...string) []runner.Case {
	t.Helper()
	cases, err := starlark.Load(t.Context(), paths, starlark.Options{Features: features})
	require.NoError(t, err)
	return cases
}

// open returns a backend, or skips.
func open(t *testing.T) *kernel.Backend {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	b, err := kernel.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// firewallProblem tells why the kernel cannot drop packets by their MPTCP options, if it cannot.
func firewallProblem(t *testing.T) error {
	l, err := open(t).Open(t.Context(), lab.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	h, err := l.Host(t.Context(), "probe", lab.HostOptions{})
	require.NoError(t, err)
	return lose(h, addAddr)
}

// run runs cases on a backend of their own, which they must leave clean whatever becomes of them.
func run(t *testing.T, jobs int, cases []runner.Case) results {
	t.Helper()
	done := results{}
	summary := runner.Run(t.Context(), open(t), cases, runner.Config{Jobs: jobs, Timeout: time.Minute}, done)
	require.Empty(t, summary.Audit)
	return done
}

// results collects what became of cases, by ID.
type results map[string]report.Result

func (results) Start(int)                  {}
func (results) CaseStarted(report.Case)    {}
func (results) CasePostponed(report.Case)  {}
func (r results) CaseDone(x report.Result) { r[x.Case.ID] = x }
func (results) Finish(report.Summary)      {}

func textOf(timeline []lab.Entry) string {
	var lines []string
	for _, e := range timeline {
		lines = append(lines, e.String())
	}
	return strings.Join(lines, "\n")
}
