package ipmptcp

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

func TestBatchLines(t *testing.T) {
	tests := []struct {
		name, input string
		want        [][]string
	}{
		{"words", "a b\tc\r\n d", [][]string{{"a", "b", "c"}, {"d"}}},
		{"blank", "\n \n", [][]string{nil, nil}},
		{"comments", "a#b c\n#\nd # e\n", [][]string{{"a"}, nil, {"d"}}},
		{"quotes", "'a b' \"\" \"it's\" x'y z'\n", [][]string{{"a b", "", "it's", "x'y", "z'"}}},
		{"a word right behind a quote", "'a'b\n", [][]string{{"a", "b"}}},
		{"a comment in quotes", "a #'b'\n", [][]string{{"a"}}},
		{"joined", "a \\\nb\\\nc\nd\n", [][]string{{"a", "bc"}, {"d"}}},
		{"joined with a comment", "a \\\nb # c\nd\n", [][]string{{"a", "b"}, {"d"}}},
		{"a comment before the backslash", "a # \\\nb\n", [][]string{{"a"}, {"b"}}},
		{"two backslashes", "a\\\\\n\nb\n", [][]string{{"ab"}}}, // the first joins once more
		{"a backslash elsewhere", "a\\b \\ c\n", [][]string{{"a\\b", "\\", "c"}}},
		{"a backslash at the end of the file", "a\\", [][]string{{"a\\"}}},
		{"a zero byte", "a\x00b\nc\n", [][]string{{"a"}, {"c"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := batchLines{r: bufio.NewReader(strings.NewReader(tt.input))}
			var got [][]string
			for {
				words, err := lines.next()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				got = append(got, words)
			}
			require.Equal(t, tt.want, got)
			require.Empty(t, lines.complaint)
		})
	}
}

func TestBatch(t *testing.T) {
	const limits = "add_addr_accepted 0 subflows 2 \n"
	const notFound = "Error: address not found.\n"
	tests := []struct {
		name, options, input string
		refuse               bool
		want                 outcome
		requests             int
	}{
		{"lines", "-b -", "mptcp limits\n\n# nothing\nmp lim\n", false, outcome{limits + limits, "", 0}, 2},
		{"a last line without an end", "-b -", "mptcp limits", false, outcome{limits, "", 0}, 1},
		{"no lines", "-b -", "", false, outcome{}, 0},
		{"arguments behind", "-b - mptcp x", "mptcp limits", false, outcome{limits, "", 0}, 1},
		{
			"a refusal ends it", "-b -", "\nmptcp limits\nmptcp limits\n", true,
			outcome{"", notFound + "Command failed -:2\n", 1},
			1,
		},
		{
			"a refusal does not end it with -force", "-force -b -", "mptcp limits\nmptcp limits\n", true,
			outcome{"", notFound + "Command failed -:1\n" + notFound + "Command failed -:2\n", 1},
			2,
		},
		{
			"an unknown object", "-fo -b -", "x\nmptcp limits\n-j mptcp limits", false,
			outcome{limits, "Object \"x\" is unknown, try \"ip help\".\nCommand failed -:1\n" +
				"Object \"-j\" is unknown, try \"ip help\".\nCommand failed -:3\n", 1},
			1,
		},
		{
			"a wrong word", "-force -b -", "mptcp limits\nmptcp limits x\nmptcp limits\n", false,
			outcome{limits, "Command \"x\" is unknown, try \"ip mptcp help\".\n", 255},
			1,
		},
		{
			"a wrong address", "-force -b -", "mptcp endpoint add x", false,
			outcome{"", "Error: any valid address is expected rather than \"x\".\n", 1},
			0,
		},
		{"help", "-force -b -", "mptcp help", false, outcome{"", mptcpUsage, 255}, 0},
		{"help of ip", "-force -b -", "help", false, outcome{"", usage, 255}, 0},
		{"an open quote", "-force -b -", "mptcp limits\nmptcp 'x", false, outcome{limits, "Unterminated quoted string\n", 1}, 1},
		{
			"too many words", "-force -b -", strings.Repeat("x ", 512), false,
			outcome{"", "Too many arguments to command\n", 1},
			0,
		},
		{
			"many words", "-b -", "mptcp limits" + strings.Repeat(" show", 509), false,
			outcome{"", "Error: argument \"show\" is wrong: unknown limit\n", 255},
			0,
		},
		{"an end within a line", "-b -", "mptcp limits\nmptcp \\\n", false, outcome{limits, "Missing continuation line\n", 0}, 1},
		{"a file", "-b f", "", false, outcome{limits, "Object \"x\" is unknown, try \"ip help\".\nCommand failed f:3\n", 1}, 1},
		{"no file", "-b g", "", false, outcome{"", "Cannot open file \"g\" for reading: No such file or directory\n", 1}, 0},
	}
	e := netlink.NewAttributeEncoder()
	e.Uint32(attrRcvAddAddrs, 0)
	e.Uint32(attrSubflows, 2)
	attrs, err := e.Encode()
	require.NoError(t, err)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{replies: []Reply{{Messages: []Message{{Attrs: attrs}}}}}
			if tt.refuse {
				f.err = &Refusal{Errno: syscall.EINVAL, Message: "address not found"}
			}
			got := f.run(t, tt.options, Command{
				Stdin: strings.NewReader(tt.input), Open: files(map[string]string{"f": "mptcp limits \\\nsh\nx\n"}),
			})
			require.Equal(t, tt.want, got)
			require.Len(t, f.requests, tt.requests)
			require.LessOrEqual(t, len(f.buffers), 1, "one connection")
		})
	}
}

func TestBatchPrintsAnArrayEach(t *testing.T) {
	f := &fake{replies: []Reply{{Messages: []Message{endpoint(t, pm.Endpoint{ID: 1, Address: shown[0].Address})}}}}
	input := strings.Repeat("mptcp endpoint\n", 2)
	const one = "[{\"address\":\"10.0.1.1\",\"id\":1}]\n"
	require.Equal(t, outcome{one + one, "", 0}, f.run(t, "-j -b -", Command{Stdin: strings.NewReader(input)}))
}
