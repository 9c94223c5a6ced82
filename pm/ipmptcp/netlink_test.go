package ipmptcp

import (
	"encoding/binary"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"
)

// datagram makes one message, with the sequence number 7.
func datagram(typ, flags uint16, data ...[]byte) []byte {
	b := make([]byte, headerSize)
	for _, d := range data {
		b = append(b, d...)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], typ)
	binary.NativeEndian.PutUint16(b[6:], flags)
	binary.NativeEndian.PutUint32(b[8:], 7)
	return append(b, make([]byte, -len(b)&3)...)
}

func errno(n int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(-n)) }

func tlvs(t testing.TB, text string, missing uint32) []byte {
	t.Helper()
	e := netlink.NewAttributeEncoder()
	if text != "" {
		e.String(ackMessage, text)
	}
	if missing != 0 {
		e.Uint32(ackMissing, missing)
	}
	b, err := e.Encode()
	require.NoError(t, err)
	return b
}

func TestCollector(t *testing.T) {
	request := datagram(42, 0, []byte{1, 1, 0, 0, 5, 0, 2, 0, 3}) // 9 bytes behind the header
	header := request[:headerSize]
	genl := []byte{3, 1, 0, 0}
	tests := []struct {
		name string
		dump bool
		data []byte
		want Reply
		err  error
	}{
		{"acknowledged", false, datagram(typeError, flagCapped, errno(0), header), Reply{}, nil},
		{
			"acknowledged with a warning", false,
			datagram(typeError, flagCapped|flagAckTLVs, errno(0), header, tlvs(t, "old", 0)),
			Reply{Warning: "old"},
			nil,
		},
		{"refused", false, datagram(typeError, 0, errno(22), request), Reply{}, &Refusal{Errno: syscall.EINVAL}},
		{
			"refused with a text behind the request", false,
			datagram(typeError, flagAckTLVs, errno(22), request, tlvs(t, "no", 0)),
			Reply{},
			&Refusal{Errno: syscall.EINVAL, Message: "no"},
		},
		{
			"something is missing", false,
			datagram(typeError, flagAckTLVs|flagCapped, errno(22), header, tlvs(t, "", 4)),
			Reply{},
			&Refusal{Errno: syscall.EINVAL, Missing: 4},
		},
		{
			"a request longer than the message", false,
			datagram(typeError, flagAckTLVs, errno(22), []byte{0xff, 0xff, 0xff, 0xff}, header[4:]),
			Reply{},
			&Refusal{Errno: syscall.EINVAL},
		},
		{"an answer", false, datagram(42, 0, genl, []byte("attrs")), Reply{Messages: []Message{{3, []byte("attrs")}}}, nil},
		{
			"a list", true, append(datagram(42, 2, genl, []byte("a")), append(datagram(42, 2|flagInterrupted, genl, []byte("b")),
				datagram(typeDone, 2, errno(0))...)...),
			Reply{Messages: []Message{{3, []byte("a")}, {3, []byte("b")}}, Interrupted: true},
			nil,
		},
		{
			"a list that ends in an error", true, datagram(typeDone, flagAckTLVs, errno(1), tlvs(t, "no", 0)),
			Reply{},
			&Refusal{Errno: syscall.EPERM, Message: "no"},
		},
		{"a short acknowledgement", false, datagram(typeError, 0, errno(1)), Reply{}, errMalformed},
		{"a short end", true, datagram(typeDone, 0), Reply{}, errMalformed},
		{"a short answer", false, datagram(42, 0, genl[:3]), Reply{}, errMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			messages, err := splitMessages(tt.data)
			require.NoError(t, err)
			c := collector{seq: 7, dump: tt.dump}
			for i, m := range messages {
				last, err := c.take(m)
				require.Equal(t, tt.err, err)
				require.Equal(t, i == len(messages)-1, last)
			}
			require.Equal(t, tt.want, c.reply)
		})
	}
}

func TestCollectorPassesOverOthers(t *testing.T) {
	messages, err := splitMessages(datagram(42, 0, []byte{3, 1, 0, 0}))
	require.NoError(t, err)
	c := collector{seq: 8}
	last, err := c.take(messages[0])
	require.NoError(t, err)
	require.False(t, last)
	require.Zero(t, c.reply)
}

func TestSplitMessagesRefuses(t *testing.T) {
	for _, length := range []uint32{0, 15, 17, 1 << 31, 1<<32 - 1} {
		b := datagram(42, 0)
		binary.NativeEndian.PutUint32(b, length)
		_, err := splitMessages(b)
		require.ErrorIs(t, err, errMalformed)
	}
}
