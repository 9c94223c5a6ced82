//go:build linux

package pathmanager

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// The model against the kernel that runs: the same requests, at random, have the same answers.

// namespace is a network namespace of the kernel with its loopback interface up, and the release.
func namespace(t *testing.T) (*netns.Namespace, string) {
	t.Helper()
	if _, err := pm.LookupFamily(); errors.Is(err, pm.ErrNotSupported) {
		t.Skip(err)
	}
	if !netns.Privileged() {
		t.Skip("network namespaces need root")
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	require.NoError(t, err)
	host, err := netns.NewHost(netns.Options{Number: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close()) })
	return host.Namespace, strings.TrimSpace(string(release))
}

// addresses are ones of the host and foreign ones, of both families, and one twice.
var addresses = []string{"127.0.0.1", "127.0.0.2", "::ffff:127.0.0.2", "127.0.0.3", "::1", "10.0.9.1", "10.0.9.2", "2001:db8::1", "224.0.0.1", "0.0.0.0"}

var flagSets = []pm.Flags{
	0, pm.FlagSignal, pm.FlagSubflow, pm.FlagSignal | pm.FlagSubflow, pm.FlagSubflow | pm.FlagBackup, pm.FlagBackup,
	pm.FlagSubflow | pm.FlagFullmesh, pm.FlagSignal | pm.FlagFullmesh, pm.FlagImplicit, pm.FlagLaminar, 1 << 7, pm.FlagFullmesh,
}

func endpoints(ids []uint8, ports []uint16) *rapid.Generator[pm.Endpoint] {
	return rapid.Custom(func(t *rapid.T) pm.Endpoint {
		e := pm.Endpoint{
			ID:      rapid.SampledFrom(ids).Draw(t, "id"),
			Port:    rapid.SampledFrom(ports).Draw(t, "port"),
			Flags:   rapid.SampledFrom(flagSets).Draw(t, "flags"),
			IfIndex: rapid.SampledFrom([]int32{0, 0, 0, 1, 7, -1}).Draw(t, "ifindex"),
		}
		if rapid.IntRange(0, 9).Draw(t, "addressed") > 0 {
			e.Address = ip(rapid.SampledFrom(addresses).Draw(t, "address"))
		}
		if e.Port != 0 && rapid.Bool().Draw(t, "signals") {
			e.Flags = pm.FlagSignal
		}
		return e
	})
}

var (
	addIDs  = []uint8{0, 0, 0, 0, 0, 0, 1, 2, 3, 8, 100, 253, 254, 255}
	someIDs = []uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 101, 254, 255}
	ports   = []uint16{0, 0, 0, 0, 4000, 4001}
)

// step is a request to either, and what comes back.
func step(t *rapid.T) func(lab.PathManager) (any, error) {
	only := func(err error) (any, error) { return nil, err }
	e := endpoints(addIDs, ports).Draw(t, "endpoint")
	id := rapid.SampledFrom(someIDs).Draw(t, "known id")
	limit := func(name string) *uint32 {
		n := rapid.Uint32Range(0, 12).Draw(t, name)
		if n > 9 {
			return nil
		}
		return &n
	}
	switch rapid.IntRange(0, 11).Draw(t, "request") {
	case 0, 1, 2, 3, 4:
		return func(p lab.PathManager) (any, error) { return only(p.AddEndpoint(e)) }
	case 5, 6:
		return func(p lab.PathManager) (any, error) { return only(p.DeleteEndpoint(pm.Endpoint{ID: id})) }
	case 7:
		return func(p lab.PathManager) (any, error) { return only(p.ChangeEndpoint(e)) }
	case 8:
		u := pm.LimitsUpdate{AddAddrAccepted: limit("accepted"), Subflows: limit("subflows")}
		return func(p lab.PathManager) (any, error) { return only(p.SetLimits(u)) }
	case 9:
		return func(p lab.PathManager) (any, error) { return p.Endpoint(id) }
	case 10:
		if rapid.IntRange(0, 9).Draw(t, "flush") > 0 {
			return func(p lab.PathManager) (any, error) {
				return only(p.ChangeEndpoint(pm.Endpoint{ID: id, Flags: e.Flags}))
			}
		}
		return func(p lab.PathManager) (any, error) { return only(p.FlushEndpoints()) }
	}
	token := rapid.SampledFrom([]uint32{0, 1, 0xdeadbeef}).Draw(t, "token")
	command := rapid.IntRange(0, 6).Draw(t, "command")
	return func(p lab.PathManager) (any, error) {
		switch command {
		case 0:
			return only(p.Announce(token, e))
		case 1:
			return only(p.Remove(token, id))
		case 2:
			return only(p.SubflowCreate(token, e, ipPort("127.0.0.1:1")))
		case 3:
			return only(p.SubflowDestroy(token, ipPort("127.0.0.1:1"), ipPort("127.0.0.1:2")))
		case 4:
			return only(p.SetFlags(token, ipPort("127.0.0.1:1"), ipPort("127.0.0.1:2"), e.Flags))
		case 5:
			return p.Address(token, id)
		}
		return p.Addresses(token)
	}
}

