package netns

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Firewall is the table of nf_tables that a host has, for both versions of IP. All of it is in the kernel: the text of a rule is
// its comment there, so that nft(8) in the host shows it too.
type Firewall struct{ host *Host }

var _ lab.Firewall = Firewall{}

// Firewall is the host's. It costs nothing before it has a rule.
func (h *Host) Firewall() Firewall { return Firewall{h} }

// firewallChains are the chains by name, in the order of a listing, with their hooks and priorities (include/uapi/linux/netfilter_ipv4.h).
var firewallChains = []nftables.Chain{
	{Name: "input", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter},
	{Name: "output", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter},
	{Name: "forward", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter},
	{Name: "prerouting", Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityNATDest},
	{Name: "postrouting", Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource},
}

func firewallTable() *nftables.Table {
	return &nftables.Table{Name: "mptcp-lab", Family: nftables.TableFamilyINet}
}

// firewallChain is the chain with that name, of the table.
func firewallChain(name string) *nftables.Chain {
	i := slices.IndexFunc(firewallChains, func(c nftables.Chain) bool { return c.Name == name })
	chain := firewallChains[i]
	chain.Table = firewallTable()
	return &chain
}

// Add implements [lab.Firewall]. The first rule makes the table, and the first of a chain the chain.
func (f Firewall) Add(r lab.FirewallRule) (lab.FirewallEntry, error) {
	if err := f.check(r); err != nil {
		return lab.FirewallEntry{}, err
	}
	c, err := f.open()
	if err != nil {
		return lab.FirewallEntry{}, err
	}
	chain := firewallChain(r.Chain)
	c.AddTable(chain.Table)
	c.AddChain(chain)
	c.AddRule(&nftables.Rule{
		Table: chain.Table, Chain: chain, Exprs: firewallExprs(r),
		UserData: firewallComment(r.String()),
	})
	if err := c.Flush(); err != nil {
		return lab.FirewallEntry{}, fmt.Errorf("firewall rule %s: %w", r, firewallError(err))
	}
	entries, err := chainEntries(c, r.Chain)
	if err != nil {
		return lab.FirewallEntry{}, err
	}
	return entries[len(entries)-1], nil
}

// maxComment is how much of a rule's text is kept, in bytes: NFT_USERDATA_MAXLEN (include/uapi/linux/netfilter/nf_tables.h) without
// the head of the comment, its end, and the sign that more would follow.
const maxComment = 256 - 2 - 1 - len("…")

func firewallComment(text string) []byte {
	if len(text) > maxComment {
		text = text[:maxComment] + "…"
	}
	return userdata.AppendString(nil, userdata.TypeComment, text)
}

// check finds what the kernel would take and never match.
func (f Firewall) check(r lab.FirewallRule) error {
	if err := r.Validate(); err != nil {
		return err
	}
	for _, name := range []string{r.InInterface, r.OutInterface} {
		if name == "" {
			continue
		}
		if _, err := f.host.InterfaceIndex(name); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements [lab.Firewall].
func (f Firewall) Delete(e lab.FirewallEntry) error {
	c, err := f.open()
	if err != nil {
		return err
	}
	chain := firewallChain(e.Chain)
	if err := c.DelRule(&nftables.Rule{Table: chain.Table, Chain: chain, Handle: e.Handle}); err != nil {
		return err
	}
	err = c.Flush()
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("firewall rule %s: it is not there any more: %w", e.Text, unix.ENOENT)
	}
	if err != nil {
		return fmt.Errorf("delete firewall rule %s: %w", e.Text, firewallError(err))
	}
	return nil
}

// Rules implements [lab.Firewall].
func (f Firewall) Rules() ([]lab.FirewallEntry, error) {
	c, err := f.open()
	if err != nil {
		return nil, err
	}
	var all []lab.FirewallEntry
	for _, chain := range firewallChains {
		entries, err := chainEntries(c, chain.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

// Flush implements [lab.Firewall].
func (f Firewall) Flush() error {
	c, err := f.open()
	if err != nil {
		return err
	}
	c.AddTable(firewallTable()) // there may be none
	c.DelTable(firewallTable())
	if err := c.Flush(); err != nil {
		return fmt.Errorf("flush the firewall: %w", firewallError(err))
	}
	return nil
}

// open prepares to speak with the host's nf_tables; each batch has a socket of its own.
func (f Firewall) open() (*nftables.Conn, error) {
	explain := func(c *netlink.Conn) error { return c.SetOption(netlink.ExtendedAcknowledge, true) }
	c, err := nftables.New(nftables.WithNetNSFd(f.host.FD()), nftables.WithSockOptions(explain))
	if err != nil {
		return nil, fmt.Errorf("open the firewall: %w", err)
	}
	return c, nil
}

// chainEntries are the rules of a chain, in order; none when there is no such chain.
func chainEntries(c *nftables.Conn, chain string) ([]lab.FirewallEntry, error) {
	rules, err := c.GetRules(firewallTable(), &nftables.Chain{Name: chain})
	if err != nil {
		return nil, fmt.Errorf("rules of the chain %s: %w", chain, err)
	}
	entries := make([]lab.FirewallEntry, len(rules))
	for i, r := range rules {
		e := &entries[i]
		e.Chain, e.Handle = chain, r.Handle
		e.Text, _ = userdata.GetString(r.UserData, userdata.TypeComment) // none: somebody else's
		for _, x := range r.Exprs {
			if counter, ok := x.(*expr.Counter); ok {
				e.Packets, e.Bytes = counter.Packets, counter.Bytes
			}
		}
	}
	return entries, nil
}

// firewallError keeps of an error what the kernel said, and adds a way out where it said that it lacks something.
func firewallError(err error) error {
	err = kernelError(err)
	for _, lacks := range []error{unix.ENOENT, unix.EOPNOTSUPP, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT} {
		if errors.Is(err, lacks) {
			return fmt.Errorf("the kernel has not all that it needs (%w): mptcp-lab doctor tells what is missing", err)
		}
	}
	return err
}
