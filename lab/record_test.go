package lab

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func packet(link string, at time.Duration) Packet {
	return Packet{Time: at, Link: link, From: "a", To: "b"}
}

func TestRecordLimit(t *testing.T) {
	r := NewRecord(3)
	r.AddPacket(packet("l1", 1))
	r.AddEvent("a", Event{Time: 2})
	r.AddPacket(packet("l1", 3))
	r.AddPacket(packet("l1", 4))
	r.AddEvent("a", Event{Time: 5})
	r.AddEvent("a", Event{Time: 6})
	r.AddEvent("b", Event{Time: 7})

	packets, err := r.PacketsOf("l1")
	require.Len(t, packets, 2)
	require.EqualError(t, err, "1 were not kept: a lab keeps at most 3 packets and events")
	events, err := r.EventsOf("a")
	require.Len(t, events, 1)
	require.ErrorContains(t, err, "2 were not kept")
	events, err = r.EventsOf("b")
	require.Empty(t, events)
	require.ErrorContains(t, err, "1 were not kept")

	events, err = r.EventsOf("nobody")
	require.NoError(t, err, "nothing was lost where nothing was seen")
	require.Empty(t, events)

	timeline := r.Timeline()
	require.Len(t, timeline, 4)
	require.Equal(t, "4 more packets and events were not kept: at most 3 are", timeline[3].Text)
}

func TestTimelineOrder(t *testing.T) {
	r := NewRecord(10)
	r.AddEvent("b", Event{Time: 3})
	r.AddEvent("a", Event{Time: 3})
	r.AddPacket(packet("l2", 3))
	r.AddPacket(packet("l1", 4))
	r.Note(Entry{Time: 3, Kind: KindStep, Text: "first"})
	r.Note(Entry{Time: 3, Kind: KindStep, Text: "second"})
	r.AddPacket(packet("l2", 1))

	type line struct {
		at   time.Duration
		kind EntryKind
		host string
	}
	var lines []line
	for _, e := range r.Timeline() {
		lines = append(lines, line{e.Time, e.Kind, e.Host})
	}
	require.Equal(t, []line{
		{1, KindPacket, "a > b"},
		{3, KindEvent, "b"},
		{3, KindEvent, "a"},
		{3, KindPacket, "a > b"},
		{3, KindStep, ""},
		{3, KindStep, ""},
		{4, KindPacket, "a > b"},
	}, lines)
	require.Equal(t, "first", r.Timeline()[4].Text)
}

// What was handed out stays as it was when more is observed.
func TestRecordHandsOutSnapshots(t *testing.T) {
	r := NewRecord(1000)
	r.AddPacket(packet("l", 1))
	first, err := r.PacketsOf("l")
	require.NoError(t, err)
	first = append(first, packet("l", 99))
	for i := range 100 {
		r.AddPacket(packet("l", time.Duration(2+i)))
	}
	all, err := r.PacketsOf("l")
	require.NoError(t, err)
	require.Equal(t, time.Duration(99), first[1].Time)
	require.Equal(t, time.Duration(2), all[1].Time)
}

func TestMoved(t *testing.T) {
	down := uint64(3)
	require.Equal(t, "MPCurrEstab -3, MPJoinAckRx +1, MPJoinSynRx +2",
		Counters{"MPJoinSynRx": 2, "MPJoinAckRx": 1, "MPCurrEstab": -down}.Moved())
	require.Empty(t, Counters(nil).Moved())
}
