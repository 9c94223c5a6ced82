package starlark_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// onLink is a case that does something with a link, and then waits.
func onLink(call string) string {
	return "def test_x(lab):\n    a, b = lab.host(\"a\"), lab.host(\"b\")\n    link = lab.link(a, b)\n    x = " + call +
		"\n    lab.wait(lambda: True, timeout = \"10ms\")\n"
}

// decide runs a call on a link, and returns what it decided on the sample packets.
func decide(t *testing.T, call string) ([]lab.Verdict, runner.Outcome) {
	t.Helper()
	in := &fakeLab{}
	out := script(t, onLink(call))[0].Run(t.Context(), in)
	return in.links[0].verdicts, out
}

// TestEffects holds what each effect does to a packet against the packet that arrives, as a rule and as a verdict.
func TestEffects(t *testing.T) {
	for _, c := range []struct {
		effect, selection string
		verdict           lab.Verdict // without its frames
		arrives           string      // the packet, if it is changed
	}{
		{"drop()", `option = "ADD_ADDR"`, lab.Verdict{Action: lab.ActionDrop, Note: "dropped"}, ""},
		{`delay("3ms")`, `option = "ADD_ADDR"`, lab.Verdict{Delay: 3 * time.Millisecond, Note: "delayed 3ms"}, ""},
		{"duplicate(2)", `option = "ADD_ADDR"`, lab.Verdict{Copies: 2, Note: "duplicated"}, ""},
		{
			`strip("MP_PRIO")`, `option = "MP_PRIO"`,
			lab.Verdict{Note: "without MP_PRIO"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [.], ack 200, win 300, length 0, mptcp 5 rem-addr id 1 2",
		},
		{
			`strip(["RM_ADDR", "MP_PRIO", "DSS"])`, `option = "RM_ADDR"`,
			lab.Verdict{Note: "without REMOVE_ADDR and MP_PRIO"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [.], ack 200, win 300, length 0",
		},
		{
			"strip()", `flags = "R"`,
			lab.Verdict{Note: "without MPTCP options"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [R.], seq 100, ack 200, win 300, length 0",
		},
		{`strip("DSS")`, `flags = "R", option = "MP_FASTCLOSE"`, lab.Verdict{}, ""},
		{
			`rewrite("ADD_ADDR", {"id": 9, "port": 99, "address": "fd00::1", "hmac": 1 << 63})`, "",
			lab.Verdict{Note: "ADD_ADDR rewritten"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [.], ack 200, win 300, length 0, mptcp 30 add-addr id 9 [fd00::1]:99 hmac 0x8000000000000000",
		},
		{
			`rewrite("ADD_ADDR", {"echo": True})`, "",
			lab.Verdict{Note: "ADD_ADDR rewritten"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [.], ack 200, win 300, length 0, mptcp 8 add-addr echo id 1 10.0.2.2",
		},
		{
			`rewrite("MP_JOIN", {"backup": True, "token": 255, "nonce": 15})`, `flags = "S"`,
			lab.Verdict{Note: "MP_JOIN rewritten"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [S], seq 100, win 300, length 0, mptcp 12 join backup id 1 token 0x000000ff nonce 0x0000000f",
		},
		{
			`rewrite("MP_JOIN", {"hmac": 7})`, `flags = "S."`,
			lab.Verdict{Note: "MP_JOIN rewritten"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [S.], seq 100, ack 200, win 300, length 0, mptcp 16 join id 1 hmac 0x0000000000000007 nonce 0x00000003",
		},
		{
			`rewrite("DSS", {"checksum": 3, "ack": None})`, "",
			lab.Verdict{Note: "DSS rewritten"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [P.], seq 100:105, ack 200, win 300, length 5, mptcp 20 dss seq 1099511627776 subseq 1 len 5 csum 0x0003",
		},
		{
			`rewrite("RM_ADDR", {"ids": [5]})`, "",
			lab.Verdict{Note: "REMOVE_ADDR rewritten"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [.], ack 200, win 300, length 0, mptcp 4 rem-addr id 5, mptcp 3 prio backup",
		},
		{
			"corrupt(offset = 4, xor = 1)", "payload = True",
			lab.Verdict{Note: "payload byte 4 changed"},
			"10.0.1.1:40000 > 10.0.1.2:8001: Flags [P.], seq 100:105, ack 200, win 300, length 5, mptcp 22 dss ack 1 seq 1099511627776 subseq 1 len 5",
		},
	} {
		t.Run(c.effect, func(t *testing.T) {
			rule := "link." + strings.TrimSuffix(c.effect, ")")
			if c.selection != "" && !strings.HasSuffix(rule, "(") {
				rule += ", "
			}
			for _, call := range []string{
				rule + c.selection + ")",
				"link.filter(lambda packet: verdict." + c.effect + ", " + filterSelection(c.effect, c.selection) + ")",
			} {
				verdicts, out := decide(t, call)
				require.Equal(t, report.Passed, out.Verdict, out.Message)
				require.Len(t, verdicts, 1, call)
				got := verdicts[0]
				if c.arrives == "" {
					require.Equal(t, c.verdict, got, call)
					continue
				}
				p, err := wire.Decode(got.Frame, wire.LayerEthernet)
				require.NoError(t, err)
				require.Equal(t, c.arrives, p.String())
				requireChecksum(t, got.Frame)
				got.Frame = nil
				require.Equal(t, c.verdict, got, call)
			}
		})
	}
}

// filterSelection is the selection of a filter that is to see what the rule sees by itself.
func filterSelection(effect, selection string) string {
	if _, rest, ok := strings.Cut(effect, "rewrite("); ok {
		name, _, _ := strings.Cut(rest, ",")
		return "option = " + name + ", " + selection
	}
	return selection
}

// requireChecksum holds that the TCP checksum of a frame is right: fixing it changes nothing.
func requireChecksum(t *testing.T, frame []byte) {
	t.Helper()
	s, err := wire.ParseSegment(frame, wire.LayerEthernet)
	require.NoError(t, err)
	s.Checksum = wire.ChecksumFix
	fixed, err := s.Bytes()
	require.NoError(t, err)
	require.Equal(t, fixed, frame)
}

func TestCorruptKeepsTheChecksumWrong(t *testing.T) {
	verdicts, out := decide(t, `link.corrupt(checksum = "keep")`)
	require.Equal(t, report.Passed, out.Verdict, out.Message)
	s, err := wire.ParseSegment(verdicts[0].Frame, wire.LayerEthernet)
	require.NoError(t, err)
	require.Equal(t, "\x97ello", string(s.Payload))
	s.Checksum = wire.ChecksumFix
	fixed, err := s.Bytes()
	require.NoError(t, err)
	require.NotEqual(t, fixed, verdicts[0].Frame)
}

func TestResetReachesBothEnds(t *testing.T) {
	verdicts, out := decide(t, "link.reset(payload = True, reason = 3, transient = True)")
	require.Equal(t, report.Passed, out.Verdict, out.Message)
	require.Equal(t, lab.ActionDrop, verdicts[0].Action)
	var sent []string
	for _, i := range verdicts[0].Inject {
		p, err := wire.Decode(i.Frame, wire.LayerEthernet)
		require.NoError(t, err)
		sent = append(sent, p.String())
	}
	const why = ", mptcp 4 tcprst transient reason 3 (administratively prohibited)"
	require.Equal(t, []string{
		"10.0.1.1:40000 > 10.0.1.2:8001: Flags [R.], seq 100, ack 200, win 300, length 0" + why,
		"10.0.1.2:8001 > 10.0.1.1:40000: Flags [R.], seq 200, ack 105, win 300, length 0" + why,
	}, sent)
	require.Equal(t, []int{1, 0}, []int{verdicts[0].Inject[0].To, verdicts[0].Inject[1].To})
	require.Equal(t, []byte{2, 0, 0, 0, 0, 1}, verdicts[0].Inject[1].Frame[:6], "it goes back to where the packet came from")
}

// TestFilterCombines carries out several verdicts on one packet.
func TestFilterCombines(t *testing.T) {
	verdicts, out := decide(t, `link.filter(lambda p: [verdict.strip("DSS"), "pass", verdict.corrupt(), verdict.delay("1ms"), verdict.duplicate()], payload = True)`)
	require.Equal(t, report.Passed, out.Verdict, out.Message)
	require.Equal(t, "without DSS, payload byte 0 changed, delayed 1ms, duplicated", verdicts[0].Note)
	require.Equal(t, time.Millisecond, verdicts[0].Delay)
	require.Equal(t, 1, verdicts[0].Copies)
	requireChecksum(t, verdicts[0].Frame)
}

// TestRuleFailsAtItsLine: what a rule cannot do is an error of the line that made it.
func TestRuleFailsAtItsLine(t *testing.T) {
	verdicts, _ := decide(t, "link.corrupt(offset = 5)")
	require.ErrorContains(t, verdicts[0].Err, "corrupt(offset = 5): the payload has no byte 5: it has 5 bytes: 10.0.1.1:40000 > ")
}

// FuzzRules makes rules of any text. Whatever it says, a case ends with a verdict, and never with a fault of the program.
func FuzzRules(f *testing.F) {
	for _, call := range []string{
		`link.drop(option = "ADD_ADDR", echo = False, id = 3, nth = 1, sender = a)`,
		`link.strip(["MP_JOIN", "DSS"], flags = "S.", source = "10.0.1.1:80", family = "ipv4")`,
		`link.rewrite("DSS", {"ack": None, "dsn": 1 << 63, "checksum": 3, "data_fin": True})`,
		`link.rewrite("MP_JOIN", {"phase": "ACK", "hmac": 1 << 159}, flags = "S", every = 2, after = 1)`,
		`link.rewrite("MP_CAPABLE", {"sender_key": 1, "receiver_key": None, "data_len": 4})`,
		`link.corrupt(offset = 3, xor = 7, checksum = "keep")`,
		`link.reset(reason = 255, transient = True)`,
		`link.filter(lambda p: [verdict.delay("1ms"), verdict.duplicate(3), "pass", None])`,
		`link.filter(lambda p: verdict.rewrite("MP_PRIO", {"backup": False}) if p.option("MP_PRIO") else "reset")`,
		`link.filter(lambda p: link.inject(p.next(flags = "R.", options = [option("MP_TCPRST", reason = 3)], payload = p.payload_bytes(), seq = 1)))`,
		`link.filter(lambda p: link.inject(p.answer(options = [option("UNKNOWN", raw = b"\x1e\x04\xf0\x00")])))`,
		`[link.hold(flags = "S"), link.drop()][0].release(all = True)`,
		`link.hold().drop(link.hold().packets[0])`,
		`link.impair(a, delay = "1ms", jitter = "1ms", burst = ("1%", 0.5), rate = "1Gbit", queue = 3000, loss = 1)`,
		`link.impairment(b).burst["p"]`,
		`link.traffic(a).dropped_by`,
		`option("REMOVE_ADDR", ids = [1, 2, 255])`,
	} {
		f.Add(call)
	}
	f.Fuzz(func(t *testing.T, call string) {
		if strings.Contains(call, "panic") {
			t.Skip("which the fake does when it is told to")
		}
		survives(t, call)
	})
}

// survives runs a call on a link.
func survives(t *testing.T, call string) {
	t.Helper()
	file := t.TempDir() + "/x.star"
	require.NoError(t, os.WriteFile(file, []byte(onLink(call)), 0o600))
	cases, err := starlark.Load(t.Context(), []string{file}, starlark.Options{Features: features, MaxSteps: 10_000})
	if err != nil {
		return
	}
	for _, c := range cases {
		out := c.Run(t.Context(), &fakeLab{})
		require.NotContains(t, out.Message, "internal error", call)
	}
}

// FuzzArguments calls every function of a link and of verdict with all kinds of values.
func FuzzArguments(f *testing.F) {
	values := []string{
		"None", "True", "False", "0", "1", "-1", "255", "256", "1 << 63", "1 << 64", "1 << 160", "0.5", `""`, `"x"`, `"S"`, `"R."`, `"1%"`, `"5ms"`,
		`"10.0.1.1"`, `"fd00::1"`, `"10.0.1.1:80"`, `":80"`, `"ipv4"`, `"keep"`, `"10Mbit"`, `"pass"`, `"ADD_ADDR"`, `"MP_JOIN"`, `"DSS"`, `"RM_ADDR"`,
		`b""`, `b"\x1e\x03\xf0"`, "[]", "[1]", `["MP_JOIN"]`, "()", `("1%", 1)`, "{}", `{"id": 1}`, `{"hmac": 1}`, `{"ack": None}`, `{"p": 1}`, "a", "b", "link",
		`option("MP_PRIO")`, "[verdict.delay(\"1ms\")]", "lambda x: x", "len", "each", "link.hold().packets", "link.drop()",
	}
	type function struct {
		name   string
		params []string
	}
	var functions []function
	var selections []string
	for _, b := range starlark.Reference() {
		noun, name, _ := strings.Cut(b.Name, ".")
		switch {
		case noun == "selection" && name != "":
			selections = append(selections, name)
		case noun == "option" && b.Signature != "", b.Signature != "" && (noun == "link" || noun == "verdict"):
			fn := function{name: b.Name}
			for _, p := range b.Params {
				if !strings.HasPrefix(p.Name, "*") {
					fn.params = append(fn.params, p.Name)
				}
			}
			functions = append(functions, fn)
		}
	}
	require.NotEmpty(f, selections)
	for i := range functions {
		f.Add([]byte{byte(i), 27, 37, 3, 26, 9})
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		next := func(n int) int {
			if len(choices) == 0 {
				return 0
			}
			c := choices[0]
			choices = choices[1:]
			return int(c) % n
		}
		fn := functions[next(len(functions))]
		var args []string
		for _, p := range fn.params {
			args = append(args, p+" = "+values[next(len(values))])
		}
		for range min(len(choices)/2, 3) {
			args = append(args, selections[next(len(selections))]+" = "+values[next(len(values))])
		}
		call := fn.name + "(" + strings.Join(args, ", ") + ")"
		if strings.HasPrefix(call, "verdict.") {
			call = "link.filter(lambda p: " + call + ")"
		}
		survives(t, call)
	})
}
