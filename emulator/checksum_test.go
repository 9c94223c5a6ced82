package emulator

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// onesComplement is the checksum of RFC 1071, of 16-bit words.
func onesComplement(b []byte) uint16 {
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	var sum uint32
	for ; len(b) > 0; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// mapped is what a DSS checksum is over (RFC 8684 section 3.3.1): a pseudo-header, and the payload.
func mapped(dsn uint64, subflow uint32, length uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint64(nil, dsn)
	b = binary.BigEndian.AppendUint32(b, subflow)
	b = binary.BigEndian.AppendUint16(b, length)
	return append(append(b, 0, 0), payload...)
}

// The vectors that a kernel was seen to send.
func TestOnesComplement(t *testing.T) {
	require.Equal(t, uint16(0x9d48), onesComplement(mapped(0xdb199a5790590e96, 1, 6, []byte("worlds"))))
	require.Equal(t, uint16(0x546a), onesComplement(mapped(0x39f074985006ad05, 0, 1, nil)))
}

// TestChecksums holds that each mapping has the right checksum, by code that shares nothing with that which made it: of data that fit
// a segment, and of a DATA_FIN.
func TestChecksums(t *testing.T) {
	l := open(t, 1, Options{})
	client, server := hostsOf(t, l, 1)
	for _, h := range []*host{client, server} {
		require.NoError(t, h.SetSysctl("net.mptcp.checksum_enabled", "1"))
	}
	data, ends := 0, 0
	l.watch(func(_ *link, f *network.Transit) {
		s, err := segment.Parse(f.Frame[14:])
		require.NoError(t, err)
		o := segment.Option[*wire.DSS](s)
		if o == nil || !o.HasMapping {
			return
		}
		require.True(t, o.HasChecksum)
		length := int(o.DataLen)
		if o.DataFIN {
			length--
			ends++
		}
		if length == len(s.Payload) {
			require.Equal(t, onesComplement(mapped(o.DSN, o.SubflowSeq, o.DataLen, s.Payload)), o.Checksum, "%v", s)
			data++
		}
	})
	near, far := connect(t, client, server, "10.0.1.2:80")
	for size := range int64(300) {
		require.NoError(t, near.Send(t.Context(), size+1))
		require.NoError(t, far.Receive(t.Context(), size+1))
	}
	require.NoError(t, near.Close())
	require.NoError(t, far.Close())
	_, err := l.Wait(t.Context(), time.Second, func() (bool, error) { return false, nil })
	require.NoError(t, err)
	require.Greater(t, data, 300)
	require.Greater(t, ends, 1)
}
