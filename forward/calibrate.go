//go:build linux

package forward

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// Accuracy is how much later than asked packets are delivered.
type Accuracy struct {
	Delay            time.Duration // asked for
	Probes           int
	Median, P99, Max time.Duration // beyond Delay
	Accurate         bool          // see Config
	Realtime         bool          // scheduling of the thread
}

func (a Accuracy) String() string {
	scheduling := "ordinary"
	if a.Realtime {
		scheduling = "real-time"
	}
	return fmt.Sprintf("a delay of %s is exceeded by %s (median), %s (99%%), %s (at most); %d probes, %s scheduling",
		a.Delay, a.Median, a.P99, a.Max, a.Probes, scheduling)
}

// Calibrate measures a link of its own: how much longer than delay it takes a probe from leaving its sender to reaching its
// receiver, both by the kernel's stamps. It needs what netns.New needs, and takes probes times the delay, and 20 ms.
func Calibrate(ctx context.Context, delay time.Duration, probes int, accurate bool) (Accuracy, error) {
	a := Accuracy{Delay: delay, Accurate: accurate}
	err := a.measure(ctx, probes, [][2]string{{"from", "a"}, {"to", "b"}}, func(ns *netns.Namespace, measure func() error) error {
		f, err := Open(Config{In: ns.Do, A: "a", B: "b", AToB: impair.Impairment{Delay: delay}, Accurate: accurate})
		if err != nil {
			return err
		}
		a.Realtime = f.Realtime()
		return errors.Join(measure(), f.Close())
	})
	return a, err
}

// CalibrateVeth measures a plain veth pair as Calibrate does a link: what is due to the kernel, the machine, and the measuring.
func CalibrateVeth(ctx context.Context, probes int) (Accuracy, error) {
	a := Accuracy{}
	err := a.measure(ctx, probes, [][2]string{{"from", "to"}}, func(_ *netns.Namespace, measure func() error) error { return measure() })
	return a, err
}

// measure sends probes from one end of some veth pairs to another, within what connects these.
func (a *Accuracy) measure(ctx context.Context, probes int, pairs [][2]string, within func(*netns.Namespace, func() error) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("calibrate: %w", err)
		}
	}()
	if probes < 1 {
		return fmt.Errorf("%d probes: want at least one", probes)
	}
	ns, err := netns.New()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ns.Close()) }()
	var p *prober
	if err := ns.Do(func() (err error) {
		if err := connect(pairs); err != nil {
			return err
		}
		p, err = openProber("from", "to")
		return err
	}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	return within(ns, func() error {
		late, err := p.measure(ctx, a.Delay, probes)
		if err != nil {
			return err
		}
		slices.Sort(late)
		at := func(percent int) time.Duration { return late[(len(late)-1)*percent/100] }
		a.Probes, a.Median, a.P99, a.Max = probes, at(50), at(99), at(100)
		return nil
	})
}

// connect makes pairs of interfaces, brought up, in the namespace of the thread.
func connect(pairs [][2]string) error {
	err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("turn IPv6 off: %w", err)
	}
	for _, ends := range pairs {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: ends[0]}, PeerName: ends[1]}
		if err := netlink.LinkAdd(veth); err != nil {
			return fmt.Errorf("link %s to %s: %w", ends[0], ends[1], err)
		}
		for _, name := range append(ends[:], ends[0]) { // the first has its carrier only when the second is up
			if err := bringUp(name); err != nil {
				return fmt.Errorf("bring up %s: %w", name, err)
			}
		}
	}
	return nil
}

// bringUp brings an interface of the thread's namespace up. Since Linux 6.6 looking it up makes the kernel act on its carrier at
// once, rather than from a work queue; until then it loses what is sent.
func bringUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	_, err = netlink.LinkByName(name)
	return err
}

// prober sends numbered frames of a protocol of its own (IEEE's for local experiments) from one interface to another.
type prober struct {
	from, to int // sockets, -1: not open
}

const probeProtocol = 0x88b5

// warmUp is how long the kernel may take before it stamps what it receives.
const warmUp = 20 * time.Millisecond

// probeLimit bounds the wait for a probe, beyond the delay.
const probeLimit = time.Second

