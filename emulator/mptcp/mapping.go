package mptcp

import (
	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// mapping is where data of a subflow belong in the stream of the connection.
type mapping struct {
	valid       bool
	dsn         uint64
	ssn         uint32 // relative: 1 is the first byte
	left        int    // bytes that are still to come
	size        int
	hasChecksum bool
	sum         uint16
	dataFIN     bool
	data        []byte // what has come of a mapping with a checksum
}

// outcome is how a mapping was found (enum mapping_status).
type outcome uint8

const (
	mappingOK outcome = iota
	mappingInvalid
	mappingMissing
	mappingBadChecksum
)

// Data implements [tcp.Owner].
func (f *Subflow) Data(data []byte, seq uint32, from *segment.Segment) {
	c := f.conn
	if c == nil {
		return
	}
	if c.orphan && c.fallback {
		f.tcp.Abort(tcp.ECONNRESET)
		return
	}
	_, isn := f.tcp.InitialSeqs()
	_, withSYN := f.tcp.SYNData()
	isn += uint32(len(withSYN)) // which is no part of the stream that is mapped
	for rel, ended := seq-isn, false; len(data) > 0 && !f.dead; {
		if c.fallback {
			c.deliver(c.rcvNxt, data)
			return
		}
		if ended {
			f.corrupted(data)
			return
		}
		found := f.learnMapping(rel, len(data), from)
		n := min(len(data), f.mapping.left)
		if found == mappingOK {
			found = f.consume(data[:n])
		}
		if found != mappingOK {
			f.mapFailed(found, data)
			return
		}
		data, rel, ended = data[n:], rel+uint32(n), !f.mapping.valid
	}
}

// corrupted does what follows from a mapping that ends before the data that came with it (mptcp_dss_corruption).
func (f *Subflow) corrupted(data []byte) {
	c := f.conn
	if !c.mayFallBack || len(c.subflows) > 1 {
		f.count("DSSCorruptionReset")
		f.abort(wire.ResetUnspecified, 0)
		return
	}
	f.count("DSSCorruptionFallback")
	c.fallback = true
	c.deliver(c.rcvNxt, data)
}

// learnMapping makes sure that there is a mapping for the next byte (get_mapping_status).
func (f *Subflow) learnMapping(rel uint32, length int, from *segment.Segment) outcome {
	m, c := &f.mapping, f.conn
	o := mappingOf(from, c)
	switch {
	case o == nil && !m.valid:
		return mappingMissing
	case o == nil:
		return mappingOK
	case o.DataLen == 0:
		f.count("InfiniteMapRx")
		return mappingInvalid
	}
	size := int(o.DataLen)
	if o.DataFIN {
		size--
	}
	c.use64 = c.use64 || o.DSN64
	dsn := c.expand(o.DSN, o.DSN64)
	if m.valid {
		if m.dsn != dsn || m.ssn != o.SubflowSeq || m.size != size {
			if m.left >= length {
				f.count("DSSNotMatching")
				return mappingInvalid
			}
		}
		return mappingOK
	}
	if rel < o.SubflowSeq || rel >= o.SubflowSeq+uint32(size) {
		f.count("DSSNoMatchTCP")
		return mappingInvalid
	}
	if c.checksum && !o.HasChecksum {
		return mappingInvalid
	}
	f.lastMapped = dsn
	*m = mapping{
		valid: true, dsn: dsn, ssn: o.SubflowSeq, size: size, left: size - int(rel-o.SubflowSeq),
		hasChecksum: o.HasChecksum && c.checksum, sum: o.Checksum, dataFIN: o.DataFIN,
	}
	return mappingOK
}

// mappingOf is the mapping that a segment carries, also that of MP_CAPABLE with data, which goes without saying.
func mappingOf(s *segment.Segment, c *Conn) *wire.DSS {
	if o := segment.Option[*wire.DSS](s); o != nil && o.HasMapping {
		return o
	}
	if o := validCapable(s); o != nil && o.HasData && o.DataLen > 0 {
		return &wire.DSS{
			HasMapping: true, DSN64: true, DSN: c.peerKey.IDSN() + 1, SubflowSeq: 1, DataLen: o.DataLen,
			HasChecksum: o.HasChecksum, Checksum: o.Checksum,
		}
	}
	return nil
}

// consume takes the next data of the mapping. Those with a checksum wait until all are there.
func (f *Subflow) consume(data []byte) outcome {
	m, c := &f.mapping, f.conn
	at := m.dsn + uint64(m.size-m.left)
	m.left -= len(data)
	if m.hasChecksum {
		m.data = append(m.data, data...)
		if m.left > 0 {
			return mappingOK
		}
		length := uint16(m.size)
		if m.dataFIN {
			length++
		}
		if wire.DSSChecksum(m.dsn, m.ssn, length, m.data) != m.sum {
			f.count("DataCsumErr")
			return mappingBadChecksum
		}
		f.validChecksum = true
		at, data = m.dsn, m.data
	}
	fin := m.dataFIN && m.left == 0
	end := m.dsn + uint64(m.size)
	if m.left == 0 {
		*m = mapping{}
	}
	c.deliver(at, data)
	if fin {
		c.peerFIN(end)
	}
	return mappingOK
}

// mapFailed does what follows from data without a right mapping (subflow_check_data_avail).
func (f *Subflow) mapFailed(found outcome, data []byte) {
	c := f.conn
	if found == mappingBadChecksum && (f.join || f.validChecksum) {
		f.fail, f.failSeq = true, f.mapping.dsn
		if !c.mayFallBack {
			f.abortBroken(wire.ResetMiddlebox)
			return
		}
		f.tellFailure()
		bad := f.mapping.data
		f.mapping = mapping{}
		c.deliver(c.rcvNxt, bad)
		return
	}
	if !c.mayFallBack || len(c.subflows) > 1 {
		reason := wire.ResetMPTCPError
		if found == mappingMissing && c.host.Manager.Version().Has(pathmanager.NoMappingIsMiddlebox) {
			reason = wire.ResetMiddlebox
		}
		f.abortBroken(reason)
		return
	}
	f.count("DssFallback")
	c.fallback = true
	if found == mappingBadChecksum {
		data = f.mapping.data
	}
	f.mapping = mapping{}
	c.deliver(c.rcvNxt, data)
}

// abortBroken resets a subflow whose data make no sense. Nothing is told of its end before another subflow closes.
func (f *Subflow) abortBroken(reason wire.ResetReason) {
	f.quiet = true
	f.abort(reason, ebadmsg)
}
