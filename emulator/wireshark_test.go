//go:build !race

package emulator

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// batch is packets of several cases in one file, since each start of tshark takes a moment: of each case those of one link, and no two
// connections with the same addresses and ports.
type batch struct {
	file    string
	taken   map[direction]bool
	packets []captured
	of      []string // the case of each packet
}

// batches puts the packets of captures together.
func batches(t *testing.T, files []string) []*batch {
	t.Helper()
	var all []*batch
	for n, file := range files {
		links := map[int][]captured{}
		for _, p := range readCapture(t, file) {
			// The cases follow one another in time, so that their connections do.
			p.info.Timestamp = p.info.Timestamp.Add(time.Duration(n) * time.Hour)
			links[p.info.InterfaceIndex] = append(links[p.info.InterfaceIndex], p)
		}
		for _, packets := range links {
			i := slices.IndexFunc(all, func(b *batch) bool { return b.fits(packets) })
			if i < 0 {
				i = len(all)
				all = append(all, &batch{taken: map[direction]bool{}})
			}
			all[i].add(strings.TrimSuffix(filepath.Base(file), ".pcapng"), packets)
		}
	}
	return all
}

func (b *batch) fits(packets []captured) bool {
	return !slices.ContainsFunc(packets, func(p captured) bool {
		return b.taken[direction{p.src, p.dst}] || b.taken[direction{p.dst, p.src}]
	})
}

func (b *batch) add(name string, packets []captured) {
	for _, p := range packets {
		b.taken[direction{p.src, p.dst}] = true
		b.packets = append(b.packets, p)
		b.of = append(b.of, name)
	}
}

func (b *batch) write(t *testing.T, file string) {
	t.Helper()
	b.file = file
	f, err := os.Create(file)
	require.NoError(t, err)
	defer f.Close()
	w, err := pcapgo.NewNgWriter(f, layers.LinkTypeEthernet)
	require.NoError(t, err)
	for _, p := range b.packets {
		p.info.InterfaceIndex = 0
		require.NoError(t, w.WritePacket(p.info, p.data))
	}
	require.NoError(t, w.Flush())
}

// complaint is what Wireshark says of a packet of a case.
type complaint struct{ name, text string }

// complaints are what Wireshark says of the packets of a batch: what is malformed, and expert information that is a warning or an error.
func (b *batch) complaints(t *testing.T) (all []complaint) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "tshark", "-n", "-r", b.file, "-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "aggregator=|",
		"-Y", "_ws.malformed or _ws.expert.severity == 6291456 or _ws.expert.severity == 8388608",
		"-e", "frame.number", "-e", "_ws.expert.severity", "-e", "_ws.expert.message", "-e", "_ws.malformed")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		require.Len(t, fields, 4, line)
		n, err := strconv.Atoi(fields[0])
		require.NoError(t, err, line)
		severities, texts := strings.Split(fields[1], "|"), strings.Split(fields[2], "|")
		for i, text := range texts {
			if i < len(severities) && (severities[i] == "6291456" || severities[i] == "8388608") {
				all = append(all, complaint{b.of[n-1], text})
			}
		}
		if fields[3] != "" {
			all = append(all, complaint{b.of[n-1], "malformed: " + fields[3]})
		}
	}
	return all
}

// harmless is what Wireshark says of packets that are as they should be.
var harmless = map[string]string{
	"Previous segment(s) not captured (common at capture start)":   "captures leave out what only moves data",
	"ACKed segment that wasn't captured (common at capture start)": "captures leave out what only moves data",
	"Connection reset (RST)":                                  "every reset is a warning",
	"4 NOP in a row - a router may have removed some options": "of MP_CAPABLE with data, also where Linux sends it: there are two before the timestamps and two at the end",
	"Unsupported algorithm":                                   "of the C flag of MP_CAPABLE, also where Linux sends it",
}

func needTshark(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark: apt-get install tshark")
	}
}

// TestLibraryInWireshark holds that Wireshark finds nothing wrong with any packet of the library.
func TestLibraryInWireshark(t *testing.T) {
	needTshark(t)
	dir := t.TempDir()
	for n, b := range batches(t, capture(t)) {
		b.write(t, filepath.Join(dir, fmt.Sprintf("%d.pcapng", n)))
		for _, c := range b.complaints(t) {
			if harmless[c.text] == "" {
				t.Errorf("%s: %s", c.name, c.text)
			}
		}
	}
}

// TestWiresharkComplains holds that the test above would fail.
func TestWiresharkComplains(t *testing.T) {
	needTshark(t)
	syn := segment.Segment{
		Src: netip.MustParseAddrPort("10.0.1.1:1000"), Dst: netip.MustParseAddrPort("10.0.1.2:80"), Flags: wire.FlagSYN,
		MPTCP: []wire.Option{&wire.MPCapable{Version: 1, Crypto: wire.CryptoHMACSHA256}},
	}
	const ethernet, option = 14, segment.LenIPv4 + segment.LenTCP
	frame := make([]byte, ethernet)
	copy(frame[12:], "\x08\x00")
	frame, err := syn.Append(frame, 1)
	require.NoError(t, err)
	p, ok := parseCaptured(frame)
	require.True(t, ok)
	for name, spoil := range map[string]func([]byte){
		"right":       func([]byte) {},
		"length":      func(f []byte) { f[ethernet+option+1] = 2 },
		"IP checksum": func(f []byte) { f[ethernet+10]++ },
		"cut off":     func(f []byte) { f[ethernet+12+segment.LenIPv4] = 0xf0 },
	} {
		b := &batch{}
		spoilt := p
		spoilt.data = bytes.Clone(frame)
		spoil(spoilt.data)
		spoilt.info.CaptureLength, spoilt.info.Length = len(frame), len(frame)
		b.packets, b.of = []captured{spoilt}, []string{name}
		b.write(t, filepath.Join(t.TempDir(), "one.pcapng"))
		require.Equal(t, name == "right", len(b.complaints(t)) == 0, name)
	}
}
