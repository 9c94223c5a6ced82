package trace

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// Trace is what became of the cases of a run, in the order of their IDs and seeds, however many ran at a time.
type Trace struct {
	Cases []Case
}

// Case is what became of one case, and what was seen meanwhile.
type Case struct {
	ID      string
	Seed    uint64
	Verdict report.Verdict
	Message string
	Entries []lab.Entry // of its timeline
}

// add puts a case in its place; of two with the same ID and seed, the later one is behind.
func (t *Trace) add(c Case) {
	i, _ := slices.BinarySearchFunc(t.Cases, c, func(a, b Case) int {
		if order := compareCases(a, b); order != 0 {
			return order
		}
		return -1
	})
	t.Cases = slices.Insert(t.Cases, i, c)
}

func compareCases(a, b Case) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Seed, b.Seed))
}

// Digest is the SHA-256 of the trace, in hexadecimal digits: the same for the same trace, and for no other.
func (t Trace) Digest() string {
	d := digest{sha256.New()}
	for _, c := range t.Cases {
		d.text(c.ID)
		d.number(c.Seed)
		d.text(string(c.Verdict))
		d.text(c.Message)
		d.number(uint64(len(c.Entries)))
		for _, e := range c.Entries {
			d.number(uint64(e.Time))
			d.text(e.Host)
			d.text(string(e.Kind))
			d.text(e.Text)
		}
	}
	return hex.EncodeToString(d.Sum(nil))
}

// digest is a hash of values, each of which says where it ends. A hash takes everything, so that there are no errors.
type digest struct{ hash.Hash }

func (d digest) number(n uint64) { d.Write(binary.BigEndian.AppendUint64(nil, n)) }

func (d digest) text(s string) {
	d.number(uint64(len(s)))
	d.Write([]byte(s))
}
