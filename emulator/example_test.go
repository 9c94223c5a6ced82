package emulator_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// An hour passes in the lab, and none outside of it.
func ExampleNew() {
	ctx := context.Background()
	backend := must(emulator.New(emulator.Options{Kernel: "6.18"}))
	l := must(backend.Open(ctx, lab.Options{Seed: 1}))
	defer l.Close()
	client, server := must(l.Host(ctx, "client", lab.HostOptions{})), must(l.Host(ctx, "server", lab.HostOptions{}))
	must(l.Link(ctx,
		lab.End{Node: client, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.1/24")}},
		lab.End{Node: server, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.2/24")}}, lab.LinkOptions{}))
	listener := must(server.Listen(ctx, lab.ListenOptions{Address: netip.MustParseAddrPort("10.0.1.2:80")}))
	near := must(client.Dial(ctx, lab.DialOptions{Remote: listener.Address()}))
	far := must(listener.Accept(ctx))
	must(l.Wait(ctx, time.Hour, func() (bool, error) { return false, nil }))

	fmt.Println(near.SendBytes(ctx, []byte("hello")))
	fmt.Printf("%s\n", must(far.ReceiveBytes(ctx, 5)))
	fmt.Println(must(far.Conn()).State, l.Now() > time.Hour)
	// Output:
	// <nil>
	// hello
	// ESTAB true
}
