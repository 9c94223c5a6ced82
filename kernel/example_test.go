package kernel_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// (It needs privileges, so it is compiled and not run.) Two hosts on one link: the server announces its address, and the client's event says so.
func ExampleBackend() {
	ctx := context.Background()
	backend, err := kernel.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()
	l, err := backend.Open(ctx, lab.Options{Name: "example"})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()

	client, err := l.Host(ctx, "client", lab.HostOptions{})
	if err != nil {
		log.Fatal(err)
	}
	server, err := l.Host(ctx, "server", lab.HostOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err = l.Link(ctx,
		lab.End{Node: client, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.1/24")}},
		lab.End{Node: server, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.2/24"), netip.MustParsePrefix("10.0.1.3/24")}},
		lab.LinkOptions{}); err != nil {
		log.Fatal(err)
	}
	announced := pm.Endpoint{Address: netip.MustParseAddr("10.0.1.3"), Flags: pm.FlagSignal}
	if err := server.PathManager().AddEndpoint(announced); err != nil {
		log.Fatal(err)
	}

	to := netip.MustParseAddrPort("10.0.1.2:8000")
	if _, err := server.Listen(ctx, lab.ListenOptions{Address: to}); err != nil {
		log.Fatal(err)
	}
	conn, err := client.Dial(ctx, lab.DialOptions{Remote: to})
	if err != nil {
		log.Fatal(err)
	}
	if err := conn.Send(ctx, 1000); err != nil {
		log.Fatal(err)
	}
	seen, err := l.Wait(ctx, 5*time.Second, func() (bool, error) {
		events, err := client.Events()
		return len(events) > 0 && events[len(events)-1].Kind == pm.EventAnnounced, err
	})
	fmt.Println(seen, err)
}
