package starlark

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// TestOptionsByTheirFields makes each option anew from the fields that scripts see.
func TestOptionsByTheirFields(t *testing.T) {
	for _, o := range []wire.Option{
		&wire.MPCapable{Version: 1, Crypto: 1},
		&wire.MPCapable{Version: 1, Crypto: 3, ChecksumRequired: true, Extensibility: true, DenyJoinInitial: true, HasSenderKey: true, SenderKey: 1 << 63},
		&wire.MPCapable{
			Crypto: 1, HasSenderKey: true, SenderKey: 2, HasReceiverKey: true, ReceiverKey: 3,
			HasData: true, DataLen: 65535, HasChecksum: true, Checksum: 65534,
		},
		&wire.MPJoin{Backup: true, ID: 255, Token: 1 << 31, Nonce: 5},
		&wire.MPJoin{Phase: wire.JoinSYNACK, ID: 1, TruncatedHMAC: 1 << 63, Nonce: 5},
		&wire.MPJoin{Phase: wire.JoinACK, HMAC: [20]byte{0: 0xff, 19: 1}},
		&wire.DSS{},
		&wire.DSS{HasAck: true, Ack: 7, HasMapping: true, DSN: 8, SubflowSeq: 1, DataLen: 9, HasChecksum: true, Checksum: 10},
		&wire.DSS{DataFIN: true, HasAck: true, Ack64: true, Ack: 1 << 40, HasMapping: true, DSN64: true, DSN: 1 << 63},
		&wire.AddAddr{ID: 3, Address: netip.MustParseAddr("fd00::1"), Port: 99, HMAC: 1 << 63},
		&wire.AddAddr{Echo: true, ID: 3, Address: netip.MustParseAddr("10.0.1.1")},
		&wire.RemoveAddr{IDs: []uint8{0, 255}},
		&wire.MPPrio{Backup: true},
		&wire.MPFail{DSN: 1 << 63},
		&wire.FastClose{Key: 1 << 63},
		&wire.TCPRst{Flags: 5, Reason: 255},
		&wire.Unknown{Bytes: []byte{30, 4, 0xf0, 1}},
	} {
		t.Run(o.String(), func(t *testing.T) {
			r := optionRecord(o)
			require.Equal(t, o.Name(), r.Type())
			var fields []keyword
			for i, name := range r.names {
				fields = append(fields, keyword{name, r.values[i]})
			}
			made := typeOfOption(o.Name()).make()
			require.NoError(t, typeOfOption(o.Name()).apply(made, fields))
			require.Equal(t, o, made)
		})
	}
}

// TestEveryOptionHasAType: an option without one could not be shown.
func TestEveryOptionHasAType(t *testing.T) {
	for subtype := range 16 {
		for length := 3; length <= 40; length++ {
			b := make([]byte, length)
			b[0], b[1], b[2] = wire.KindMPTCP, byte(length), byte(subtype<<4)
			if o, err := wire.ParseOption(b); err == nil {
				require.NotPanics(t, func() { _ = optionRecord(o).String() }, "%v", o)
			}
		}
	}
	require.Equal(t, starlark.None, optionRecord(&wire.MPJoin{}).values[5], "the hmac of a SYN")
}
