package knowledge

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The parts of the generic netlink controller (include/uapi/linux/genetlink.h and netlink.h) that the libraries lack.
const (
	familyName = "mptcp_pm"

	ctrlGetPolicy    = 10 // CTRL_CMD_GETPOLICY, Linux 5.10
	ctrlAttrName     = 2
	ctrlAttrPolicy   = 8
	ctrlAttrOpPolicy = 9
	policyDo         = 1 // CTRL_ATTR_POLICY_DO
	typeAttrType     = 1 // NL_POLICY_TYPE_ATTR_TYPE
	typeAttrPolicy   = 8 // NL_POLICY_TYPE_ATTR_POLICY_IDX
)

// The names of what is numbered (include/uapi/linux/mptcp_pm.h); a number without one is something new.
var (
	commandNames = []string{
		"", "ADD_ADDR", "DEL_ADDR", "GET_ADDR", "FLUSH_ADDRS", "SET_LIMITS", "GET_LIMITS", "SET_FLAGS", "ANNOUNCE", "REMOVE",
		"SUBFLOW_CREATE", "SUBFLOW_DESTROY",
	}
	attributeNames = []string{"", "ADDR", "RCV_ADD_ADDRS", "SUBFLOWS", "TOKEN", "LOC_ID", "ADDR_REMOTE"}
	addressNames   = []string{"", "FAMILY", "ID", "ADDR4", "ADDR6", "PORT", "FLAGS", "IF_IDX"}
	typeNames      = []string{
		"invalid", "flag", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "binary", "string", "nul-string", "nested",
		"nested-array", "bitfield32", "sint", "uint",
	}
)

func name(names []string, number int) string {
	if number < len(names) && names[number] != "" {
		return names[number]
	}
	return fmt.Sprintf("number %d", number)
}

// attribute is one of a policy.
type attribute struct {
	kind   int // NL_ATTR_TYPE_*
	nested int // policy, of a nested one
}

// policies are what the family's commands take: the policy of each, and the attributes of each policy, by number.
type policies struct {
	ofCommand map[int]int
	policy    map[int]map[int]attribute
}

// askFamily is what the path manager's family says of itself.
func askFamily() ([]Item, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("open a generic netlink socket: %w", err)
	}
	defer conn.Close()
	family, err := conn.GetFamily(familyName)
	if err != nil {
		return nil, fmt.Errorf("look up the family %s: %w", familyName, err)
	}
	p, err := dumpPolicies(conn)
	if err != nil {
		return nil, err
	}
	if len(p.ofCommand) == 0 { // told per command since Linux 5.11 or so; before, all have one
		return nil, fmt.Errorf("the family %s (version %d) names no commands", familyName, family.Version)
	}
	return p.items(), nil
}

func dumpPolicies(conn *genetlink.Conn) (policies, error) {
	p := policies{ofCommand: map[int]int{}, policy: map[int]map[int]attribute{}}
	e := netlink.NewAttributeEncoder()
	e.String(ctrlAttrName, familyName)
	data, err := e.Encode()
	if err != nil {
		return p, err
	}
	messages, err := conn.Execute(genetlink.Message{
		Header: genetlink.Header{Command: ctrlGetPolicy, Version: 1}, Data: data,
	}, unix.GENL_ID_CTRL, netlink.Request|netlink.Dump)
	if err != nil {
		return p, fmt.Errorf("dump the policies of %s: %w", familyName, err)
	}
	for _, m := range messages {
		d, err := netlink.NewAttributeDecoder(m.Data)
		if err != nil {
			return p, fmt.Errorf("policies of %s: %w", familyName, err)
		}
		for d.Next() {
			switch d.Type() {
			case ctrlAttrOpPolicy:
				d.Nested(p.readCommands)
			case ctrlAttrPolicy:
				d.Nested(p.readPolicies)
			}
		}
		if err := d.Err(); err != nil {
			return p, fmt.Errorf("policies of %s: %w", familyName, err)
		}
	}
	return p, nil
}

// readCommands reads which policy each command has.
func (p policies) readCommands(commands *netlink.AttributeDecoder) error {
	for commands.Next() {
		command := int(commands.Type())
		p.ofCommand[command] = -1
		commands.Nested(func(d *netlink.AttributeDecoder) error {
			for d.Next() {
				if policy := int(d.Uint32()); d.Type() == policyDo || p.ofCommand[command] < 0 {
					p.ofCommand[command] = policy
				}
			}
			return nil
		})
	}
	return nil
}

// readPolicies reads the attributes of policies.
func (p policies) readPolicies(list *netlink.AttributeDecoder) error {
	for list.Next() {
		policy := int(list.Type())
		if p.policy[policy] == nil {
			p.policy[policy] = map[int]attribute{}
		}
		list.Nested(func(attributes *netlink.AttributeDecoder) error {
			for attributes.Next() {
				number := int(attributes.Type())
				attributes.Nested(func(d *netlink.AttributeDecoder) error {
					p.policy[policy][number] = readAttribute(d)
					return nil
				})
			}
			return nil
		})
	}
	return nil
}

func readAttribute(d *netlink.AttributeDecoder) attribute {
	a := attribute{nested: -1}
	for d.Next() {
		switch d.Type() {
		case typeAttrType:
			a.kind = int(d.Uint32())
		case typeAttrPolicy:
			a.nested = int(d.Uint32())
		}
	}
	return a
}

// items are the commands with the attributes that they take, and all attributes with their types.
func (p policies) items() []Item {
	var items []Item
	types := map[string]string{} // of attributes, by name
	for _, command := range slices.Sorted(maps.Keys(p.ofCommand)) {
		attributes := p.policy[p.ofCommand[command]]
		var takes []string
		for _, number := range slices.Sorted(maps.Keys(attributes)) {
			a := attributes[number]
			n := name(attributeNames, number)
			takes = append(takes, n)
			types[n] = name(typeNames, a.kind)
			for inner, b := range p.policy[a.nested] {
				types["ADDR."+name(addressNames, inner)] = name(typeNames, b.kind)
			}
		}
		items = append(items, Item{Command, name(commandNames, command), strings.Join(takes, " ")})
	}
	names := slices.SortedFunc(maps.Keys(types), func(a, b string) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), strings.Compare(a, b))
	})
	for _, n := range names {
		items = append(items, Item{Attribute, n, types[n]})
	}
	return items
}

// order puts attributes in that of their numbers, those of an address last.
func order(attribute string) int {
	inner, nested := strings.CutPrefix(attribute, "ADDR.")
	names, base := attributeNames, 0
	if nested {
		names, base = addressNames, 100
	}
	if i := slices.Index(names, inner); i >= 0 {
		return base + i
	}
	return base + 99
}
