package watch

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/why"
)

// Text writes changes as lines for people.
func Text(w io.Writer) func(Change) error {
	return func(c Change) error {
		_, err := io.WriteString(w, text(c))
		return err
	}
}

func text(c Change) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s connection %08x ", c.Time.Format("15:04:05.000"), c.Connection.Token)
	switch c.Kind {
	case ConnectionOpened:
		fmt.Fprintf(&b, "is there, %s, this host is the %s: %s > %s\n", c.Connection.State, c.Connection.Role, c.Connection.Local, c.Connection.Remote)
	case ConnectionClosed:
		b.WriteString("is gone\n")
	case SubflowOpened:
		f := c.Subflow
		fmt.Fprintf(&b, "has subflow %s > %s, id %d > %d%s\n", unmapped(f.Local), unmapped(f.Remote), f.LocalID, f.RemoteID, backup(f))
	case SubflowClosed:
		fmt.Fprintf(&b, "has lost subflow %s > %s\n", unmapped(c.Subflow.Local), unmapped(c.Subflow.Remote))
	case Resolved:
		fmt.Fprintf(&b, "%s: no finding any more\n", pair(c))
	case NoSubflow:
		fmt.Fprintf(&b, "has no subflow %s: %s\n", pair(c), c.Finding.Sentence)
		fmt.Fprintf(&b, "    rule: %s (%s)\n", c.Finding.Rule, c.Finding.Question)
		for _, e := range c.Finding.Evidence {
			fmt.Fprintf(&b, "    seen: %s\n", e)
		}
		fmt.Fprintf(&b, "    remedy: %s\n", remedy(*c.Finding))
	}
	return b.String()
}

// pair is the pair of a finding as the host sees it.
func pair(c Change) string {
	near, far := sides(c)
	return near.String() + " > " + far.String()
}

func sides(c Change) (local, remote netip.Addr) {
	if c.Connection.Role == Server {
		return c.Finding.Server, c.Finding.Client
	}
	return c.Finding.Client, c.Finding.Server
}

// remedy is the command of a finding, with where it is for; scripts are of no use on a real host.
func remedy(f why.Finding) string {
	if f.Command == "" {
		return f.Remedy
	}
	return f.Command + " (" + f.Host + ")"
}

func backup(f lab.Subflow) string {
	if f.Backup || f.RequestBackup {
		return ", backup"
	}
	return ""
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// JSON writes changes as lines of JSON.
func JSON(w io.Writer) func(Change) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(c Change) error { return enc.Encode(lineOf(c)) }
}

// line is a change for programs. A field may be added; none changes its meaning.
type line struct {
	Event     string       `json:"event"`
	Time      string       `json:"time"` // RFC 3339, with milliseconds
	Token     uint32       `json:"token"`
	Role      Role         `json:"role"`
	State     string       `json:"state"`
	Fallback  bool         `json:"fallback"`
	Local     string       `json:"local"`
	Remote    string       `json:"remote"`
	Subflow   *subflowLine `json:"subflow,omitempty"`
	NoSubflow *findingLine `json:"no_subflow,omitempty"`
}

type subflowLine struct {
	Local    string `json:"local"`
	Remote   string `json:"remote"`
	LocalID  uint8  `json:"local_id"`
	RemoteID uint8  `json:"remote_id"`
	State    string `json:"state"`
	Backup   bool   `json:"backup"`
}

type findingLine struct {
	Local    string   `json:"local"`
	Remote   string   `json:"remote"`
	Rule     string   `json:"rule"`
	Question string   `json:"question"`
	Sentence string   `json:"sentence"`
	Evidence []string `json:"evidence"`
	Remedy   string   `json:"remedy"`
}

func lineOf(c Change) line {
	l := line{
		Event: string(c.Kind), Time: c.Time.Format("2006-01-02T15:04:05.000Z07:00"), Token: c.Connection.Token, Role: c.Connection.Role,
		State: c.Connection.State, Fallback: c.Connection.Fallback, Local: c.Connection.Local.String(), Remote: c.Connection.Remote.String(),
	}
	switch c.Kind {
	case SubflowOpened, SubflowClosed:
		f := c.Subflow
		l.Subflow = &subflowLine{unmapped(f.Local).String(), unmapped(f.Remote).String(), f.LocalID, f.RemoteID, f.State, f.Backup || f.RequestBackup}
	case NoSubflow, Resolved:
		local, remote := sides(c)
		f := c.Finding
		l.NoSubflow = &findingLine{local.String(), remote.String(), f.Rule, f.Question, f.Sentence, append([]string{}, f.Evidence...), remedy(*f)}
	}
	return l
}
