package pathmanager_test

import (
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// host is the least that a host can be: nobody listens, nothing passes.
type host struct{}

func (host) Name() string                                       { return "server" }
func (host) After(time.Duration, func()) func()                 { return func() {} }
func (host) Emit(pm.Event)                                      {}
func (host) Listened() bool                                     { return false }
func (host) Count(string, int)                                  {}
func (host) Explain(r pathmanager.Reason)                       { fmt.Println(r.Text) }
func (host) ListenJoins(netip.AddrPort) (func(), syscall.Errno) { return func() {}, 0 }

func ExampleNew() {
	version, err := pathmanager.ParseVersion("6.12")
	if err != nil {
		panic(err)
	}
	m := pathmanager.New(host{}, version)
	for range 2 {
		err = m.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSignal})
	}
	fmt.Println(err)
	fmt.Println(m.Endpoints())
	fmt.Println(m.Limits())
	// Output:
	// add endpoint 10.0.2.1 signal: file exists: too many addresses or duplicate one: -17
	// [10.0.2.1 id 1 signal] <nil>
	// add_addr_accepted 0 subflows 2 <nil>
}
