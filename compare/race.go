package compare

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Race is something that two runs of one case may decide differently without one of them being wrong.
type Race struct {
	Name   string
	Clause string // of a RFC, or of the kernel, that leaves it open
	Why    string
	is     func(d Difference, kernel, emulator *View) bool
}

// Races are the races that are tolerated, in the order in which they are tried.
func Races() []Race { return slices.Clone(races) }

var races = []Race{
	{
		"repetition", "RFC 9293 section 3.8.1; RFC 8684 sections 3.2, 3.4.1 and 3.7; net/mptcp/pm.c, mptcp_pm_add_timer",
		"how often something is sent again depends on the round-trip times that were measured, and on when the case ended",
		repeated,
	},
	{
		"two signals at once", "net/mptcp/pm.c, mptcp_pm_add_addr_received, mptcp_pm_rm_addr_received and mptcp_pm_announce_addr",
		"a host has room for one ADD_ADDR, one echo and one RM_ADDR that wait for its worker; another one is dropped",
		dropped,
	},
	{
		"vehicle", "RFC 8684 sections 3.4.1 and 3.4.2; net/mptcp/options.c, mptcp_established_options",
		"a signal goes with the next acknowledgement, on whichever subflow and in whichever order with others that is",
		func(d Difference, k, e *View) bool {
			return moved(d, k, e) || counters("AddAddr", "EchoAdd", "PortAdd")(d, k, e) && !maps.EqualFunc(k.vehicles(), e.vehicles(), slices.Equal)
		},
	},
	{
		"both announce", "RFC 8684 section 3.4.1",
		"of two hosts that announce and join at once, the one that hears of an address before the other's join tries it, too",
		func(d Difference, k, e *View) bool {
			return k.announcers() > 1 && e.announcers() > 1 && (counters("MPJoinSynTx", "MPJoinSynTxCreatSkErr")(d, k, e) ||
				all(d, func(s Seen) bool {
					return strings.HasPrefix(s.Text, "SYN MP_JOIN") || strings.Contains(s.Text, "SF_CLOSED")
				}))
		},
	},
	{
		"first data", "RFC 8684 section 3.1",
		"a client repeats MP_CAPABLE with its first data unless it has heard from the server before, by a DATA_ACK or an ADD_ADDR",
		func(d Difference, _, _ *View) bool {
			return d.Witness == Options && all(d, func(s Seen) bool {
				return strings.HasPrefix(s.Text, "MP_CAPABLE") && strings.Contains(s.Text, " data ")
			})
		},
	},
	{
		"course of data", "RFC 8684 section 3.3; net/mptcp/protocol.c, mptcp_subflow_get_send and mptcp_check_allowed_size",
		"how data are cut into packets, on which subflow they go and in which order they arrive depends on time",
		func(d Difference, k, e *View) bool {
			return slices.Contains(ofData, counterOf(d)) ||
				d.Witness == Subflows && strings.HasSuffix(d.Of, " received") && k.total("DuplicateData") != e.total("DuplicateData")
		},
	},
	{
		"data not acknowledged yet", "RFC 8684 section 3.3.2",
		"a DATA_ACK goes with whatever is sent next, which after the last data may be nothing",
		func(d Difference, _, _ *View) bool { return d.Witness == Subflows && strings.HasSuffix(d.Of, " acked") },
	},
	{
		"room of a receiver", "net/ipv4/tcp_input.c, tcp_measure_rcv_mss and tcp_clamp_window",
		"how much a receiver takes that reads nothing depends on the memory that the packets take in which the data come",
		func(d Difference, k, e *View) bool {
			return d.Witness == Subflows && strings.HasSuffix(d.Of, " received") && k.unfinished() && e.unfinished()
		},
	},
	{
		"stale subflows", "net/mptcp/pm.c, mptcp_pm_subflow_chk_stale",
		"a subflow is stale when nothing has come back on it for some of MPTCP's retransmission timeouts in a row",
		counters("SubflowStale", "SubflowRecover"),
	},
	{
		"segment on its way", "RFC 9293 section 3.10.7.1",
		"a host answers with a reset what arrives for a connection that has just ended; whether anything does depends on time",
		func(d Difference, _, _ *View) bool {
			return d.Witness == Options && all(d, func(s Seen) bool { return s.Text == reset })
		},
	},
	{
		"reset or end", "RFC 8684 section 3.6; net/mptcp/subflow.c, subflow_state_change",
		"a subflow that is reset while it is closed, or from both sides at once, ends by what comes first",
		ended,
	},
	{
		"device of an accepted subflow", "net/mptcp/sockopt.c, mptcp_sockopt_sync_locked",
		"a join from a link-local address is bound to its link until it takes over the options of the accepted socket",
		func(d Difference, _, _ *View) bool {
			return d.Witness == Subflows && one(d) && strings.Contains(d.Kernel[0].Text, "flags=Je") && without(d.Kernel[0].Text, " dev ") == without(d.Emulator[0].Text, " dev ")
		},
	},
	{
		"withdrawn or ended", "net/mptcp/pm_kernel.c, mptcp_pm_nl_rm_addr",
		"an accepted address counts no more if a RM_ADDR closes a subflow to it, and still does if the peer's FIN came first",
		func(d Difference, _, _ *View) bool {
			return d.Witness == Subflows && one(d) && without(d.Kernel[0].Text, " add_addr_accepted=") == without(d.Emulator[0].Text, " add_addr_accepted=")
		},
	},
	{
		"course of the script", "none: the script itself goes by what it sees",
		"the script did not do the same on both, such as one more round of a loop that ends on a condition",
		func(d Difference, k, e *View) bool {
			return d.Witness != Verdict && d.Witness != Errors && !slices.Equal(k.actions(), e.actions())
		},
	},
}

