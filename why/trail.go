package why

import (
	"fmt"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// trail is how far a message got from one end to the other.
type trail struct {
	first *lab.Packet // as it left its host; nil: it did not
	last  *lab.Packet // as it was seen last
	end   *lab.Packet // as it came to the other host; nil: it did not
}

// follow finds the packets of a message on all links. Of several copies the one that arrived unchanged counts.
func (s *Seen) follow(from, to string, is func(p lab.Packet) bool) (t trail) {
	for i := range s.Packets {
		p := &s.Packets[i]
		if !is(*p) {
			continue
		}
		if p.From == from && t.first == nil {
			t.first = p
		}
		if t.first == nil {
			continue
		}
		t.last = p
		if p.To == to && !p.Lost && (t.end == nil || t.end.Changed) {
			t.end = p
		}
	}
	return t
}

// lost says where a message that left did not go on.
func (t trail) lost() string {
	switch {
	case t.last.Lost:
		return fmt.Sprintf("the link %s dropped it", t.last.Link)
	case t.last.Fate != "":
		return fmt.Sprintf("it was changed on the link %s", t.last.Link)
	}
	return fmt.Sprintf("it came to %s, and did not leave it", t.last.To)
}

// evidence is where the message was seen first and last.
func (t trail) evidence() []string {
	lines := []string{packetLine(t.first)}
	if t.last != t.first {
		lines = append(lines, packetLine(t.last))
	}
	return lines
}

func packetLine(p *lab.Packet) string {
	line := fmt.Sprintf("%.3fms %s > %s: %s", float64(p.Time.Microseconds())/1000, p.From, p.To, p.Packet)
	if p.Fate != "" {
		line += " (" + p.Fate + ")"
	}
	return line
}

// join is the handshake of the pair's subflow, as far as it was seen.
type join struct {
	syn, synack, ack trail
	answer           *lab.Packet // the server's SYN-ACK, as it left
	refusal          *lab.Packet // the server's RST in place of one
	reset            *lab.Packet // the server's RST after it
}

// join finds the last attempt of the client to open the subflow; nil: there was none.
func (s *Seen) join() *join {
	var nonce uint32
	for _, p := range s.Packets {
		if o := joinOf(p, wire.JoinSYN); o != nil && p.From == s.ClientEnd.Name && o.Token == s.ServerEnd.Conn.Token &&
			ip(p.Src) == s.Client && ip(p.Dst) == s.Server {
			nonce = o.Nonce
		}
	}
	if nonce == 0 {
		return nil
	}
	j := &join{}
	client, server := s.ClientEnd.Name, s.ServerEnd.Name
	var seq uint32
	j.syn = s.follow(client, server, func(p lab.Packet) bool {
		if o := joinOf(p, wire.JoinSYN); o != nil {
			if o.Nonce == nonce {
				seq = p.Seq
			}
			return o.Nonce == nonce
		}
		return isSYN(p) && p.Seq == seq && seq != 0 // the option is gone
	})
	j.synack = s.follow(server, client, func(p lab.Packet) bool { return isSYNACK(p) && p.Ack == seq+1 })
	j.answer = j.synack.first
	at := j.syn.first
	if j.syn.end != nil {
		at = j.syn.end // behind an address translation it is another
	}
	for i := range s.Packets {
		p := &s.Packets[i]
		if p.From != server || p.Src != at.Dst || p.Dst != at.Src || p.Time < j.syn.first.Time || p.Flags&wire.FlagRST == 0 {
			continue
		}
		if j.answer == nil {
			j.refusal = p
		} else {
			j.reset = p
		}
	}
	var hmac [20]byte
	j.ack = s.follow(client, server, func(p lab.Packet) bool {
		o := joinOf(p, wire.JoinACK)
		if o != nil && p.From == client && p.Src == j.syn.first.Src && p.Dst == j.syn.first.Dst {
			hmac = o.HMAC
		}
		return o != nil && o.HMAC == hmac
	})
	return j
}

// joined tells whether a SYN-ACK or SYN still has its option.
func joined(p *lab.Packet) bool { return p.Option(wire.NameMPJoin) != nil }

func joinOf(p lab.Packet, phase wire.JoinPhase) *wire.MPJoin {
	o, ok := p.Option(wire.NameMPJoin).(*wire.MPJoin)
	if !ok || o.Phase != phase {
		return nil
	}
	return o
}

func isSYN(p lab.Packet) bool { return p.Flags&(wire.FlagSYN|wire.FlagACK) == wire.FlagSYN }

func isSYNACK(p lab.Packet) bool {
	return p.Flags&(wire.FlagSYN|wire.FlagACK) == wire.FlagSYN|wire.FlagACK
}

// announcement follows the ADD_ADDR of an address from the server to the client.
func (s *Seen) announcement(of func(*wire.AddAddr) bool) trail {
	return s.follow(s.ServerEnd.Name, s.ClientEnd.Name, func(p lab.Packet) bool {
		o, ok := p.Option(wire.NameAddAddr).(*wire.AddAddr)
		return ok && !o.Echo && of(o) && s.carries(p)
	})
}

// echo follows the echo of an ADD_ADDR from the client to the server.
func (s *Seen) echo(id uint8, a netip.Addr) trail {
	return s.follow(s.ClientEnd.Name, s.ServerEnd.Name, func(p lab.Packet) bool {
		o, ok := p.Option(wire.NameAddAddr).(*wire.AddAddr)
		return ok && o.Echo && o.ID == id && o.Address.Unmap() == a
	})
}

// carries tells whether a packet is on a subflow of the connection that one of the ends shows.
func (s *Seen) carries(p lab.Packet) bool {
	for _, c := range []lab.Conn{s.ClientEnd.Conn, s.ServerEnd.Conn} {
		if between(p, c.Local, c.Remote) {
			return true
		}
		for _, f := range c.Subflows {
			if between(p, f.Local, f.Remote) {
				return true
			}
		}
	}
	return false
}

func between(p lab.Packet, a, b netip.AddrPort) bool {
	a, b = netip.AddrPortFrom(ip(a), a.Port()), netip.AddrPortFrom(ip(b), b.Port())
	return p.Src == a && p.Dst == b || p.Src == b && p.Dst == a
}
