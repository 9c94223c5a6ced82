//go:build !race

package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report/pcap"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// capture runs the library as "run --backend emulator --pcap" does, and returns the files.
func capture(t *testing.T) []string {
	t.Helper()
	b, err := New(Options{})
	require.NoError(t, err)
	folder, err := pcap.NewFolder(t.TempDir())
	require.NoError(t, err)
	runLibrary(t, b, runner.Config{Seed: 1, Timelines: true, Snapshots: true}, folder)
	require.NoError(t, folder.Err())
	files, err := filepath.Glob(filepath.Join(folder.Path(), "*.pcapng"))
	require.NoError(t, err)
	require.Greater(t, len(files), 1000)
	return files
}

// captured is a packet of a capture.
type captured struct {
	info     gopacket.CaptureInfo
	data     []byte
	src, dst netip.AddrPort
	syn, ack bool
	options  [][]byte // of MPTCP, from the kind on
}

// readCapture reads what is TCP.
func readCapture(t *testing.T, file string) (packets []captured) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	require.NoError(t, err)
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return packets
		}
		require.NoError(t, err)
		if p, ok := parseCaptured(data); ok {
			p.info = info
			packets = append(packets, p)
		}
	}
}

func parseCaptured(data []byte) (p captured, ok bool) {
	d := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.NoCopy)
	tcp, ok := d.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if !ok {
		return captured{}, false
	}
	src, dst := d.NetworkLayer().NetworkFlow().Endpoints()
	end := func(e gopacket.Endpoint, port layers.TCPPort) netip.AddrPort {
		a, _ := netip.AddrFromSlice(e.Raw())
		return netip.AddrPortFrom(a, uint16(port))
	}
	p = captured{data: data, src: end(src, tcp.SrcPort), dst: end(dst, tcp.DstPort), syn: tcp.SYN, ack: tcp.ACK}
	for o := tcp.Contents[20:]; len(o) > 1 && o[0] != 0; {
		n := 1
		if o[0] != 1 {
			n = int(o[1])
		}
		if n == 0 || n > len(o) {
			break
		}
		if o[0] == 30 {
			p.options = append(p.options, o[:n])
		}
		o = o[n:]
	}
	return p, true
}

// keys are those of a connection, as one of its hosts has them.
type keys struct{ own, peer []byte }

func (k keys) turned() keys { return keys{k.peer, k.own} }

// mac is the HMAC of what that host says.
func (k keys) mac(message ...[]byte) []byte {
	h := hmac.New(sha256.New, append(bytes.Clone(k.own), k.peer...))
	for _, m := range message {
		h.Write(m)
	}
	return h.Sum(nil)
}

func tokenOf(key []byte) uint32 {
	sum := sha256.Sum256(key)
	return binary.BigEndian.Uint32(sum[:])
}

// direction is what one end of a subflow sends, over whichever links.
type direction struct{ src, dst netip.AddrPort }

// verifier checks HMACs as RFC 8684 sections 3.2 and 3.4.1 have them, with the keys that a capture shows.
type verifier struct {
	tokens  map[uint32]keys // of whose token it is
	senders map[direction]keys
	nonces  map[direction][]byte
	right   map[string]int // by option
	wrong   []string       // also those of which the capture does not show all that they are made of
}

// learn takes the keys that a third ACK tells.
func (v *verifier) learn(p captured) {
	for _, o := range p.options {
		if o[2]>>4 == 0 && len(o) >= 20 && !p.syn {
			opener := keys{o[4:12], o[12:20]}
			v.tokens[tokenOf(opener.own)], v.tokens[tokenOf(opener.peer)] = opener, opener.turned()
			v.senders[direction{p.src, p.dst}], v.senders[direction{p.dst, p.src}] = opener, opener.turned()
		}
	}
}

func (v *verifier) check(p captured) {
	at, back := direction{p.src, p.dst}, direction{p.dst, p.src}
	for _, o := range p.options {
		switch {
		case o[2]>>4 == 1 && len(o) == 12: // MP_JOIN of a SYN
			if k, known := v.tokens[binary.BigEndian.Uint32(o[4:8])]; known {
				v.senders[at], v.senders[back] = k.turned(), k
				v.nonces[at] = o[8:12]
			}
		case o[2]>>4 == 1 && len(o) == 16: // of a SYN-ACK
			v.nonces[at] = o[12:16]
			v.judge("MP_JOIN SYN-ACK", o[4:12], v.senders[at].mac(o[12:16], v.nonces[back])[:8], p)
		case o[2]>>4 == 1 && len(o) == 24: // of an ACK
			v.judge("MP_JOIN ACK", o[4:24], v.senders[at].mac(v.nonces[at], v.nonces[back])[:20], p)
		case o[2] == 3<<4: // ADD_ADDR, no echo
			v.judge("ADD_ADDR", o[len(o)-8:], v.senders[at].mac(announced(o))[24:], p)
		}
	}
}

// announced is what the HMAC of an ADD_ADDR is over: ID, address, and port, which is 0 where the option has none.
func announced(o []byte) []byte {
	message := bytes.Clone(o[3 : len(o)-8])
	if len(message)%2 == 1 && (len(message) == 5 || len(message) == 17) {
		message = append(message, 0, 0)
	}
	return message
}

func (v *verifier) judge(what string, got, want []byte, p captured) {
	if bytes.Equal(got, want) {
		v.right[what]++
		return
	}
	v.wrong = append(v.wrong, fmt.Sprintf("%s %v > %v: %x, want %x", what, p.src, p.dst, got, want))
}

// TestLibraryHMACs holds that every HMAC in the captures of the library is right, by code that shares nothing with that which made it.
func TestLibraryHMACs(t *testing.T) {
	right := map[string]int{}
	for _, file := range capture(t) {
		v := &verifier{tokens: map[uint32]keys{}, senders: map[direction]keys{}, nonces: map[direction][]byte{}, right: right}
		packets := readCapture(t, file)
		for _, p := range packets {
			v.learn(p)
		}
		for _, p := range packets {
			v.check(p)
		}
		require.Empty(t, v.wrong, filepath.Base(file))
	}
	for _, what := range []string{"MP_JOIN SYN-ACK", "MP_JOIN ACK", "ADD_ADDR"} {
		require.Greater(t, right[what], 500, what)
	}
}
