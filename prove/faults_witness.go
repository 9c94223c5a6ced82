package prove

import (
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// witnessFaults are about what is shown of what happened.
var witnessFaults = []Fault{
	{
		Name: "counters one too high", Effect: "A counter that has moved since it was last read shows one more, from then on.",
		counts: func(moved, n uint64) uint64 { return n + moved },
	},
	{
		Name: "latest subflow hidden", Effect: "The latest subflow of a connection is not shown.",
		conn: func(c lab.Conn) lab.Conn {
			c.Subflows = c.Subflows[:max(len(c.Subflows)-1, 0)]
			return c
		},
	},
	{
		Name: "backup of subflows inverted", Effect: "Subflows that are backup are shown as regular, and the others as backup.",
		conn: eachSubflow(func(s *lab.Subflow) { s.Backup, s.RequestBackup = !s.Backup, !s.RequestBackup }),
	},
	{
		Name: "ids of subflows one too high", Effect: "The address IDs of subflows are shown one too high.",
		conn: eachSubflow(func(s *lab.Subflow) { s.LocalID++; s.RemoteID++ }),
	},
	{
		Name: "addresses of subflows swapped", Effect: "The ends of each subflow are shown the wrong way round.",
		conn: eachSubflow(func(s *lab.Subflow) { s.Local, s.Remote = s.Remote, s.Local }),
	},
	{
		Name: "bytes of subflows not counted", Effect: "No bytes of any subflow are shown.",
		conn: eachSubflow(func(s *lab.Subflow) { s.BytesSent, s.BytesAcked, s.BytesReceived, s.BytesRetrans = 0, 0, 0, 0 }),
	},
	{
		Name: "fallback inverted", Effect: "A connection is shown as fallen back that is not, and the other way round.",
		conn: func(c lab.Conn) lab.Conn {
			c.Fallback = !c.Fallback
			return c
		},
	},
	{
		Name: "state of connections unknown", Effect: "No state of connections and subflows is shown.",
		conn: func(c lab.Conn) lab.Conn {
			c.State = ""
			return eachSubflow(func(s *lab.Subflow) { s.State = "" })(c)
		},
	},
	{
		Name: "counts of mptcp_info one too high", Effect: "The mptcp_info of a connection shows one subflow and one ADD_ADDR more than there were.",
		conn: func(c lab.Conn) lab.Conn {
			i := &c.Info
			for _, n := range []*uint8{
				&i.ExtraSubflows, &i.AddAddrSignaled, &i.AddAddrAccepted, &i.LocalAddrUsed, &i.SubflowsTotal,
				&i.EndpSignalMax, &i.EndpSubflowMax, &i.EndpLaminarMax, &i.LimitExtraSubflows, &i.LimitAddAddrAccepted,
			} {
				*n++
			}
			return c
		},
	},
	{
		Name: "numbers of socket options one too high", Effect: "A number that a socket option or ioctl tells, or bytes that it counts, are one too many.",
		read: oneMore,
	},
	{
		Name: "latest subflow left out of socket options", Effect: "The socket options that tell of subflows leave out the latest.",
		read: withoutLatest,
	},
	{Name: "sockets in use one too many", Effect: "One more socket is counted than there is.", inUse: func(n int) int { return n + 1 }},
	{
		Name: "last listener hidden", Effect: "The last of the listening sockets is not shown.",
		listen: func(all []lab.Listening) []lab.Listening { return all[:max(len(all)-1, 0)] },
	},
	{Name: "CREATED withheld", Effect: "No event CREATED is told.", event: pm.EventCreated},
	{Name: "ESTABLISHED withheld", Effect: "No event ESTABLISHED is told.", event: pm.EventEstablished},
	{Name: "CLOSED withheld", Effect: "No event CLOSED is told.", event: pm.EventClosed},
	{Name: "ANNOUNCED withheld", Effect: "No event ANNOUNCED is told.", event: pm.EventAnnounced},
	{Name: "REMOVED withheld", Effect: "No event REMOVED is told.", event: pm.EventRemoved},
	{Name: "SUB_ESTABLISHED withheld", Effect: "No event SUB_ESTABLISHED is told.", event: pm.EventSubEstablished},
	{Name: "SUB_CLOSED withheld", Effect: "No event SUB_CLOSED is told.", event: pm.EventSubClosed},
	{Name: "SUB_PRIORITY withheld", Effect: "No event SUB_PRIORITY is told.", event: pm.EventSubPriority},
	{Name: "LISTENER_CREATED withheld", Effect: "No event LISTENER_CREATED is told.", event: pm.EventListenerCreated},
	{Name: "LISTENER_CLOSED withheld", Effect: "No event LISTENER_CLOSED is told.", event: pm.EventListenerClosed},
	{
		Name: "backup of endpoints inverted", Effect: "Endpoints that are backup are shown as regular, and the others as backup.",
		shown: func(e pm.Endpoint) pm.Endpoint {
			e.Flags ^= pm.FlagBackup
			return e
		},
	},
	{
		Name: "limits shown one too high", Effect: "Both limits are shown one higher than they are.",
		told: func(l pm.Limits) pm.Limits {
			return pm.Limits{Subflows: l.Subflows + 1, AddAddrAccepted: l.AddAddrAccepted + 1}
		},
	},
	{
		Name: "packets not captured", Effect: "The capture of a link is empty.",
		seen: func([]lab.Packet) []lab.Packet { return nil },
	},
}

// eachSubflow changes all subflows of a connection.
func eachSubflow(change func(*lab.Subflow)) func(lab.Conn) lab.Conn {
	return func(c lab.Conn) lab.Conn {
		c.Subflows = append([]lab.Subflow(nil), c.Subflows...)
		for i := range c.Subflows {
			change(&c.Subflows[i])
		}
		return c
	}
}

// oneMore is the value of a socket option with its numbers one too high.
func oneMore(value any) any {
	more := func(t lab.TCPInfo) lab.TCPInfo {
		t.BytesSent, t.BytesReceived, t.BytesAcked = t.BytesSent+1, t.BytesReceived+1, t.BytesAcked+1
		return t
	}
	info := func(i lab.Info) lab.Info {
		i.BytesSent, i.BytesReceived, i.BytesAcked, i.SubflowsTotal = i.BytesSent+1, i.BytesReceived+1, i.BytesAcked+1, i.SubflowsTotal+1
		return i
	}
	switch v := value.(type) {
	case int:
		return v + 1
	case lab.Info:
		return info(v)
	case []lab.TCPInfo:
		v = slices.Clone(v)
		for i := range v {
			v[i] = more(v[i])
		}
		return v
	case lab.FullInfo:
		v.Info, v.Subflows = info(v.Info), slices.Clone(v.Subflows)
		for i := range v.Subflows {
			v.Subflows[i].ID++
			v.Subflows[i].TCP = more(v.Subflows[i].TCP)
		}
		return v
	}
	return value
}

// withoutLatest is the value of a socket option without its last subflow.
func withoutLatest(value any) any {
	switch v := value.(type) {
	case []lab.TCPInfo:
		return v[:max(len(v)-1, 0)]
	case []lab.SubflowAddrs:
		return v[:max(len(v)-1, 0)]
	case lab.FullInfo:
		v.Subflows = v.Subflows[:max(len(v.Subflows)-1, 0)]
		return v
	}
	return value
}
