package runner

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// records is a log that holds these records.
type records struct {
	list   []string
	err    error // after the last
	closed bool
}

func (r *records) next() (string, bool, error) {
	if len(r.list) == 0 {
		return "", false, r.err
	}
	first := r.list[0]
	r.list = r.list[1:]
	return first, true, nil
}

func (r *records) Close() error { r.closed = true; return nil }

func TestDrain(t *testing.T) {
	tests := []struct {
		name       string
		records    []string
		want       []string
		complaints int
	}{
		{name: "nothing"},
		{name: "chatter", records: []string{"6,1,1,-;device eth0 entered promiscuous mode", "4,2,2,-;TCP: out of memory -- consider tuning tcp_mem"}},
		{name: "warning as information", records: []string{"6,1,1,-;WARNING: told by somebody harmless"}},
		{name: "written by a program", records: []string{"12,1,1,-;WARNING: from /dev/kmsg"}},
		{
			name: "trace",
			records: []string{
				"4,1,1,-;------------[ cut here ]------------",
				"4,2,1,-;WARNING: CPU: 1 PID: 9 at net/mptcp/protocol.c:12 mptcp_x+0x1/0x2",
				"4,3,1,-;Call Trace:",
				"6,4,1,-;device eth0 left promiscuous mode",
				"4,5,1,-; mptcp_x+0x1/0x2\n SUBSYSTEM=net",
				"4,6,1,-;---[ end trace 0000000000000000 ]---",
				"4,7,1,-;after",
			},
			want:       []string{"WARNING: CPU: 1 PID: 9 at net/mptcp/protocol.c:12 mptcp_x+0x1/0x2", "Call Trace:", " mptcp_x+0x1/0x2"},
			complaints: 1,
		},
		{
			name: "others",
			records: []string{
				"1,1,1,-;BUG: KASAN: slab-use-after-free in mptcp_y",
				"4,2,1,-;WARNING: possible circular locking dependency detected",
				"3,3,1,-;INFO: task kworker/0:1:7 blocked for more than 120 seconds.",
				"4,4,1,-;refcount_t: underflow; use-after-free.",
				"garbage",
			},
			want: []string{
				"BUG: KASAN: slab-use-after-free in mptcp_y",
				"WARNING: possible circular locking dependency detected",
				"INFO: task kworker/0:1:7 blocked for more than 120 seconds.",
				"refcount_t: underflow; use-after-free.",
			},
			complaints: 4,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelLog{source: &records{list: tt.records}}
			lines, complaints, err := k.drain()
			require.NoError(t, err)
			require.Equal(t, tt.want, lines)
			require.Equal(t, tt.complaints, complaints)
		})
	}
}

func TestWarningsGoToTheCasesThatRun(t *testing.T) {
	log := &records{}
	r := &run{log: &kernelLog{source: log}}
	a, b := &attempt{}, &attempt{}

	r.running = []*attempt{a}
	log.list = []string{"4,1,1,-;WARNING: one"}
	r.drainLog()
	r.running = []*attempt{a, b}
	log.list = []string{"4,2,1,-;WARNING: two"}
	r.drainLog()
	r.running = nil
	log.list = []string{"4,3,1,-;WARNING: three"}
	r.drainLog()

	require.Equal(t, []string{"WARNING: one", "WARNING: two"}, a.kernel)
	require.Equal(t, []string{"WARNING: two"}, b.kernel)
	require.Equal(t, 3, r.summary.KernelWarnings)
}

// silent is an observer that ignores all.
type silent struct{}

func (silent) Start(int)                 {}
func (silent) CaseStarted(report.Case)   {}
func (silent) CasePostponed(report.Case) {}
func (silent) CaseDone(report.Result)    {}
func (silent) Finish(report.Summary)     {}

func TestWarningsBeforeACaseAreNotItsOwn(t *testing.T) {
	log := &records{list: []string{"4,1,1,-;WARNING: before"}}
	r := &run{log: &kernelLog{source: log}, obs: silent{}}
	a := &attempt{}
	require.True(t, r.begin(t.Context(), a))
	log.list = []string{"4,2,1,-;WARNING: during"}
	r.end(a, report.Result{})
	require.Equal(t, []string{"WARNING: during"}, a.kernel)
}

func TestBrokenLogIsANote(t *testing.T) {
	log := &records{list: []string{"4,1,1,-;WARNING: one"}, err: errors.New("gone")}
	r := &run{log: &kernelLog{source: log}}
	r.drainLog()
	r.drainLog()
	require.Equal(t, []string{"the kernel's log is no longer watched: gone"}, r.summary.Notes)
	require.Equal(t, 1, r.summary.KernelWarnings)
	require.True(t, log.closed)
}

func TestKernelLogStartsAtItsEnd(t *testing.T) {
	source, err := openKernelLog()
	if err != nil {
		t.Skipf("the kernel's log cannot be read: %v", err)
	}
	defer source.Close()
	// An older log is long: that most of it is passed over shows in the small number of records.
	n := 0
	for ok := true; ok; n++ {
		_, ok, err = source.next()
		require.NoError(t, err)
	}
	require.Less(t, n, 50)
}

func FuzzParseRecord(f *testing.F) {
	f.Add("6,339,5140900,-;NET: Registered protocol family 10\n SUBSYSTEM=net")
	f.Add(";")
	f.Fuzz(func(t *testing.T, record string) {
		level, text := parseRecord(record)
		require.NotContains(t, text, "\n")
		require.Contains(t, record, text)
		if level <= warningLevel {
			require.Contains(t, record, ";")
		}
	})
}