// explain is the name of the race that a difference is an outcome of; empty: none.
func explain(d Difference, kernel, emulator *View) string {
	for _, r := range races {
		if r.is(d, kernel, emulator) {
			return r.Name
		}
	}
	return ""
}

// all tells whether a condition holds for all that was seen on one side only.
func all(d Difference, is func(Seen) bool) bool {
	not := func(s Seen) bool { return !is(s) }
	return !slices.ContainsFunc(d.Kernel, not) && !slices.ContainsFunc(d.Emulator, not)
}

// one tells whether one thing differs in what is said of it.
func one(d Difference) bool { return len(d.Kernel) == 1 && len(d.Emulator) == 1 }

// without is a text without what follows a word, up to the next space.
func without(text, word string) string {
	before, after, found := strings.Cut(text, word)
	if !found {
		return text
	}
	_, rest, more := strings.Cut(after, " ")
	return before + on(more, " "+rest)
}

// counters is a race that shows in counters alone.
func counters(names ...string) func(Difference, *View, *View) bool {
	return func(d Difference, _, _ *View) bool { return slices.Contains(names, counterOf(d)) }
}

// counterOf is the counter that a difference is about; empty: none.
func counterOf(d Difference) string {
	if d.Witness != Counters {
		return ""
	}
	return d.Of[strings.LastIndexByte(d.Of, ' ')+1:]
}

// ofData are the counters that tell how data went, and not what became of them.
var ofData = []string{
	"SndWndShared", "RcvWndShared", "RcvWndConflict", "RcvWndConflictUpdate", "OFOQueue", "OFOQueueTail", "OFOMerge", "DuplicateData",
	"MPTCPRetrans", "WinProbe",
}

// counted are the counters that count options on the wire, each time that they are sent.
var counted = map[string]string{
	"AddAddr": addAddr, "AddAddrTx": addAddr, "PortAdd": addAddr, "EchoAdd": addAddr, "EchoAddTx": addAddr, "AddAddrDrop": addAddr, "EchoAddTxDrop": addAddr,
	"MPFailTx": "MP_FAIL", "MPFailRx": "MP_FAIL", "MPCapableSYNRX": "SYN MP_CAPABLE", "MPJoinSynRx": "SYN MP_JOIN",
}

// repeated tells whether a difference is that something was sent again more often, or counted as that.
func repeated(d Difference, kernel, emulator *View) bool {
	if option, ok := counted[counterOf(d)]; ok {
		return kernel.repetitions(option) != emulator.repetitions(option)
	}
	return (d.Witness == Options || d.Witness == Events) && all(d, func(s Seen) bool { return s.again })
}

