package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDSSChecksum(t *testing.T) {
	for _, c := range []struct {
		name       string
		dsn        uint64
		subflowSeq uint32
		dataLen    uint16
		payload    string
		want       uint16
	}{
		{"MP_CAPABLE with data", Key(0x334d3000d5b4d002).IDSN() + 1, 1, 5, "hello", 0x1098},
		{"mapping", 0xdb199a5790590e96, 1, 6, "worlds", 0x9d48},
		{"DATA_FIN alone", 0x39f074985006ad05, 0, 1, "", 0x546a},
		{"carry of a carry", 0xffffffff00000001, 0, 0, "", 0xfffe},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, DSSChecksum(c.dsn, c.subflowSeq, c.dataLen, []byte(c.payload)))
		})
	}
}
