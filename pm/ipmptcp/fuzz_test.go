package ipmptcp

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// FuzzRun runs arguments that zero bytes divide, and the lines of a batch.
func FuzzRun(f *testing.F) {
	for _, line := range []string{
		"mptcp", "-j -p mptcp endpoint", "mptcp endpoint add 10.0.1.1 dev e0 id 3 port 8000 signal", "mptcp e c ::1 backup nofullmesh",
		"-c=always -o mptcp endpoint show id 0x1", "mptcp limits set subflows 8 add_addr_accepted -0", "-n blue -ts mptcp monitor", "-fo -b -",
		"-rc 1 -f inet -V", "mptcp endpoint delete id 0 any",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\x00"), "mptcp endpoint \\\nshow 'id' \"1\" # one\nmptcp limits\n")
	}
	f.Fuzz(func(t *testing.T, args, batch string) {
		ctx, stop := context.WithCancel(t.Context())
		stop() // monitors end at once
		e := endpoint(t, pm.Endpoint{ID: 1, IfIndex: 10})
		ns := &fake{replies: []Reply{{Messages: []Message{e}}}, events: [][]Message{{e}}}
		c := ns.with(Command{Stdin: strings.NewReader(batch), Stdout: io.Discard})
		for _, words := range [][]string{strings.Split(args, "\x00"), {"-b", "-"}} {
			r := c.Run(ctx, words)
			require.Contains(t, []int{statusOK, statusFailed, statusRefused, statusUsage}, r.Status)
		}
		for _, r := range ns.requests {
			require.Less(t, len(r.Attrs), 100)
		}
	})
}

// FuzzReplies takes a datagram for the answer to a request, for a list, and for events.
func FuzzReplies(f *testing.F) {
	events, _ := recorded(f)
	for _, m := range events {
		f.Add(datagram(42, 0, []byte{m.Cmd, 1, 0, 0}, m.Attrs))
	}
	for _, e := range shown {
		f.Add(datagram(42, 0, []byte{3, 1, 0, 0}, endpoint(f, e).Attrs))
	}
	f.Add(datagram(typeError, flagCapped|flagAckTLVs, errno(22), make([]byte, headerSize), tlvs(f, "no", 4)))
	f.Add(datagram(typeDone, flagAckTLVs, errno(22), tlvs(f, "no", 4)))
	f.Fuzz(func(t *testing.T, data []byte) {
		messages, _ := splitMessages(data)
		for _, dump := range []bool{false, true} {
			c := collector{seq: 7, dump: dump}
			var failed error
			for _, m := range messages {
				last, err := c.take(m)
				if failed = err; last || err != nil {
					break
				}
			}
			require.LessOrEqual(t, len(c.reply.Messages), len(data)/headerSize)
			ns := &fake{replies: []Reply{c.reply}, err: failed, events: [][]Message{c.reply.Messages}}
			ctx, stop := context.WithCancel(t.Context())
			stop()
			for _, line := range []string{"-j mptcp endpoint", "-c mptcp endpoint show id 1", "mptcp limits", "-p -j mptcp monitor", "mptcp monitor"} {
				ns.with(Command{Stdout: io.Discard}).Run(ctx, strings.Fields(line))
			}
		}
	})
}

// FuzzAddress holds what an address is against its text.
func FuzzAddress(f *testing.F) {
	for _, word := range []string{"10.0.1.1", "0x0a.8", "-0.+1", "::ffff:1.2.3.4", "::1:2", "any"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		a, ok := parseAddress(word)
		if !ok || a.family == familyUnspec {
			return
		}
		nested := attrs{}
		nested[addrFamily] = []byte{byte(a.family), 0}
		nested[addrAddr4], nested[addrAddr6] = a.bytes, a.bytes
		again, ok := parseAddress(formatAddress(endpointAddr(&nested)))
		require.True(t, ok)
		require.Equal(t, a, again)
	})
}
