package starlark

import (
	"fmt"
	"math"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// limits is host.mptcp.limits.
type limits struct{ *host }

func (l *limits) String() string                           { return "<limits of " + l.host.host.Name() + ">" }
func (l *limits) Type() string                             { return "host.mptcp.limits" }
func (l *limits) Attr(name string) (starlark.Value, error) { return limitsNoun.attr(l, name) }
func (l *limits) AttrNames() []string                      { return limitsNoun.attrNames() }

var limitsNoun = &noun[*limits]{
	name: "host.mptcp.limits",
	doc:  "The limits of a host's path manager, as `ip mptcp limits` manages them.",
	methods: []method[*limits]{
		{signature{
			name: "set",
			params: []param{
				{"subflows", number(0, math.MaxUint32), starlark.None, "subflows beside the initial one, per connection; None: as it is"},
				{"add_addr_accepted", number(0, math.MaxUint32), starlark.None, "ADD_ADDRs that may lead to a subflow, per connection; None: as it is"},
			},
			returns: "None",
			doc:     "Sets limits. The kernel takes 0 to 8 for each.",
			example: `client.mptcp.limits.set(subflows = 2, add_addr_accepted = 1)
check.equal(client.mptcp.limits.show().subflows, 2)
check.fails(lambda: client.mptcp.limits.set(subflows = 9), "limit greater than maximum")`,
		}, setLimits},
		{signature{
			name: "show", returns: "limits", doc: "Returns the limits as they are now.",
			example: "check.equal(client.mptcp.limits.show().add_addr_accepted, 0)",
		}, func(_ *call, l *limits) (starlark.Value, error) {
			got, err := l.host.host.PathManager().Limits()
			if err != nil {
				return nil, err
			}
			return limitsSnapshot.of(got), nil
		}},
	},
}

func setLimits(c *call, l *limits) (starlark.Value, error) {
	var (
		update pm.LimitsUpdate
		words  string
	)
	for _, f := range []struct {
		name string
		to   **uint32
	}{{"subflows", &update.Subflows}, {"add_addr_accepted", &update.AddAddrAccepted}} {
		if c.has(f.name) {
			n := uint32(get[int64](c, f.name))
			*f.to = &n
			words += fmt.Sprintf(" %s %d", f.name, n)
		}
	}
	l.run.note(l.host.host.Name(), "limits set%s", words)
	return nil, l.host.host.PathManager().SetLimits(update)
}
