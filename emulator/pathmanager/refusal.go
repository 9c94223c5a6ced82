package pathmanager

import (
	"fmt"
	"regexp"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// refusal is the kernel's answer to a request that it does not grant.
type refusal struct {
	errno   syscall.Errno
	message string
	attr    attr // that the kernel objects to; 0: none
	missing attr // that is missing; 0: none
}

// attr is an attribute of a request (MPTCP_PM_ATTR_*).
type attr uint16

const (
	attrAddr        attr = 1
	attrRcvAddAddrs attr = 2
	attrSubflows    attr = 3
	attrToken       attr = 4
	attrLocID       attr = 5
	attrAddrRemote  attr = 6
)

var attrNames = map[attr]string{
	attrAddr:        "ADDR",
	attrRcvAddAddrs: "RCV_ADD_ADDRS",
	attrSubflows:    "SUBFLOWS",
	attrToken:       "TOKEN",
	attrLocID:       "LOC_ID",
	attrAddrRemote:  "ADDR_REMOTE",
}

// refuse is a refusal about an attribute, or without one.
func refuse(errno syscall.Errno, about attr, format string, args ...any) *refusal {
	return &refusal{errno: errno, message: fmt.Sprintf(format, args...), attr: about}
}

// lacks is the refusal of a request without a necessary attribute.
func lacks(a attr) *refusal { return &refusal{errno: einval, missing: a} }

// words is how releases before a change put what those since put otherwise.
type words struct {
	before Change
	since  *regexp.Regexp
	older  string
}

// olderWords are those of mptcp_pm, newest first. Before [Texts] it named no attribute.
var olderWords = []words{
	{Texts, regexp.MustCompile(`^missing address ID$`), "missing required inputs"},
	{Texts, regexp.MustCompile(`^limit greater than maximum \(8\)$`), "limit greater than maximum"},
	{Texts, regexp.MustCompile(`^userspace PM not selected$`), "invalid request; userspace PM not selected"},
	{Texts, regexp.MustCompile(`^missing (local|remote) port$`), "missing local or remote port"},
	{Texts, regexp.MustCompile(`^invalid local address family$`), "invalid address families"},
	{Texts, regexp.MustCompile(`^address with id [1-9]\d* not found$`), "address with specified id not found"},
	{Texts, regexp.MustCompile(`^(subflow not found|connect error: -\d+)$`), ""},
	{ErrorNumbers, regexp.MustCompile(`: -\d+$`), ""},
}

// said is the refusal in the words of the release.
func (m *Manager) said(r *refusal) *refusal {
	if m.has(Texts) {
		return r
	}
	older := *r
	for _, w := range olderWords {
		if !m.has(w.before) {
			older.message = w.since.ReplaceAllLiteralString(older.message, w.older)
		}
	}
	if r.missing != 0 {
		older.message, older.missing = "missing required inputs", 0
	}
	older.attr = 0
	return &older
}

// failure is the refusal as package pm tells it.
func (m *Manager) failure(op string, r *refusal) error {
	if r == nil {
		return nil
	}
	r = m.said(r)
	return &pm.Error{Op: op, Errno: r.errno, Message: r.message, Attr: attrNames[r.attr]}
}

// answer is the refusal as netlink tells it.
func (m *Manager) answer(r *refusal) error {
	if r == nil {
		return nil
	}
	r = m.said(r)
	return &ipmptcp.Refusal{Errno: r.errno, Message: r.message, Missing: uint32(r.missing)}
}
