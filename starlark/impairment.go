package starlark

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/impair"
)

var (
	latencyKind      = parsed(`a duration from "0s" to "1h", such as "5ms"`, parseLatency)
	fractionKind     = kindOf(`a fraction from 0 to 1, or a percentage such as "0.5%"`, toFraction)
	rateKind         = parsed(`a rate such as "10Mbit" or "1Gbit", at most 1Tbit`, parseRate)
	burstKind        = kindOf(`a fraction p, a tuple of (p, r, 1-h, 1-k), or a dict of some of these`, toBurst)
	distributionKind = words("a distribution", map[string]impair.Distribution{
		"uniform": impair.Uniform, "normal": impair.Normal, "pareto": impair.Pareto,
	})
)

// impairmentSettings are how one direction of a link misbehaves: to be set, and to be read.
var impairmentSettings = &settings[*impair.Impairment]{
	name: "impairment",
	doc: "How a link treats what an end sends, in the words of tc-netem(8): named arguments of lab.link and link.impair, and what " +
		"link.impairment returns. What is not given is that of a perfect link.",
	fields: []setting[*impair.Impairment]{
		impairmentSetting("delay", latencyKind, "how late each packet arrives",
			func(i *impair.Impairment) *time.Duration { return &i.Delay }, durationText),
		impairmentSetting("jitter", latencyKind, "scale of the random part of the delay, at most the delay; it does not reorder",
			func(i *impair.Impairment) *time.Duration { return &i.Jitter }, durationText),
		impairmentSetting("distribution", distributionKind, "of the jitter",
			func(i *impair.Impairment) *impair.Distribution { return &i.Distribution },
			func(d impair.Distribution) starlark.Value { return text(d.String()) }),
		impairmentSetting("correlation", fractionKind, "of the jitter of a packet with that of the packet before; below 1",
			func(i *impair.Impairment) *float64 { return &i.Correlation }, fractionValue),
		impairmentSetting("loss", fractionKind, "packets lost, each by itself",
			func(i *impair.Impairment) *float64 { return &i.Loss }, fractionValue),
		impairmentSetting("burst", burstKind, "further losses, in bursts, as netem's \"loss gemodel\": at each packet a good line turns bad "+
			"with probability p, and a bad one good with r (when left out, 1-p); bad, it loses 1-h (1), good, 1-k (0): "+
			"`(\"1%\", \"25%\")` or `{\"p\": 0.01, \"r\": 0.25}`",
			func(i *impair.Impairment) *impair.Burst { return &i.Burst }, burstValue),
		impairmentSetting("duplicate", fractionKind, "packets that arrive twice",
			func(i *impair.Impairment) *float64 { return &i.Duplicate }, fractionValue),
		impairmentSetting("reorder", fractionKind, "packets that skip the delay, and so overtake",
			func(i *impair.Impairment) *float64 { return &i.Reorder }, fractionValue),
		impairmentSetting("gap", gapKind, "with reorder: only every n-th packet may overtake",
			func(i *impair.Impairment) *int { return &i.Gap }, integer),
		impairmentSetting("corrupt", fractionKind, "packets with one flipped bit",
			func(i *impair.Impairment) *float64 { return &i.Corrupt }, fractionValue),
		impairmentSetting("rate", rateKind, "how fast the line is; it reads 0 where there is no limit",
			func(i *impair.Impairment) *int64 { return &i.Rate }, integer),
		impairmentSetting("queue", queueKind, "with rate: bytes that may wait for the line; 0 for no limit",
			func(i *impair.Impairment) *int { return &i.Queue }, integer),
	},
}

var (
	gapKind = kindOf("a number from 0 to 1000000", func(v starlark.Value) (int, error) {
		n, err := starlark.AsInt32(v)
		if err != nil || n < 0 || n > 1_000_000 {
			return 0, errWrongKind
		}
		return n, nil
	})
	queueKind = kindOf(sizeKind.want, func(v starlark.Value) (int, error) {
		n, err := toSize(v)
		return int(n), err
	})
)

func impairmentSetting[V any](name string, k kind, doc string, at func(*impair.Impairment) *V, show func(V) starlark.Value) setting[*impair.Impairment] {
	s := newSetting(name, k, doc, func(i *impair.Impairment, v V) { *at(i) = v })
	s.get = func(i *impair.Impairment) starlark.Value { return show(*at(i)) }
	return s
}

func durationText(d time.Duration) starlark.Value { return text(d.String()) }

func fractionValue(f float64) starlark.Value { return starlark.Float(f) }

func burstValue(b impair.Burst) starlark.Value {
	d := starlark.NewDict(len(burstNames))
	if b.P > 0 {
		for i, at := range burstFields(&b) {
			_ = d.SetKey(text(burstNames[i]), starlark.Float(*at)) // a string can be a key
		}
	}
	d.Freeze()
	return d
}

// parseLatency reads a duration that may be none.
func parseLatency(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, err
	}
	if d < 0 || d > maxDuration {
		return 0, fmt.Errorf("duration %q: not from 0 to %s", s, maxDuration)
	}
	return d, nil
}

