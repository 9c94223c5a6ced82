package channel_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/vm/channel"
)

func TestRoundTrip(t *testing.T) {
	var line bytes.Buffer
	w := channel.NewWriter(&line)
	big := bytes.Repeat([]byte("0123456789abcdef"), channel.MaxSize/16+1)
	require.NoError(t, w.Send(channel.Hello, []byte("6.1")))
	require.NoError(t, w.Send(channel.Beat, nil))
	n, err := w.Stream(channel.Stdout).Write(big)
	require.NoError(t, err)
	require.Equal(t, len(big), n)

	want := []struct {
		kind channel.Kind
		text []byte
	}{
		{channel.Hello, []byte("6.1")},
		{channel.Beat, []byte{}},
		{channel.Stdout, big[:channel.MaxSize]},
		{channel.Stdout, big[channel.MaxSize:]},
	}
	for _, m := range want {
		kind, payload, err := channel.Read(&line)
		require.NoError(t, err)
		require.Equal(t, m.kind, kind)
		require.True(t, bytes.Equal(m.text, payload))
	}
	_, _, err = channel.Read(&line)
	require.Equal(t, io.EOF, err)
}

func TestBrokenLine(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"header cut short", "o\x00\x00", "read a message's header: unexpected EOF"},
		{"payload cut short", "o\x00\x00\x00\x05abc", `read the 5 bytes of message 'o': unexpected EOF`},
		{"text of another", "[ 0.00] Linux version", `message '[' of 540028464 bytes: more than 1048576, so something else writes to the line`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := channel.Read(strings.NewReader(tt.line))
			require.EqualError(t, err, tt.want)
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("o\x00\x00\x00\x02ok"))
	f.Add([]byte("x\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, line []byte) {
		kind, payload, err := channel.Read(bytes.NewReader(line))
		if err != nil {
			return
		}
		var again bytes.Buffer
		require.NoError(t, channel.NewWriter(&again).Send(kind, payload))
		require.True(t, bytes.HasPrefix(line, again.Bytes()))
	})
}