// repetitions is how often an option was sent again.
func (v *View) repetitions(option string) (n int) {
	v.each(Options, func(s Seen) {
		if s.again && strings.HasPrefix(s.Text, option) {
			n++
		}
	})
	return n
}

func (v *View) each(w Witness, f func(Seen)) {
	for k, list := range v.seen {
		if k.witness == w {
			for _, s := range list {
				f(s)
			}
		}
	}
}

// dropped tells whether the same signals were dropped instead of taken.
func dropped(d Difference, kernel, emulator *View) bool {
	pairs := [][2]string{{"RmAddr", "RmAddrDrop"}, {"RmAddrTx", "RmAddrTxDrop"}, {"AddAddr", "AddAddrDrop"}}
	host, _, _ := strings.Cut(d.Of, " ")
	for _, p := range pairs {
		if slices.Contains(p[:], counterOf(d)) {
			return kernel.count(host, p[0])+kernel.count(host, p[1]) == emulator.count(host, p[0])+emulator.count(host, p[1])
		}
	}
	return false
}

// count is a counter of a host.
func (v *View) count(host, counter string) int {
	list := v.seen[subject{Counters, host + " " + counter}]
	if len(list) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(list[0].Text) // as it was written
	return n
}

// total is a counter of all hosts together.
func (v *View) total(counter string) (n int) {
	for k := range v.seen {
		if host, ok := strings.CutSuffix(k.of, " "+counter); ok && k.witness == Counters {
			n += v.count(host, counter)
		}
	}
	return n
}

// moved tells whether signals were sent by the same host as often in all, and only on other subflows or in another order.
func moved(d Difference, kernel, emulator *View) bool {
	if d.Witness != Options {
		return false
	}
	return all(d, func(s Seen) bool {
		signal := strings.HasPrefix(s.Text, addAddr) || strings.HasPrefix(s.Text, rmAddr)
		return signal && kernel.sent(s) == emulator.sent(s)
	})
}

// sent is how often a host has sent the same thing on any link, but for repetitions.
func (v *View) sent(s Seen) (n int) {
	v.each(Options, func(x Seen) {
		if x.from == s.from && x.Text == s.Text && !x.again {
			n++
		}
	})
	return n
}

// vehicles are the announcements and echoes of each course.
func (v *View) vehicles() map[string][]string {
	all := map[string][]string{}
	v.each(Options, func(s Seen) {
		if strings.HasPrefix(s.Text, addAddr) {
			all[s.Of] = append(all[s.Of], s.Text)
		}
	})
	return all
}

// announcers is how many hosts have announced addresses.
func (v *View) announcers() int {
	hosts := map[string]bool{}
	v.each(Options, func(s Seen) {
		if strings.HasPrefix(s.Text, addAddr) && !strings.Contains(s.Text, " echo") {
			hosts[s.from] = true
		}
	})
	return len(hosts)
}

// unfinished tells whether a socket could not do all that it was asked for.
func (v *View) unfinished() (found bool) {
	v.each(Errors, func(s Seen) { found = found || strings.Contains(s.Text, "not done within") })
	return found
}

// ended tells whether the end of a subflow that was reset is told with another reason, or its FIN was not sent.
func ended(d Difference, kernel, emulator *View) bool {
	if !kernel.wasReset() || !emulator.wasReset() {
		return false
	}
	switch d.Witness {
	case Events:
		plain := func(s Seen) string {
			for _, word := range []string{" error=", " reset_reason=", " reset_flags="} {
				s.Text = without(s.Text, word)
			}
			return s.Text
		}
		return one(d) && strings.Contains(d.Kernel[0].Text, "SF_CLOSED") && plain(d.Kernel[0]) == plain(d.Emulator[0])
	case Options:
		return all(d, func(s Seen) bool { return s.Text == "FIN" })
	case Counters:
		return counterOf(d) == "MPRstRx"
	}
	return false
}

// wasReset tells whether a packet without MPTCP options has reset a connection: one that a host sent which knew of none.
func (v *View) wasReset() (found bool) {
	v.each(Options, func(s Seen) { found = found || s.Text == reset })
	return found
}

// actions are what the script did.
func (v *View) actions() []string {
	var list []string
	for _, e := range v.Result.Timeline {
		if e.Kind == "action" || e.Kind == "step" {
			list = append(list, constant(e.Text))
		}
	}
	return list
}