// toFraction takes a number from 0 to 1, or a percentage.
func toFraction(v starlark.Value) (float64, error) {
	f, isNumber := starlark.AsFloat(v)
	if s, isText := starlark.AsString(v); isText {
		digits, isPercentage := strings.CutSuffix(s, "%")
		percent, err := strconv.ParseFloat(digits, 64)
		if !isPercentage || err != nil {
			return 0, errWrongKind
		}
		f, isNumber = percent/100, true
	}
	if !isNumber || !(f >= 0 && f <= 1) { // NaN neither
		return 0, errWrongKind
	}
	return f, nil
}

// rateUnits are those of tc(8) that count bits. Its "bps" counts bytes, which misleads whoever does not know.
var rateUnits = map[string]float64{
	"bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "tbit": 1e12,
	"kibit": 1 << 10, "mibit": 1 << 20, "gibit": 1 << 30, "tibit": 1 << 40,
}

const maxRate = 1e12

// parseRate reads a rate such as "10Mbit", in bits per second.
func parseRate(s string) (int64, error) {
	digits := strings.TrimRightFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	n, err := strconv.ParseFloat(digits, 64)
	unit, ok := rateUnits[strings.ToLower(strings.TrimSpace(s[len(digits):]))]
	rate := math.Round(n * unit)
	if err != nil || !ok || !(rate >= 1 && rate <= maxRate) {
		return 0, fmt.Errorf("rate %q: not a number and a unit such as Mbit", s)
	}
	return int64(rate), nil
}

// burstNames are the parameters of gemodel in tc's order, and burstFields where they belong.
var burstNames = [...]string{"p", "r", "1-h", "1-k"}

func burstFields(b *impair.Burst) [4]*float64 {
	return [4]*float64{&b.P, &b.R, &b.LossBad, &b.LossGood}
}

// toBurst takes the parameters of tc's gemodel, with tc's defaults for those left out.
func toBurst(v starlark.Value) (impair.Burst, error) {
	var given [len(burstNames)]starlark.Value
	switch v := v.(type) {
	case *starlark.Dict:
		for _, kv := range v.Items() {
			name, _ := starlark.AsString(kv[0])
			i := slices.Index(burstNames[:], name)
			if i < 0 {
				return impair.Burst{}, fmt.Errorf("expected the keys %s, got %s", strings.Join(quoted(burstNames[:]), ", "), shown(kv[0]))
			}
			given[i] = kv[1]
		}
	case starlark.Tuple:
		if len(v) == 0 || len(v) > len(given) {
			return impair.Burst{}, errWrongKind
		}
		copy(given[:], v)
	default:
		given[0] = v
	}
	if given[0] == nil {
		return impair.Burst{}, errors.New(`expected p, the probability of the line turning bad`)
	}
	var b impair.Burst
	for i, at := range burstFields(&b) {
		if given[i] == nil {
			continue
		}
		f, err := fractionKind.convert(given[i])
		if err != nil {
			return b, fmt.Errorf("%s: %w", burstNames[i], err)
		}
		*at = f.(float64)
	}
	if given[1] == nil {
		b.R = 1 - b.P
	}
	if given[2] == nil {
		b.LossBad = 1
	}
	return b, nil
}

// impairment is what the call's **impairment says.
func (c *call) impairment() (impair.Impairment, error) {
	var i impair.Impairment
	if err := impairmentSettings.apply(&i, get[[]keyword](c, "**impairment")); err != nil {
		return i, err
	}
	if err := i.Validate(); err != nil {
		return i, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return i, nil
}

var senderParam = param{"sender", nodeKind, nil, "the end of the link whose packets are meant"}

var impairSignature = signature{
	name: "impair",
	params: []param{
		{"sender", nodeKind, starlark.None, "the end whose packets are meant; None: both ends"},
		impairmentSettings.param("delay, loss, rate and so on: see impairment"),
	},
	returns: "None",
	doc: "Sets how the link treats what an end sends, from now on; what is not given is that of a perfect link. The first time on a link that " +
		"was made without impairment, packets under way at that moment are lost.",
	example: `link = lab.link(client, server)
link.impair(delay = "5ms")
link.impair(client, delay = "20ms", loss = "1%", rate = "10Mbit")
check.equal(link.impairment(client).delay, "20ms")
check.equal(link.impairment(server).loss, 0)`,
}

func impairLink(c *call, l *link) (starlark.Value, error) {
	i, err := c.impairment()
	if err != nil {
		return nil, err
	}
	ends := []int{0, 1}
	if c.has("sender") {
		from, err := l.end("sender", get[node](c, "sender"))
		if err != nil {
			return nil, err
		}
		ends = []int{from}
	}
	l.run.note("", "link %s %s", l.link.Name(), c.written())
	for _, from := range ends {
		if err := l.link.Impair(c.ctx(), from, i); err != nil {
			return nil, err
		}
		l.impairments[from] = i
	}
	return nil, nil
}

var impairmentSignature = signature{
	name: "impairment", params: []param{senderParam}, returns: "impairment",
	doc: "Returns how the link treats what an end sends.",
	example: `link = lab.link(client, server, loss = 0.01, burst = ("1%", "25%"))
check.equal(link.impairment(client).loss, 0.01)
check.equal(link.impairment(server).burst["1-h"], 1)`,
}

func linkImpairment(c *call, l *link) (starlark.Value, error) {
	from, err := l.end("sender", get[node](c, "sender"))
	if err != nil {
		return nil, err
	}
	i := l.impairments[from]
	return impairmentSettings.record(&i), nil
}
