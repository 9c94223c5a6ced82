//go:build linux

package forward_test

import (
	"fmt"
	"time"

	"github.com/mptcp-lab/mptcp-lab/forward"
	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// A link of 20 ms that loses the first ADD_ADDR of each side and passes everything else.
func Example() {
	hidden, err := netns.New() // with the interfaces a and b, made elsewhere
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hidden.Close()

	var lost [2]bool
	delay := impair.Impairment{Delay: 20 * time.Millisecond}
	link, err := forward.Open(forward.Config{
		In: hidden.Do, A: "a", B: "b", AToB: delay, BToA: delay,
		Filter: &forward.Filter{
			Wants: func(_ forward.Direction, frame []byte) bool { return len(frame) < 200 }, // bulk data is not looked at
			Judge: func(p *forward.Packet) forward.Verdict {
				packet, err := wire.Decode(p.Frame, wire.LayerEthernet)
				if err != nil || lost[p.Direction] || packet.Option(wire.NameAddAddr) == nil {
					return forward.Verdict{}
				}
				lost[p.Direction] = true
				return forward.Verdict{Action: forward.Drop}
			},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(link.Counters(forward.AToB).Dropped[forward.DropFilter], link.Close())
}
