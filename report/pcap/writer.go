package pcap

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
)

// nanoseconds is the resolution of times, as a power of ten.
const nanoseconds = 9

// Write writes the packets of a case. The result must have a snapshot and, for comments, a timeline.
func Write(w io.Writer, r report.Result) error {
	n, err := open(w, r)
	if err != nil {
		return err
	}
	packets := inOrder(r.Snapshot.Links)
	comments := commentsOf(r, packets)
	for i, p := range packets {
		data := head(p.Head)
		info := gopacket.CaptureInfo{
			Timestamp:      time.Unix(0, 0).Add(max(p.Time, 0)),
			CaptureLength:  len(data),
			Length:         len(data) + p.PayloadLen,
			InterfaceIndex: p.link,
		}
		if err := n.WritePacketWithOptions(info, data, pcapgo.NgPacketOptions{Comments: comments[i]}); err != nil {
			return fmt.Errorf("write packet: %w", err)
		}
	}
	return n.Flush()
}

// open writes what stands before the packets. A file has at least one interface: without a link, it is called "none".
func open(w io.Writer, r report.Result) (*pcapgo.NgWriter, error) {
	links := r.Snapshot.Links
	if len(links) == 0 {
		links = []snapshot.Link{{Name: "none"}}
	}
	var n *pcapgo.NgWriter
	for i, l := range links {
		x := pcapgo.NgInterface{
			Name: l.Name, Description: description(l), LinkType: layers.LinkTypeEthernet, TimestampResolution: nanoseconds,
		}
		var err error
		if i == 0 {
			n, err = pcapgo.NewNgWriterInterface(w, x, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
				Application: "mptcp-lab",
				Comment:     strings.Join(append([]string{fmt.Sprintf("%s, seed %d: %s", r.Case.ID, r.Seed, r.Verdict)}, r.Snapshot.Missing...), "\n"),
			}})
		} else {
			_, err = n.AddInterface(x)
		}
		if err != nil {
			return nil, fmt.Errorf("write interface %s: %w", l.Name, err)
		}
	}
	return n, nil
}

// description is a link with the addresses of its ends: "client 10.0.1.1/24 – server 10.0.1.2/24".
func description(l snapshot.Link) string {
	var ends [2]string
	for i, e := range l.Ends {
		ends[i] = e.Node
		for _, a := range e.Addresses {
			ends[i] += " " + a.String()
		}
	}
	return ends[0] + " – " + ends[1]
}

// seen is a packet with the number of its link.
type seen struct {
	lab.Packet
	link int
}

// inOrder are the packets of all links in order of time.
func inOrder(links []snapshot.Link) []seen {
	var all []seen
	for i, l := range links {
		for _, p := range l.Packets {
			if len(p.Head) > 0 {
				all = append(all, seen{p, i})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b seen) int { return cmp.Compare(a.Time, b.Time) })
	return all
}

// commentsOf are the comments of each packet. What was said is at the first packet after it, or at the last one if none
// followed; a check that failed is at the last packet before it, which is what it saw.
func commentsOf(r report.Result, packets []seen) [][]string {
	comments := make([][]string, len(packets))
	if len(packets) == 0 {
		return comments
	}
	for i, p := range packets {
		if p.Fate != "" {
			comments[i] = append(comments[i], "link: "+p.Fate)
		}
	}
	for _, e := range r.Timeline {
		after, _ := slices.BinarySearchFunc(packets, e.Time, func(p seen, t time.Duration) int { return cmp.Compare(p.Time, t) })
		switch {
		case e.Kind == lab.KindStep:
			at := min(after, len(packets)-1)
			comments[at] = append(comments[at], "step: "+e.Text)
		case e.Kind == lab.KindCheck && strings.HasPrefix(e.Text, "fails: "):
			at := max(after-1, 0)
			comments[at] = append(comments[at], "check "+e.Text)
		}
	}
	if r.Verdict == report.Failed || r.Verdict == report.Error {
		last := len(packets) - 1
		comments[last] = append(comments[last], fmt.Sprintf("%s: %s", r.Verdict, r.Message))
	}
	return comments
}

// The lengths of headers without options, in bytes, and the place of the Ethernet type.
const (
	lenEthernet  = 14
	lenTag       = 4
	lenIPv4      = 20
	lenIPv6      = 40
	lenTCP       = 20
	offEtherType = 12
)

// headers is how long the headers of a frame are together; 0 where they are not Ethernet, IP and TCP one after the other.
func headers(frame []byte) int {
	n := lenEthernet
	if len(frame) < n {
		return 0
	}
	typ := binary.BigEndian.Uint16(frame[offEtherType:])
	if layers.EthernetType(typ) == layers.EthernetTypeDot1Q && len(frame) >= n+lenTag {
		typ = binary.BigEndian.Uint16(frame[n+lenTag-2:])
		n += lenTag
	}
	switch {
	case layers.EthernetType(typ) == layers.EthernetTypeIPv4 && len(frame) >= n+lenIPv4:
		n += int(frame[n]&0x0f) * 4
	case layers.EthernetType(typ) == layers.EthernetTypeIPv6 && len(frame) >= n+lenIPv6 && frame[n+6] == byte(layers.IPProtocolTCP):
		n += lenIPv6
	default:
		return 0
	}
	if len(frame) < n+lenTCP {
		return 0
	}
	return n + int(frame[n+12]>>4)*4
}

// head is a frame without what was kept of its payload.
func head(frame []byte) []byte {
	if n := headers(frame); n > 0 && n < len(frame) {
		return frame[:n]
	}
	return frame
}
