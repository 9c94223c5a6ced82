//go:build linux

package scenarios_test

import (
	"fmt"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// option selects MPTCP options by their second and third byte: the length, and the subtype with four flags beside it
// (RFC 8684, section 3). What is 0 in the mask is not compared.
type option struct {
	mask, value [2]byte
}

// The options that get lost, by the lengths and subtypes of RFC 8684, sections 3.2 to 3.4.
var (
	joinSYN = option{mask: [2]byte{0xff, 0xf0}, value: [2]byte{12, 0x10}}
	addAddr = option{mask: [2]byte{0x00, 0xf1}, value: [2]byte{0, 0x30}}
	echo    = option{mask: [2]byte{0x00, 0xf1}, value: [2]byte{0, 0x31}}
	rmAddr  = option{mask: [2]byte{0x00, 0xf0}, value: [2]byte{0, 0x40}}
	mpPrio  = option{mask: [2]byte{0x00, 0xf0}, value: [2]byte{0, 0x50}}
)

const (
	kindMPTCP = 30
	register  = 1 // of nftables, where a rule keeps what it has read
)

// lose makes the firewall of a host drop what arrives with an option. The packet has been on the link by then, and so is
// on the timeline.
func lose(h lab.Host, o option) error {
	fd, err := namespaceOf(h)
	if err != nil {
		return err
	}
	c, err := nftables.New(nftables.WithNetNSFd(fd))
	if err != nil {
		return fmt.Errorf("firewall of %s: %w", h.Name(), err)
	}
	table := c.AddTable(&nftables.Table{Name: "fault", Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{
		Name: "arriving", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	for _, place := range places {
		rule := append([]expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register},
			&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{unix.IPPROTO_TCP}},
		}, place(o)...)
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(rule, &expr.Verdict{Kind: expr.VerdictDrop})})
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("rules that drop options on %s: %w", h.Name(), err)
	}
	return nil
}

// places are where an option may stand in a packet: it is the first of its kind, or comes after a DSS, which nftables
// cannot skip. Such a DSS has nothing but an acknowledgement, and stands behind the timestamps.
var places = []func(option) []expr.Any{
	option.first,
	func(o option) []expr.Any { return o.behindDSS(8) },
	func(o option) []expr.Any { return o.behindDSS(12) },
}

// first reads the option by its kind.
func (o option) first() []expr.Any {
	return append([]expr.Any{
		&expr.Exthdr{DestRegister: register, Type: kindMPTCP, Offset: 1, Len: uint32(len(o.mask)), Op: expr.ExthdrOpTcpopt},
	}, compare(o.mask[:], o.value[:])...)
}

// behindDSS reads a DSS of that length, in bytes, and the option at once: they fit into the register.
func (o option) behindDSS(length uint8) []expr.Any {
	const header, timestamps = 20, 12 // bytes, the latter with two NOPs before them
	mask, value := make([]byte, length), make([]byte, length)
	copy(mask, []byte{0xff, 0xff, 0xf0})
	copy(value, []byte{kindMPTCP, length, 0x20})
	mask, value = append(mask, 0xff), append(value, kindMPTCP)
	mask, value = append(mask, o.mask[:]...), append(value, o.value[:]...)
	return append([]expr.Any{
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: header + timestamps, Len: uint32(len(mask))},
	}, compare(mask, value)...)
}

func compare(mask, value []byte) []expr.Any {
	return []expr.Any{
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: value},
	}
}

// namespaceOf reads the descriptor of a host's network namespace from the command that enters it.
func namespaceOf(h lab.Host) (fd int, err error) {
	var pid int
	_, proc, _ := strings.Cut(h.Enter(), "--net=")
	if _, err := fmt.Sscanf(proc, "/proc/%d/fd/%d", &pid, &fd); err != nil {
		return 0, fmt.Errorf("network namespace of %s in %q: %w", h.Name(), h.Enter(), err)
	}
	return fd, nil
}
