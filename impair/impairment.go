package impair

import (
	"errors"
	"fmt"
	"time"
)

// Impairment is how one direction of a link behaves. Its zero value is a perfect link. Fractions are from 0 to 1.
type Impairment struct {
	Delay        time.Duration // of each packet
	Jitter       time.Duration // scale of the random part of the delay; at most Delay
	Distribution Distribution  // of the jitter
	Correlation  float64       // of the jitter of a packet with that of the packet before; below 1

	Loss      float64 // fraction of packets lost, each independently of the others
	Burst     Burst   // further losses, which come in bursts
	Duplicate float64 // fraction of packets that arrive twice, of those that are not lost
	Corrupt   float64 // fraction of packets with one flipped bit

	// Reorder is the fraction of packets that overtake: they skip Delay and so arrive ahead of what was sent before. With
	// Gap n, only every n-th packet may do so.
	Reorder float64
	Gap     int // 0 and 1: any packet

	Rate  int64 // bits per second; 0: no limit
	Queue int   // bytes that may wait for the line, with those being sent; 0: no limit. A packet that finds it idle is always taken
}

// Burst is the Gilbert-Elliott model of loss, netem's "loss gemodel": before each packet the line is in a good or a bad
// state, and loses packets with the probability of that state. It begins in the good one. P 0 turns it off.
type Burst struct {
	P        float64 // p: probability of the good state turning bad, at each packet
	R        float64 // r: probability of the bad state turning good, at each packet
	LossBad  float64 // 1-h: fraction lost in the bad state
	LossGood float64 // 1-k: fraction lost in the good state
}

// Loss is the fraction of packets that the model loses in the long run.
func (b Burst) Loss() float64 {
	if b.P == 0 {
		return 0
	}
	bad := b.P / (b.P + b.R)
	return bad*b.LossBad + (1-bad)*b.LossGood
}

// Validate tells everything that is wrong with the settings, one error a field.
func (i Impairment) Validate() error {
	var errs []error
	for _, f := range i.fractions() {
		if !(f.value >= 0 && f.value <= 1) { // NaN neither
			errs = append(errs, fmt.Errorf("%s %v: want a fraction from 0 to 1", f.name, f.value))
		}
	}
	for _, r := range i.rules() {
		if r.broken {
			errs = append(errs, errors.New(r.text))
		}
	}
	return errors.Join(errs...)
}

type fraction struct {
	name  string
	value float64
}

func (i Impairment) fractions() []fraction {
	return []fraction{
		{"correlation", i.Correlation},
		{"loss", i.Loss},
		{"burst p", i.Burst.P},
		{"burst r", i.Burst.R},
		{"burst 1-h", i.Burst.LossBad},
		{"burst 1-k", i.Burst.LossGood},
		{"duplicate", i.Duplicate},
		{"corrupt", i.Corrupt},
		{"reorder", i.Reorder},
	}
}

// maxDelay keeps sums of times far from their limit.
const maxDelay = 24 * time.Hour

type rule struct {
	broken bool
	text   string
}

func (i Impairment) rules() []rule {
	b := i.Burst
	return []rule{
		{i.Delay < 0 || i.Delay > maxDelay, fmt.Sprintf("delay %s: want 0 to %s", i.Delay, maxDelay)},
		{i.Jitter < 0, fmt.Sprintf("jitter %s: want 0 or more", i.Jitter)},
		{i.Jitter > i.Delay && i.Delay >= 0, fmt.Sprintf("jitter %s: want at most the delay, %s, as no packet arrives before it is sent", i.Jitter, i.Delay)},
		{i.Distribution >= distributions, fmt.Sprintf("distribution %d: want uniform, normal or pareto", i.Distribution)},
		{i.Distribution != Uniform && i.Jitter == 0, fmt.Sprintf("distribution %s: there is no jitter to distribute", i.Distribution)},
		{i.Correlation != 0 && i.Jitter == 0, fmt.Sprintf("correlation %v: there is no jitter to correlate", i.Correlation)},
		{i.Correlation == 1, "correlation 1: the jitter would never change; set the delay instead"},
		{b.P == 0 && b != (Burst{}), "burst p 0: the line would never become bad"},
		{b.P > 0 && b.LossBad == 0 && b.LossGood == 0, "burst 1-h 0: nothing would be lost; for netem's default set 1"},
		{i.Reorder > 0 && i.Delay == 0, fmt.Sprintf("reorder %v: needs a delay, which the packets that overtake skip", i.Reorder)},
		{i.Gap < 0, fmt.Sprintf("gap %d: want 0 or more", i.Gap)},
		{i.Gap > 0 && i.Reorder == 0, fmt.Sprintf("gap %d: needs reorder, which says how often a packet overtakes (1: each time)", i.Gap)},
		{i.Rate < 0, fmt.Sprintf("rate %d bit/s: want a positive rate, or 0 for none", i.Rate)},
		{i.Queue < 0, fmt.Sprintf("queue %d bytes: want 0 or more", i.Queue)},
		{i.Queue > 0 && i.Rate == 0, fmt.Sprintf("queue %d bytes: needs a rate, without which nothing waits", i.Queue)},
	}
}
