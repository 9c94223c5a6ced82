package netns_test

import (
	"fmt"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

// Two hosts on one link, the first of which looks at what it has.
func ExampleLink() {
	if !netns.Privileged() {
		return // see Reexec
	}
	client, err := netns.NewHost(netns.Options{Number: 1})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	server, err := netns.NewHost(netns.Options{Number: 2})
	if err != nil {
		panic(err)
	}
	defer server.Close()

	err = netns.Link(netns.Endpoint{Host: client, Name: "eth1"}, netns.Endpoint{Host: server, Name: "eth1"}, 0)
	if err != nil {
		panic(err)
	}
	err = client.AddAddress("eth1", netip.MustParsePrefix("10.0.1.1/24"), netip.MustParsePrefix("2001:db8::1/64"))
	if err != nil {
		panic(err)
	}
	fmt.Println(client.Interfaces(), client.Addresses())
}