func TestRequestsAgainstTheKernel(t *testing.T) {
	ns, release := namespace(t)
	real, err := pm.Dial(pm.Config{NetNS: ns.FD()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, real.Close()) })

	rapid.Check(t, func(t *rapid.T) {
		require.NoError(t, real.FlushEndpoints())
		require.NoError(t, real.SetLimits(pm.LimitsUpdate{AddAddrAccepted: new(uint32), Subflows: ptrTo(2)}))
		model := newWorld(release).m
		for range rapid.IntRange(1, 40).Draw(t, "requests") {
			request := step(t)
			want, wantErr := request(real)
			got, gotErr := request(model)
			require.Equal(t, wantErr, gotErr)
			if wantErr == nil {
				require.Equal(t, want, got)
			}
			requireSameTable(t, real, model)
		}
	})
}

func requireSameTable(t require.TestingT, real, model lab.PathManager) {
	want, err := real.Endpoints()
	require.NoError(t, err)
	got, err := model.Endpoints()
	require.NoError(t, err)
	require.Equal(t, texts(want), texts(got))
	wantLimits, err := real.Limits()
	require.NoError(t, err)
	gotLimits, err := model.Limits()
	require.NoError(t, err)
	require.Equal(t, wantLimits, gotLimits)
}

// texts are endpoints in words, which a difference is best read in.
func texts(all []pm.Endpoint) []string {
	words := make([]string, len(all))
	for i, e := range all {
		words[i] = e.String()
	}
	return words
}

