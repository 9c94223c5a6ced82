package html

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
	"github.com/mptcp-lab/mptcp-lab/report/story"
)

// row is a case in the list.
type row struct {
	ID       string         `json:"id"`
	Title    string         `json:"title,omitempty"`
	Verdict  report.Verdict `json:"v"`
	Duration float64        `json:"ms"`
	Why      string         `json:"why,omitempty"` // first line of the message
}

// caseView is what is drawn of a case.
type caseView struct {
	File    string     `json:"file"`
	Line    int        `json:"line"`
	Message string     `json:"msg,omitempty"`
	Again   string     `json:"again"`
	Checks  int        `json:"checks"`
	Output  []string   `json:"out,omitempty"`
	Kernel  []string   `json:"kernel,omitempty"`
	Missing []string   `json:"missing,omitempty"`
	Lanes   []string   `json:"lanes,omitempty"`
	Flows   []flowView `json:"flows,omitempty"`
	Items   []itemView `json:"items,omitempty"`
	Nodes   []nodeView `json:"nodes,omitempty"`
	Links   []linkView `json:"links,omitempty"`
}

type flowView struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
	Ends string `json:"ends"`
}

type itemView struct {
	Time    float64       `json:"t"`
	Kind    lab.EntryKind `json:"k"`
	Host    string        `json:"h,omitempty"`
	Text    string        `json:"x"`
	Message *messageView  `json:"m,omitempty"`
	With    []int         `json:"w,omitempty"`
}

type messageView struct {
	From     string       `json:"f"`
	To       string       `json:"t"`
	Link     string       `json:"link"`
	Flow     int          `json:"fl"`
	Class    story.Class  `json:"c"`
	Label    string       `json:"l"`
	Fate     string       `json:"fate,omitempty"`
	Count    int          `json:"n,omitempty"` // if more than one
	Bytes    int          `json:"b,omitempty"`
	Options  []optionView `json:"o,omitempty"`
	Counters []string     `json:"ctr,omitempty"`
}

type optionView struct {
	Name   string      `json:"n"`
	Fields [][2]string `json:"f,omitempty"`
}

type nodeView struct {
	Name      string        `json:"name"`
	Kind      string        `json:"kind"` // "host", "router" or "switch"
	Addresses []string      `json:"addr,omitempty"`
	Limits    string        `json:"limits,omitempty"`
	Endpoints []string      `json:"endp,omitempty"`
	Conns     []string      `json:"conns,omitempty"`
	Counters  []counterView `json:"ctr,omitempty"`
}

type counterView struct {
	Name string `json:"n"`
	By   int64  `json:"by"`
}

type linkView struct {
	Name    string    `json:"name"`
	Ends    [2]string `json:"ends"`
	Labels  [2]string `json:"labels"`
	Packets int       `json:"n"`
}

func rowOf(r report.Result) row {
	return row{ID: r.Case.ID, Title: r.Case.Title, Verdict: r.Verdict, Duration: milliseconds(r.Duration), Why: firstLine(r.Message)}
}

func viewOf(r report.Result) caseView {
	p := r.Position()
	v := caseView{
		File: p.File, Line: p.Line, Message: r.Message, Checks: r.Checks, Output: r.Output, Kernel: r.Kernel,
		Again: r.Again(),
	}
	s := story.New(r)
	v.Lanes = s.Lanes
	for _, f := range s.Flows {
		v.Flows = append(v.Flows, flowView{Name: f.Name(), From: f.From, To: f.To, Ends: fmt.Sprintf("%s – %s", f.Src, f.Dst)})
	}
	for _, i := range s.Items {
		v.Items = append(v.Items, itemView{Time: milliseconds(i.Time), Kind: i.Kind, Host: i.Host, Text: i.Text, Message: messageOf(i.Message), With: i.With})
	}
	if r.Snapshot == nil {
		return v
	}
	v.Missing = r.Snapshot.Missing
	for _, n := range r.Snapshot.Nodes {
		v.Nodes = append(v.Nodes, nodeOf(n))
	}
	for _, l := range r.Snapshot.Links {
		v.Links = append(v.Links, linkOf(l))
	}
	return v
}

func messageOf(m *story.Message) *messageView {
	if m == nil {
		return nil
	}
	v := &messageView{
		From: m.From, To: m.To, Link: m.Link, Flow: m.Flow, Class: m.Class, Label: m.Label, Fate: m.Fate, Bytes: m.Bytes, Counters: m.Counters,
	}
	if m.Count > 1 {
		v.Count = m.Count
	}
	for _, o := range m.Packet.Options {
		ov := optionView{Name: o.Name()}
		for _, f := range story.Fields(o) {
			ov.Fields = append(ov.Fields, [2]string{f.Name, f.Value})
		}
		v.Options = append(v.Options, ov)
	}
	return v
}

func nodeOf(n snapshot.Node) nodeView {
	v := nodeView{Name: n.Name, Kind: "host"}
	switch {
	case n.Switch:
		v.Kind = "switch"
		return v
	case n.Router:
		v.Kind = "router"
	}
	for _, a := range n.Addresses {
		v.Addresses = append(v.Addresses, a.Interface+" "+a.Prefix.String())
	}
	v.Limits = n.Limits.String()
	for _, e := range n.Endpoints {
		v.Endpoints = append(v.Endpoints, e.String())
	}
	for _, c := range n.Conns {
		v.Conns = append(v.Conns, connText(c))
	}
	for _, name := range slices.Sorted(maps.Keys(n.Counters)) {
		v.Counters = append(v.Counters, counterView{Name: name, By: int64(n.Counters[name])})
	}
	return v
}

func connText(c lab.Conn) string {
	text := fmt.Sprintf("token %08x %s %s – %s", c.Token, c.State, c.Local, c.Remote)
	if c.Fallback {
		return text + ", fallen back to TCP"
	}
	return text + fmt.Sprintf(", %d subflows", len(c.Subflows))
}

func linkOf(l snapshot.Link) linkView {
	v := linkView{Name: l.Name, Packets: len(l.Packets)}
	for i, e := range l.Ends {
		v.Ends[i] = e.Node
		v.Labels[i] = e.Interface
		for _, a := range e.Addresses {
			v.Labels[i] += " " + a.Addr().String()
		}
	}
	return v
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
