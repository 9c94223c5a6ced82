// Package match says which packets are meant: "ADD_ADDR echo=false nth=1".
//
// A [Match] is a predicate on one decoded packet, [Times] picks among the packets that match, and a [Selector] is both, with
// a text form. A [Counter] follows a sequence of packets with a selector. [Match.MayMatch] spares the decoding of packets that
// cannot be meant, by what [wire.Classify] tells of their bytes.
//
// The package does nothing with the packets, and knows neither links nor time. It serves whatever sees packets in order: a
// forwarder of real ones or an emulator. What is to happen with those that match is theirs.
package match