// openProber opens both ends, in the namespace of the calling thread.
func openProber(from, to string) (*prober, error) {
	p := &prober{from: -1, to: -1}
	var err error
	if p.from, err = openProbe(from); err != nil {
		return nil, err
	}
	if p.to, err = openProbe(to); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func openProbe(name string) (int, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return -1, fmt.Errorf("interface %s: %w", name, err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, probeProtocol))
	err = errors.Join(
		os.NewSyscallError("SO_RCVBUF", setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF)),
		os.NewSyscallError("SO_TIMESTAMPNS", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)),
		os.NewSyscallError("SO_TIMESTAMPING", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING,
			unix.SOF_TIMESTAMPING_TX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE|unix.SOF_TIMESTAMPING_OPT_TSONLY)),
		os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: i.Index})),
	)
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func (p *prober) close() error {
	var errs []error
	for _, fd := range []int{p.from, p.to} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// send sends the n-th frame of a size, and returns when the kernel gave it to the interface: a veth stamps it before the call
// returns (veth_xmit in drivers/net/veth.c).
func (p *prober) send(n, size int) (time.Time, error) {
	b := make([]byte, ethernetHeader, ethernetHeader+size)
	copy(b, "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01")
	binary.BigEndian.PutUint16(b[12:], probeProtocol)
	b = append(b, make([]byte, size)...)
	binary.BigEndian.PutUint32(b[ethernetHeader:], uint32(n))
	if err := p.write(b); err != nil {
		return time.Time{}, err
	}
	var control [controlSize]byte
	_, length, _, _, err := unix.Recvmsg(p.from, nil, control[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		return time.Time{}, fmt.Errorf("the stamp of a probe that was sent: %w", os.NewSyscallError("recvmsg", err))
	}
	return stamped(control[:length])
}

func (p *prober) write(frame []byte) error {
	_, err := unix.Write(p.from, frame)
	return os.NewSyscallError("send a probe", err)
}

// stamped is the kernel's stamp in the control messages of a frame that was received, or of the report of one that was sent.
func stamped(control []byte) (time.Time, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}, err
	}
	for _, m := range messages {
		// The first of the three times of SCM_TIMESTAMPING is that of software.
		if m.Header.Level == unix.SOL_SOCKET && (m.Header.Type == unix.SCM_TIMESTAMPNS || m.Header.Type == unix.SCM_TIMESTAMPING) {
			return time.Unix((*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix()), nil
		}
	}
	return time.Time{}, errors.New("the kernel has not stamped a probe")
}

// receive waits for the next frame, and returns its number and when the kernel received it.
func (p *prober) receive(limit time.Duration) (n int, at time.Time, err error) {
	poll := []unix.PollFd{{Fd: int32(p.to), Events: unix.POLLIN}}
	timeout := unix.NsecToTimespec(int64(limit))
	ready, err := unix.Ppoll(poll, &timeout, nil)
	if err == unix.EINTR {
		return p.receive(limit)
	}
	if err != nil || ready == 0 {
		return 0, at, errors.Join(fmt.Errorf("no probe arrived within %s", limit), err)
	}
	var data [ethernetHeader + 4]byte
	var control [controlSize]byte
	_, length, _, _, err := unix.Recvmsg(p.to, data[:], control[:], unix.MSG_DONTWAIT)
	if err != nil {
		return 0, at, os.NewSyscallError("receive a probe", err)
	}
	at, err = stamped(control[:length])
	return int(binary.BigEndian.Uint32(data[ethernetHeader:])), at, err
}

// measure sends one probe after the other, and returns by how much each took longer than delay.
func (p *prober) measure(ctx context.Context, delay time.Duration, probes int) (late []time.Duration, err error) {
	begin := time.Now()
	for n := 0; len(late) < probes; n++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		sent, err := p.send(n, 46)
		if err != nil {
			return nil, err
		}
		_, at, err := p.receive(delay + probeLimit)
		if err != nil {
			return nil, err
		}
		if sent.Sub(begin) >= warmUp {
			late = append(late, at.Sub(sent)-delay)
		}
	}
	return late, nil
}
