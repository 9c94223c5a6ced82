package story

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Sentence is something that happened, in words.
type Sentence struct {
	Item int // index into Story.Items
	Text string
}

// Tell is the story in sentences. What only carries data, and the third packet of a handshake, has none: the others say it.
func (s *Story) Tell() []Sentence {
	var told []Sentence
	for i, item := range s.Items {
		if text := s.sentence(item); text != "" {
			told = append(told, Sentence{Item: i, Text: text})
		}
	}
	return told
}

func (s *Story) sentence(i Item) string {
	switch i.Kind {
	case lab.KindPacket:
		if i.Message == nil {
			return ""
		}
		return s.spoken(i.Message)
	case lab.KindAction:
		return subject(i.Host) + i.Text + "."
	case lab.KindCheck:
		if what, fails := strings.CutPrefix(i.Text, "fails: "); fails {
			return "The check fails: " + what
		}
		return "It holds: " + strings.TrimPrefix(i.Text, "holds: ")
	case lab.KindReason:
		return about(i)
	case lab.KindStep, lab.KindPredict, lab.KindAnswer:
		return i.Text
	}
	return ""
}

// about is a reason, which mostly begins with the name of its host.
func about(i Item) string {
	if i.Host == "" || strings.HasPrefix(i.Text, i.Host+" ") {
		return i.Text
	}
	return i.Host + ": " + i.Text
}

// subject begins a sentence on what was done at a host, or by the script.
func subject(host string) string {
	if host == "" {
		return "The script: "
	}
	return "On " + host + ": "
}

// spoken is a message in words, with what became of it.
func (s *Story) spoken(m *Message) string {
	f := s.Flows[m.Flow]
	if m.From != f.sender(m) && m.Fate == "" {
		return "" // it is on its way
	}
	text := ""
	for _, say := range phrases {
		if say.is(m) {
			text = say.words(f, m)
			break
		}
	}
	if text == "" {
		return ""
	}
	if m.Fate != "" {
		text += fmt.Sprintf(", but between %s and %s: %s", m.From, m.To, m.Fate)
	}
	return text + "."
}

// sender and receiver are the ends of the flow, whichever nodes the packet passes between.
func (f Flow) sender(m *Message) string {
	if m.Back {
		return f.To
	}
	return f.From
}

func (f Flow) receiver(m *Message) string {
	if m.Back {
		return f.From
	}
	return f.To
}

// phrases say in words what a message is; the first that fits is said. One without words is not worth a sentence.
var phrases = []struct {
	is    func(m *Message) bool
	words func(f Flow, m *Message) string
}{
	{first(wire.NameMPCapable), func(f Flow, m *Message) string {
		return fmt.Sprintf("%s asks %s for an MPTCP connection, from %s to %s", f.sender(m), f.receiver(m), f.Src, f.Dst)
	}},
	{answer(wire.NameMPCapable), func(f Flow, m *Message) string {
		o := m.Packet.Option(wire.NameMPCapable).(*wire.MPCapable)
		return fmt.Sprintf("%s speaks MPTCP as well", f.sender(m)) + when(o.DenyJoinInitial, ", and takes no joins to this address (C flag)")
	}},
	{first(wire.NameMPJoin), func(f Flow, m *Message) string {
		o := m.Packet.Option(wire.NameMPJoin).(*wire.MPJoin)
		return fmt.Sprintf("%s opens %s from %s (id %d) to %s", f.sender(m), f.Name(), f.Src, o.ID, f.Dst) + when(o.Backup, ", as a backup")
	}},
	{answer(wire.NameMPJoin), func(f Flow, m *Message) string {
		o := m.Packet.Option(wire.NameMPJoin).(*wire.MPJoin)
		return fmt.Sprintf("%s accepts %s", f.sender(m), f.Name()) + when(o.Backup, ", as a backup")
	}},
	{func(m *Message) bool { return m.Class == ClassHandshake && m.Packet.Option(wire.NameMPCapable) == nil }, func(f Flow, m *Message) string {
		if m.Back {
			return fmt.Sprintf("%s answers without MPTCP: the connection is plain TCP", f.sender(m))
		}
		return fmt.Sprintf("%s asks %s for a TCP connection, from %s to %s", f.sender(m), f.receiver(m), f.Src, f.Dst)
	}},
	{class(ClassAddAddr), func(f Flow, m *Message) string {
		o := m.Packet.Option(wire.NameAddAddr).(*wire.AddAddr)
		if o.Echo {
			return fmt.Sprintf("%s confirms address %s (id %d) with an echo", f.sender(m), o.Address, o.ID)
		}
		return fmt.Sprintf("%s announces its address %s (id %d)", f.sender(m), o.Address, o.ID)
	}},
	{class(ClassRmAddr), func(f Flow, m *Message) string {
		o := m.Packet.Option(wire.NameRemoveAddr).(*wire.RemoveAddr)
		return fmt.Sprintf("%s takes back what it announced or used under id %s", f.sender(m), ids(o.IDs))
	}},
	{class(ClassPrio), func(f Flow, m *Message) string {
		if m.Packet.Option(wire.NameMPPrio).(*wire.MPPrio).Backup {
			return fmt.Sprintf("%s asks for %s to be a backup", f.sender(m), f.Name())
		}
		return fmt.Sprintf("%s asks for %s to be no backup any more", f.sender(m), f.Name())
	}},
	{option(wire.NameFastClose), func(f Flow, m *Message) string {
		return fmt.Sprintf("%s aborts the whole connection (MP_FASTCLOSE)", f.sender(m))
	}},
	{option(wire.NameMPFail), func(f Flow, m *Message) string {
		return fmt.Sprintf("%s reports wrong data on %s (MP_FAIL)", f.sender(m), f.Name())
	}},
	{class(ClassReset), func(f Flow, m *Message) string {
		text := fmt.Sprintf("%s resets %s", f.sender(m), f.Name())
		if o, ok := m.Packet.Option(wire.NameTCPRst).(*wire.TCPRst); ok {
			text += fmt.Sprintf(", for the reason: %s", o.Reason)
		}
		return text
	}},
	{class(ClassClose), func(f Flow, m *Message) string {
		if m.Packet.Flags&wire.FlagFIN != 0 {
			return fmt.Sprintf("%s closes %s (FIN)", f.sender(m), f.Name())
		}
		return fmt.Sprintf("%s has no more data to send (DATA_FIN)", f.sender(m))
	}},
}

// first and answer are the SYN and the SYN-ACK with an option.
func first(name string) func(*Message) bool  { return syn(name, false) }
func answer(name string) func(*Message) bool { return syn(name, true) }

func syn(name string, back bool) func(*Message) bool {
	return func(m *Message) bool {
		return m.Packet.Flags&wire.FlagSYN != 0 && m.Packet.Flags&wire.FlagACK != 0 == back && m.Packet.Option(name) != nil
	}
}

func class(c Class) func(*Message) bool { return func(m *Message) bool { return m.Class == c } }

func option(name string) func(*Message) bool {
	return func(m *Message) bool { return m.Packet.Option(name) != nil }
}

func ids(list []uint8) string {
	words := make([]string, len(list))
	for i, id := range list {
		words[i] = fmt.Sprint(id)
	}
	return strings.Join(words, ", ")
}

// speaking are the lanes that sent or got a message.
func (s *Story) speaking() []string {
	speaks := map[string]bool{}
	for _, i := range s.Items {
		if i.Message != nil {
			speaks[i.Message.From], speaks[i.Message.To] = true, true
		}
	}
	return slices.DeleteFunc(slices.Clone(s.Lanes), func(l string) bool { return !speaks[l] })
}
