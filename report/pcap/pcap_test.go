package pcap_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/internal/sample"
	"github.com/mptcp-lab/mptcp-lab/report/pcap"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

type read struct {
	info     gopacket.CaptureInfo
	data     []byte
	comments []string
}

func write(t *testing.T, r report.Result) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, pcap.Write(&out, r))
	return out.Bytes()
}

func readAll(t *testing.T, b []byte) (*pcapgo.NgReader, []read) {
	t.Helper()
	n, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	var all []read
	for {
		data, info, options, err := n.ReadPacketDataWithOptions()
		if err == io.EOF {
			return n, all
		}
		require.NoError(t, err)
		all = append(all, read{info, data, options.Comments})
	}
}

func TestWrite(t *testing.T) {
	n, packets := readAll(t, write(t, sample.Failed()))
	require.Equal(t, "join.star::test_stays[family=ipv4], seed 1: failed", n.SectionInfo().Comment)
	require.Equal(t, 2, n.NInterfaces())
	first, err := n.Interface(0)
	require.NoError(t, err)
	require.Equal(t, "client:eth1-server:eth1", first.Name)
	require.Equal(t, "client 10.0.1.1/24 – server 10.0.1.2/24", first.Description)
	require.Equal(t, layers.LinkTypeEthernet, first.LinkType)

	require.Len(t, packets, 13)
	for i, p := range packets {
		decoded, err := wire.Decode(p.data, wire.LayerEthernet)
		require.NoError(t, err)
		require.Equal(t, p.info.Length-len(p.data), decoded.PayloadLen, "the original length, of packet %d", i)
		require.NotEmpty(t, decoded.Options)
	}
	require.Equal(t, time.Unix(0, 0).Add(2100*time.Microsecond).UTC(), packets[1].info.Timestamp.UTC())
	require.Equal(t, 1, packets[7].info.InterfaceIndex)
	require.Equal(t, 1, packets[3].info.Length-len(packets[3].data), "its payload is not in the file")

	require.Equal(t, []string{"step: the server announces its second address"}, packets[0].comments)
	require.Equal(t, []string{`link: dropped by drop(option = "ADD_ADDR", nth = 1)`}, packets[4].comments)
	require.Equal(t, []string{"step: the server takes it away"}, packets[10].comments)
	require.Equal(t, []string{
		"check fails: check.subflows: 1 subflow, expected 2",
		"failed: join.star:28: check.subflows: 1 subflow, expected 2\n    > check.subflows(conn.client, 2)",
	}, packets[12].comments)
	require.Empty(t, packets[1].comments)
}

// A case with nothing on the wire has a file that can be opened.
func TestWriteNothing(t *testing.T) {
	n, packets := readAll(t, write(t, report.Result{Snapshot: &snapshot.Snapshot{}, Timeline: []lab.Entry{{Kind: lab.KindStep, Text: "x"}}}))
	require.Equal(t, 1, n.NInterfaces())
	require.Empty(t, packets)
}

// What a lab keeps of a frame beyond its headers is not written, whatever the headers.
func TestHeadersOnly(t *testing.T) {
	r := sample.Joined()
	ipv4 := r.Snapshot.Links[0].Packets[3]
	require.Len(t, ipv4.Head, 14+20+20+24+1)
	tagged := ipv4
	tagged.Head = append(append(append([]byte{}, ipv4.Head[:12]...), 0x81, 0, 0, 5), ipv4.Head[12:]...)
	short := ipv4
	short.Head = ipv4.Head[:20]
	r.Snapshot.Links = []snapshot.Link{{Name: "x", Packets: []lab.Packet{ipv4, tagged, short}}}
	_, packets := readAll(t, write(t, r))
	require.Equal(t, []int{78, 82, 20}, []int{len(packets[0].data), len(packets[1].data), len(packets[2].data)})
}

func tshark(t *testing.T, file string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is missing: apt-get install tshark")
	}
	var errs bytes.Buffer
	cmd := exec.Command(program, append([]string{"-n", "-r", file}, args...)...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	return string(out)
}

// Wireshark reads the file, and finds its interfaces, options and comments, and nothing malformed.
func TestWireshark(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.pcapng")
	require.NoError(t, os.WriteFile(file, write(t, sample.Failed()), 0o600))
	require.Empty(t, tshark(t, file, "-Y", "_ws.malformed || _ws.short"))
	require.Equal(t, 13, strings.Count(tshark(t, file, "-Y", "mptcp"), "\n"))
	fields := []string{"-T", "fields", "-e", "frame.time_epoch", "-e", "frame.interface_name", "-e", "frame.len", "-e", "tcp.options.mptcp.subtype", "-e", "frame.comment"}
	lines := strings.Split(tshark(t, file, fields...), "\n")
	require.Equal(t, "0.002000000\tclient:eth1-server:eth1\t58\t0\tstep: the server announces its second address", lines[0])
	require.Equal(t, "0.003000000\tclient:eth1-server:eth1\t70\t3\t"+`link: dropped by drop(option = "ADD_ADDR", nth = 1)`, strings.ReplaceAll(lines[4], `\"`, `"`))
	require.Contains(t, lines[12], "check fails: check.subflows: 1 subflow, expected 2")
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	f, err := pcap.NewFolder(dir)
	require.NoError(t, err)
	r := sample.Joined()
	f.CaseDone(r)
	f.CaseDone(r) // repeated
	long := sample.Joined()
	long.Case.ID = "x.star::test_" + strings.Repeat("é/:", 200)
	f.CaseDone(long)
	f.CaseDone(report.Result{Case: r.Case}) // it opened no lab
	require.NoError(t, f.Err())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3)
	require.Equal(t, "join.star-test_announced[family=ipv4]-2.pcapng", entries[0].Name())
	require.Equal(t, "join.star-test_announced[family=ipv4].pcapng", entries[1].Name())
	require.Regexp(t, `^x\.star-test_[_-]+[0-9a-f]{16}\.pcapng$`, entries[2].Name())
	b, err := os.ReadFile(filepath.Join(dir, entries[1].Name()))
	require.NoError(t, err)
	require.Equal(t, write(t, r), b)
}

func TestFolderTellsOfFailures(t *testing.T) {
	dir := t.TempDir()
	f, err := pcap.NewFolder(dir)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "join.star-test_announced[family=ipv4].pcapng"), 0o755))
	f.CaseDone(sample.Joined())
	require.ErrorContains(t, f.Err(), "write packets: open ")

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = pcap.NewFolder(file)
	require.Error(t, err)
}