// encoded is a request as bytes, with attributes that no well-behaved program sends.
func encoded(t *rapid.T) ipmptcp.Request {
	attrs := netlink.NewAttributeEncoder()
	nested := func(label string) func(*netlink.AttributeEncoder) error {
		return func(n *netlink.AttributeEncoder) error {
			for range rapid.IntRange(0, 5).Draw(t, label+" attributes") {
				number := rapid.Uint16Range(1, 8).Draw(t, label+" attribute")
				n.Bytes(number, payload(t, number))
			}
			return nil
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "attributes") {
		switch rapid.IntRange(0, 7).Draw(t, "attribute") {
		case 0, 1, 2:
			attrs.Nested(uint16(attrAddr), nested("local"))
		case 3:
			attrs.Nested(uint16(attrAddrRemote), nested("remote"))
		case 4:
			attrs.Bytes(uint16(attrRcvAddAddrs), number(t, 4))
		case 5:
			attrs.Bytes(uint16(attrSubflows), number(t, 4))
		case 6:
			attrs.Bytes(uint16(attrToken), number(t, 4))
		case 7:
			attrs.Bytes(uint16(attrLocID), number(t, 1))
		}
	}
	b, err := attrs.Encode()
	require.NoError(t, err)
	return ipmptcp.Request{
		Cmd:   ipmptcp.Cmd(rapid.IntRange(1, 12).Draw(t, "command")),
		Dump:  rapid.IntRange(0, 9).Draw(t, "dump") == 0,
		Attrs: b,
	}
}

// number is a small number of about that many bytes.
func number(t *rapid.T, size int) []byte {
	b := make([]byte, max(size+rapid.SampledFrom([]int{0, 0, 0, 0, 0, 1, -1}).Draw(t, "longer"), 0))
	if len(b) > 0 {
		b[0] = rapid.SampledFrom([]byte{0, 1, 2, 3, 4, 8, 9, 10, 64}).Draw(t, "number")
	}
	return b
}

// payload is one for an attribute of a nest, mostly a right one.
func payload(t *rapid.T, n uint16) []byte {
	switch n {
	case addrFamily:
		b := []byte{rapid.SampledFrom([]byte{2, 2, 2, 10, 10, 0, 3}).Draw(t, "family"), 0}
		return b[:rapid.SampledFrom([]int{2, 2, 2, 2, 2, 1}).Draw(t, "size")]
	case addrID:
		return number(t, 1)
	case addrAddr4:
		b := append([]byte{127, 0, 0}, rapid.SampledFrom([]byte{1, 2, 3, 4}).Draw(t, "last"))
		return b[:rapid.SampledFrom([]int{4, 4, 4, 4, 3}).Draw(t, "size")]
	case addrAddr6:
		b := ip(rapid.SampledFrom([]string{"::1", "2001:db8::1", "::ffff:127.0.0.2"}).Draw(t, "address")).AsSlice()
		return append(b, 0)[:rapid.SampledFrom([]int{16, 16, 16, 16, 15, 17}).Draw(t, "size")]
	case addrPort:
		return number(t, 2)
	default:
		return number(t, 4)
	}
}

func TestBytesAgainstTheKernel(t *testing.T) {
	ns, release := namespace(t)
	real, err := ipmptcp.Kernel{NetNS: ns.FD()}.Open(t.Context(), 1<<16)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, real.Close()) })

	rapid.Check(t, func(rt *rapid.T) {
		_, err := real.Do(t.Context(), ipmptcp.Request{Cmd: ipmptcp.CmdFlushAddrs})
		require.NoError(rt, err)
		model := newWorld(release).m
		limits, err := real.Do(t.Context(), ipmptcp.Request{Cmd: ipmptcp.CmdGetLimits})
		require.NoError(rt, err)
		_, err = model.Do(ipmptcp.Request{Cmd: ipmptcp.CmdSetLimits, Attrs: limits.Messages[0].Attrs})
		require.NoError(rt, err)
		for range rapid.IntRange(1, 20).Draw(rt, "requests") {
			r := encoded(rt)
			want, wantErr := real.Do(t.Context(), r)
			got, gotErr := model.Do(r)
			require.Equal(rt, wantErr, gotErr, fmt.Sprintf("%+v", r))
			if wantErr == nil {
				require.Equal(rt, want, got)
			}
		}
	})
}

// values are right and wrong ones for settings.
var values = []string{
	"0", "1", "2", "-1", "255", "256", "2147483647", "2147483648", "4294967295", "4294967296", "0x10", "010", " 5", "5 ", "5\n", "5 6",
	"x", "", "1x", "kernel", "userspace", "default", "kernel ", " kernel", "kernel\n", "none", "+5", "-0x1", "09", "-2147483648", "1_0", "3600",
}

func TestSettingsAgainstTheKernel(t *testing.T) {
	ns, release := namespace(t)
	model := newWorld(release).m
	for _, name := range append(model.Sysctls(), "net.mptcp.nonsense") {
		t.Run(name, func(t *testing.T) {
			for _, value := range append([]string{"unwritten"}, values...) {
				if value != "unwritten" {
					requireSameError(t, ns.SetSysctl(name, value), model.SetSysctl(name, value), name+" = "+value)
				}
				for _, shown := range append(model.Sysctls(), name) {
					want, wantErr := ns.Sysctl(shown)
					got, gotErr := model.Sysctl(shown)
					requireSameError(t, wantErr, gotErr, shown)
					require.Equal(t, want, got, "%s after %s = %q", shown, name, value)
				}
			}
		})
	}
}

func requireSameError(t *testing.T, want, got error, what string) {
	t.Helper()
	if want == nil {
		require.NoError(t, got, what)
		return
	}
	require.EqualError(t, got, want.Error(), what)
}
