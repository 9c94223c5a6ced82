//go:build linux

package traffic_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// A megabyte each way, verified byte by byte, between two sockets of one host.
func Example() {
	ctx := context.Background()
	here := func(f func() error) error { return f() } // a lab enters the host's namespace

	l, err := traffic.Listen(ctx, here, lab.ListenOptions{Protocol: lab.MPTCP, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	loopback := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), l.Address().Port())
	client, err := traffic.Dial(ctx, here, lab.DialOptions{Protocol: lab.MPTCP, Remote: loopback, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	if err := traffic.Exchange(ctx, client, server, 1_000_000); err != nil {
		log.Fatal(err)
	}
	sent, _, n, _ := client.Sums()
	_, received, _, _ := server.Sums()
	fmt.Println(n, "bytes, same checksum:", sent == received)
}
