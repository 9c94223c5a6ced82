package compare

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// course is one direction of a TCP connection on a link.
type course struct {
	link, from string
	src, dst   netip.AddrPort
}

// addPackets adds what links have carried: for each direction of each TCP connection the options and flags, in order.
func (v *View) addPackets(links []snapshot.Link) {
	for _, l := range links {
		used, names, sent := ordinals{}, map[course]string{}, map[string]bool{}
		for _, p := range l.Packets {
			c := course{l.Name, p.From, p.Src, p.Dst}
			if names[c] == "" {
				names[c] = used.next(fmt.Sprintf("%s from %s: %s", l.Name, p.From, v.ports.pair(p.Src, p.Dst)))
			}
			for _, text := range v.packetTexts(p.Packet) {
				key := againKey(text, p.Packet)
				if key != "" {
					key = p.From + key
				} else {
					key = fmt.Sprint(names[c], p.Seq, text)
				}
				s := Seen{Witness: Options, Of: names[c], Text: text, Time: p.Time, again: sent[key] && !once(text), from: p.From}
				sent[key] = true
				if p.Fate != "" && !strings.HasPrefix(p.Fate, "released ") { // which says when the script was done with it
					s.Text += " (" + constant(p.Fate) + ")"
				}
				v.add(s)
			}
			if o, ok := p.Option(wire.NameRemoveAddr).(*wire.RemoveAddr); ok {
				forget(sent, p.From, o.IDs)
			}
		}
	}
}

const (
	dataFIN = "DATA_FIN"
	addAddr = "ADD_ADDR"
	rmAddr  = "RM_ADDR"
	reset   = "RST"
)

// againKey is what makes a text the same thing as an earlier one of the same host, on whatever segment it goes; empty: that it has
// the same sequence number.
func againKey(text string, p wire.Packet) string {
	switch {
	case text == dataFIN, text == reset:
		return fmt.Sprint(p.Src, p.Dst, text)
	case strings.HasPrefix(text, addAddr):
		return text + " "
	}
	return ""
}

// once tells of a signal that is never repeated by itself: what looks like it again was asked for again.
func once(text string) bool {
	return strings.HasPrefix(text, rmAddr) || strings.HasPrefix(text, "MP_PRIO")
}

// forget has addresses that were removed announced anew.
func forget(sent map[string]bool, from string, ids []uint8) {
	for _, id := range ids {
		prefix := fmt.Sprintf("%s%s id %d ", from, addAddr, id)
		maps.DeleteFunc(sent, func(key string, _ bool) bool { return strings.HasPrefix(key, prefix) })
	}
}

// packetTexts are the things that a packet says.
func (v *View) packetTexts(p wire.Packet) []string {
	var said []string
	flags := ""
	switch {
	case p.Flags&wire.FlagSYN != 0 && p.Flags&wire.FlagACK != 0:
		flags = "SYN/ACK"
	case p.Flags&wire.FlagSYN != 0:
		flags = "SYN"
	case p.Flags&wire.FlagRST != 0:
		flags = reset
	}
	for _, o := range p.Options {
		if text := v.optionText(o); text != "" {
			said = append(said, strings.TrimSpace(flags+" "+text))
		}
	}
	if flags != "" && len(said) == 0 {
		said = append(said, flags)
	}
	if p.Flags&wire.FlagFIN != 0 {
		said = append(said, "FIN")
	}
	return said
}

// optionText is an option without what chance chose; empty for one that only moves data.
func (v *View) optionText(o wire.Option) string {
	switch o := o.(type) {
	case *wire.MPCapable:
		return "MP_CAPABLE" + on(o.ChecksumRequired, " A") + on(o.Extensibility, " B") + on(o.DenyJoinInitial, " C") +
			on(o.HasSenderKey, " key") + on(o.HasReceiverKey, " both keys") + on(o.HasData, fmt.Sprintf(" data %d", o.DataLen)) +
			on(o.HasChecksum, " checksum")
	case *wire.MPJoin:
		if o.Phase == wire.JoinACK {
			return "MP_JOIN ACK"
		}
		return fmt.Sprintf("MP_JOIN id %d", o.ID) + on(o.Backup, " B")
	case *wire.DSS:
		return on(o.DataFIN, dataFIN) + on(o.HasMapping && o.DataLen == 0, "infinite mapping")
	case *wire.AddAddr:
		return fmt.Sprintf("%s id %d %v", addAddr, o.ID, o.Address) + on(o.Port != 0, " port "+v.ports.of(o.Port)) + on(o.Echo, " echo")
	case *wire.RemoveAddr:
		return fmt.Sprintf("%s %d", rmAddr, o.IDs)
	case *wire.MPPrio:
		return "MP_PRIO" + on(o.Backup, " B")
	case *wire.TCPRst:
		return fmt.Sprintf("MP_TCPRST flags %x: %v", o.Flags, o.Reason)
	}
	return o.Name()
}

func on(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}
