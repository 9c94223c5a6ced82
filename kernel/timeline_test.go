package kernel

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func packet(link string, at time.Duration) lab.Packet {
	return lab.Packet{Time: at, Link: link, From: "a", To: "b"}
}

func TestRecordLimit(t *testing.T) {
	r := newRecord(3)
	r.addPacket(packet("l1", 1))
	r.addEvent("a", lab.Event{Time: 2})
	r.addPacket(packet("l1", 3))
	r.addPacket(packet("l1", 4))
	r.addEvent("a", lab.Event{Time: 5})
	r.addEvent("a", lab.Event{Time: 6})
	r.addEvent("b", lab.Event{Time: 7})

	packets, err := r.packetsOf("l1")
	require.Len(t, packets, 2)
	require.EqualError(t, err, "1 were not kept: a lab keeps at most 3 packets and events")
	events, err := r.eventsOf("a")
	require.Len(t, events, 1)
	require.ErrorContains(t, err, "2 were not kept")
	events, err = r.eventsOf("b")
	require.Empty(t, events)
	require.ErrorContains(t, err, "1 were not kept")

	events, err = r.eventsOf("nobody")
	require.NoError(t, err, "nothing was lost where nothing was seen")
	require.Empty(t, events)

	timeline := r.timeline()
	require.Len(t, timeline, 4)
	require.Equal(t, "4 more packets and events were not kept: at most 3 are", timeline[3].Text)
}

func TestTimelineOrder(t *testing.T) {
	r := newRecord(10)
	r.addEvent("b", lab.Event{Time: 3})
	r.addEvent("a", lab.Event{Time: 3})
	r.addPacket(packet("l2", 3))
	r.addPacket(packet("l1", 4))
	r.note(lab.Entry{Time: 3, Kind: lab.KindStep, Text: "first"})
	r.note(lab.Entry{Time: 3, Kind: lab.KindStep, Text: "second"})
	r.addPacket(packet("l2", 1))

	type line struct {
		at   time.Duration
		kind lab.EntryKind
		host string
	}
	var lines []line
	for _, e := range r.timeline() {
		lines = append(lines, line{e.Time, e.Kind, e.Host})
	}
	require.Equal(t, []line{
		{1, lab.KindPacket, "a > b"},
		{3, lab.KindStep, ""},
		{3, lab.KindStep, ""},
		{3, lab.KindPacket, "a > b"},
		{3, lab.KindEvent, "a"},
		{3, lab.KindEvent, "b"},
		{4, lab.KindPacket, "a > b"},
	}, lines)
	require.Equal(t, "first", r.timeline()[1].Text)
}

// What was handed out stays as it was when more is observed.
func TestRecordHandsOutSnapshots(t *testing.T) {
	r := newRecord(1000)
	r.addPacket(packet("l", 1))
	first, err := r.packetsOf("l")
	require.NoError(t, err)
	first = append(first, packet("l", 99))
	for i := range 100 {
		r.addPacket(packet("l", time.Duration(2+i)))
	}
	all, err := r.packetsOf("l")
	require.NoError(t, err)
	require.Equal(t, time.Duration(99), first[1].Time)
	require.Equal(t, time.Duration(2), all[1].Time)
}

func TestKernelStampToLabTime(t *testing.T) {
	r := newRecord(1)
	stamp := r.epoch.Round(0).Add(7 * time.Millisecond)
	require.Equal(t, 7*time.Millisecond, r.at(stamp))
}

func TestClockStep(t *testing.T) {
	tests := []struct {
		name            string
		wall, monotonic time.Duration
		want            time.Duration
	}{
		{"none", time.Second, time.Second, 0},
		{"read one after the other", time.Second + time.Millisecond, time.Second, 0},
		{"set forward", time.Hour + time.Second, time.Second, time.Hour},
		{"set back", time.Second - time.Hour, time.Second, -time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, clockStep(test.wall, test.monotonic))
		})
	}
}

func TestMovedText(t *testing.T) {
	down := uint64(3)
	require.Equal(t, "MPCurrEstab -3, MPJoinAckRx +1, MPJoinSynRx +2",
		movedText(lab.Counters{"MPJoinSynRx": 2, "MPJoinAckRx": 1, "MPCurrEstab": -down}))
	require.Empty(t, movedText(nil))
}
