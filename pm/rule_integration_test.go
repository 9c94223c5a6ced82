//go:build linux

package pm_test

import (
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// olderKernels are the rules that a new kernel cannot be made to apply.
var olderKernels = []string{
	"change endpoint: operation not supported: ",            // before Linux 5.12
	"announce: operation not supported: ",                   // before 5.19
	"remove: operation not supported: ",                     // before 5.19
	"create subflow: operation not supported: ",             // before 5.19
	"destroy subflow: operation not supported: ",            // before 5.19
	"set flags: operation not supported: ",                  // before 5.12
	"set flags: invalid argument: invalid address families", // before 6.15
	"list addresses: invalid argument: ",                    // of those that say nothing to a failed dump
}

// TestEveryRule has the kernel refuse something for every row of the table.
func TestEveryRule(t *testing.T) {
	errs := slices.Concat(endpointErrors(t), userspaceErrors(t), []error{errorWithoutPrivilege(t)})
	provoked := slices.Clone(olderKernels)
	for _, err := range errs {
		var e *pm.Error
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Rule(), "no rule for: %v", e)
		provoked = append(provoked, pm.RuleRow(e))
	}
	for _, row := range pm.RuleRows() {
		require.Contains(t, provoked, row, "nothing here breaks this rule")
	}
}

// endpointErrors are the refusals of endpoints and limits.
func endpointErrors(t *testing.T) []error {
	t.Helper()
	ns := newNetNS(t)
	c := dial(t, ns)
	add := func(e pm.Endpoint) error { return c.AddEndpoint(e) }
	lo := address("127.0.0.1")
	addRaw := func(nest string) error {
		attrs, err := hex.DecodeString(nest)
		require.NoError(t, err)
		return c.AddRaw(attrs)
	}
	var listener net.Listener
	inNetNS(t, ns, func() (err error) {
		listener, err = net.Listen("tcp", "127.0.0.1:10100")
		return err
	})
	t.Cleanup(func() { _ = listener.Close() })

	require.NoError(t, add(pm.Endpoint{ID: 1, Address: nth(1), Flags: pm.FlagSignal}))
	errs := []error{
		add(pm.Endpoint{ID: 2}),
		addRaw("0c000180" + "0600010009000000"), // family 9
		addRaw("0c000180" + "0600010002000000"), // family IPv4 alone
		add(pm.Endpoint{Address: nth(2), Port: 1}),
		add(pm.Endpoint{Address: nth(2), Flags: pm.FlagSignal | pm.FlagFullmesh}),
		add(pm.Endpoint{Address: nth(2), Flags: pm.FlagImplicit}),
		add(pm.Endpoint{Address: nth(2), Port: 10100, Flags: pm.FlagSignal}),
		add(pm.Endpoint{Address: lo, Port: 10100, Flags: pm.FlagSignal}),
		add(pm.Endpoint{ID: 1, Address: nth(2)}),
		add(pm.Endpoint{Address: nth(1)}),
		c.DeleteEndpoint(pm.Endpoint{ID: 9}),
		c.ChangeEndpoint(pm.Endpoint{ID: 9}),
		c.ChangeEndpoint(pm.Endpoint{}),
		c.ChangeEndpoint(pm.Endpoint{ID: 1, Flags: pm.FlagFullmesh}),
		c.SetLimits(pm.LimitsUpdate{Subflows: new(uint32(9))}),
	}
	_, err := c.Endpoint(9)
	errs = append(errs, err, errorOfAnImplicitEndpoint(t))
	for i := range 7 {
		require.NoError(t, add(pm.Endpoint{Address: nth(10 + i)}))
	}
	return append(errs, add(pm.Endpoint{Address: nth(99)}))
}

// errorOfAnImplicitEndpoint has the kernel make an endpoint for 127.0.0.1: as 127.0.0.4 is announced to a client at
// 127.0.0.9, the route there starts from an address that is neither the connection's nor an endpoint's.
func errorOfAnImplicitEndpoint(t *testing.T) error {
	t.Helper()
	ns := newNetNS(t)
	c, m := dial(t, ns), listen(t, ns)
	require.NoError(t, c.SetLimits(pm.LimitsUpdate{AddAddrAccepted: new(uint32(8)), Subflows: new(uint32(8))}))
	require.NoError(t, c.AddEndpoint(pm.Endpoint{ID: 9, Address: address("127.0.0.4"), Flags: pm.FlagSignal}))
	from := ipv4
	from.source = address("127.0.0.9")
	conn := open(t, ns, from)
	conn.exchange(t)
	// Both sides announce, and both try; the client's try is the one towards the listener's port.
	port := addrPort(conn.listener.Addr()).Port()
	until(t, m, pm.EventSubClosed, func(e pm.Event) bool { return e.RemoteID == 9 && e.Remote.Port() == port })
	return c.AddEndpoint(pm.Endpoint{ID: 200, Address: address("127.0.0.1")})
}

// userspaceErrors are the refusals of the commands by token.
func userspaceErrors(t *testing.T) []error {
	t.Helper()
	s, _ := establish(t, userspaceNetNS(t), ipv4)
	known := pm.Endpoint{ID: 3, Address: s.foreign, Flags: signal}
	var errs []error
	for _, r := range userspaceRefusals {
		require.NoError(t, s.Announce(s.token, known))
		errs = append(errs, r.do(s))
	}
	for _, r := range earlyRefusal {
		errs = append(errs, r.do(early(t)))
	}

	unknown := s
	unknown.token = s.token ^ s.peer ^ 1
	kernels := userspaceNetNS(t)
	selectManager(t, kernels, "0")
	managed, _ := establish(t, kernels, ipv4)
	return append(errs, unknown.Remove(unknown.token, 1), managed.Remove(managed.token, 1))
}

func errorWithoutPrivilege(t *testing.T) error {
	t.Helper()
	ns := newNetNS(t)
	return onThread(func() error {
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := dropCapabilities(); err != nil {
			return err
		}
		c, err := pm.Dial(pm.Config{})
		if err != nil {
			return err
		}
		return errors.Join(c.FlushEndpoints(), c.Close())
	})
}

// The rule is that of the command: the kernel says the same to others for other reasons.
func TestRuleOfTheCommand(t *testing.T) {
	s, _ := establish(t, userspaceNetNS(t), ipv4)
	require.NoError(t, s.AddEndpoint(pm.Endpoint{ID: 1, Address: s.second, Flags: signal}))
	tests := []struct {
		err  error
		rule string
	}{
		{
			s.ChangeEndpoint(pm.Endpoint{ID: 1, Flags: pm.FlagFullmesh}),
			"fullmesh is for endpoints that open subflows: a signal or implicit endpoint cannot have it",
		},
		{
			s.Announce(s.token, pm.Endpoint{ID: 4, Address: s.second}),
			"an announcement needs the flag signal",
		},
		{
			s.SubflowCreate(s.token, pm.Endpoint{ID: 4, Address: s.second, Flags: signal}, netip.AddrPortFrom(s.second, 1)),
			"a subflow's address cannot have the flag signal: announce it in a call of its own",
		},
	}
	for _, tt := range tests {
		var e *pm.Error
		require.ErrorAs(t, tt.err, &e)
		require.Equal(t, "invalid addr flags", e.Message)
		require.Equal(t, tt.rule, e.Rule())
	}
}
