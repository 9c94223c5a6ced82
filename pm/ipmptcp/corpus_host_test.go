//go:build linux

package ipmptcp_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	vnetlink "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// device is an interface of a host of the corpus.
type device struct {
	name      string
	index     int
	altname   string
	addresses []string
}

// devices of the client, and of the server, which are the other ends of the first two. Indexes are far from those that
// the kernel gives of itself, which depend on its built-in tunnels.
var (
	clientDevices = []device{
		{name: "e0", index: 10, altname: "path0", addresses: []string{"10.0.1.1/24", "2001:db8:1::1/64"}},
		{name: "e1", index: 11, altname: "second-path-of-the-host", addresses: []string{"10.0.2.1/24", "2001:db8:2::1/64"}},
	}
	serverDevices = []device{
		{name: "s0", index: 20, addresses: []string{"10.0.1.2/24", "2001:db8:1::2/64"}},
		{name: "s1", index: 21, addresses: []string{"10.0.2.2/24", "2001:db8:2::2/64"}},
	}
)

// hosts are what all hosts have in common.
type hosts struct {
	registry *netns.Registry
	family   pm.Family
}

// newHosts skips the test where there can be none.
func newHosts(t *testing.T) *hosts {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN to make network namespaces")
	}
	family, err := pm.LookupFamily()
	if err != nil {
		t.Skip(err)
	}
	r, err := netns.NewRegistry()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return &hosts{registry: r, family: family}
}

// newHost makes a host without links, which ends with the test.
func (r *hosts) newHost(t *testing.T) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(netns.Options{Registry: r.registry, Sysctl: map[string]string{
		// One port for all subflows, each from an address of its own, so that nothing of it is random.
		"net.ipv4.ip_local_port_range": "40000 40000",
	}})
	require.NoError(t, err)
	t.Cleanup(func() {
		// The listener of an endpoint with a port would keep the namespace for ever.
		c, err := pm.Dial(pm.Config{NetNS: h.FD(), Family: r.family})
		require.NoError(t, err)
		require.NoError(t, c.FlushEndpoints())
		require.NoError(t, c.Close())
		require.NoError(t, h.Close())
	})
	return h
}

// alone makes the client without a server: its devices are linked to each other.
func (r *hosts) alone(t *testing.T) *netns.Host {
	t.Helper()
	client := r.newHost(t)
	require.NoError(t, linkDevices(client, clientDevices[0], client, clientDevices[1]))
	return client
}

// joined makes the client and the server.
func (r *hosts) joined(t *testing.T) (client, server *netns.Host) {
	t.Helper()
	client, server = r.newHost(t), r.newHost(t)
	for n, d := range serverDevices {
		require.NoError(t, linkDevices(client, clientDevices[n], server, d))
	}
	return client, server
}

// linkDevices joins two devices, up and with their addresses.
func linkDevices(a *netns.Host, deviceA device, b *netns.Host, deviceB device) error {
	peer := append(deviceB.attributes(0), nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(b.FD()))))
	kind := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	kind.AddRtAttr(nl.IFLA_INFO_KIND, nl.ZeroTerminated("veth"))
	kind.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddChild(nested(nl.VETH_INFO_PEER, peer))

	request := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	for _, attribute := range append(deviceA.attributes(unix.IFF_UP), kind) {
		request.AddData(attribute)
	}
	err := a.Do(func() error {
		_, err := request.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("link %s to %s: %w", deviceA.name, deviceB.name, err)
	}
	return errors.Join(
		b.Do(func() error { return deviceB.configure(deviceA) }),
		a.Do(func() error { return deviceA.configure(deviceB) }),
	)
}

// attributes are those of the request that makes the device, with its header.
func (d device) attributes(flags uint32) []nl.NetlinkRequestData {
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(d.index)
	header.Flags, header.Change = flags, flags
	return []nl.NetlinkRequestData{
		header,
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(d.name)),
		nl.NewRtAttr(unix.IFLA_ADDRESS, d.mac()),
	}
}

func nested(kind int, children []nl.NetlinkRequestData) *nl.RtAttr {
	var data []byte
	for _, c := range children {
		data = append(data, c.Serialize()...)
	}
	return nl.NewRtAttr(kind|unix.NLA_F_NESTED, data)
}

func (d device) mac() net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, byte(d.index)} }

// configure brings the device up, with its names and addresses. It knows its neighbour, so that nothing waits for IPv6's
// multicast groups to be joined.
func (d device) configure(neighbour device) error {
	link := &vnetlink.GenericLink{LinkAttrs: vnetlink.LinkAttrs{Index: d.index, Name: d.name}}
	if err := vnetlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", d.name, err)
	}
	if d.altname != "" {
		if err := vnetlink.LinkAddAltName(link, d.altname); err != nil {
			return fmt.Errorf("name %s %s: %w", d.name, d.altname, err)
		}
	}
	for _, a := range d.addresses {
		ip, network, err := net.ParseCIDR(a)
		if err != nil {
			return err
		}
		network.IP = ip
		if err := vnetlink.AddrAdd(link, &vnetlink.Addr{IPNet: network, Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("add %s to %s: %w", a, d.name, err)
		}
	}
	for _, a := range neighbour.addresses {
		ip := net.IP(netip.MustParsePrefix(a).Addr().AsSlice())
		n := &vnetlink.Neigh{LinkIndex: d.index, IP: ip, HardwareAddr: neighbour.mac(), State: vnetlink.NUD_PERMANENT}
		if err := vnetlink.NeighSet(n); err != nil {
			return fmt.Errorf("neighbour %s of %s: %w", a, d.name, err)
		}
	}
	// Asking for the state makes the kernel act on the carrier now rather than from a work queue (since Linux 6.6).
	_, err := vnetlink.LinkByIndex(d.index)
	return err
}
