package lesson_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/lesson"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

const about = `Lesson 7: what is it?

It is this.

    and this

Exercises:
- Do one thing, and
  predict another.
- Do it again.`

func TestOf(t *testing.T) {
	got := lesson.Of(report.Case{File: "scenarios/lessons/07_it.star", About: about})
	require.Equal(t, lesson.Lesson{
		Number: 7, Name: "07_it", File: "scenarios/lessons/07_it.star", Title: "What is it?", Text: "It is this.\n\n    and this",
		Exercises: []string{"Do one thing, and predict another.", "Do it again."},
	}, got)
	require.Equal(t, "Lesson 7: What is it?", got.Heading())

	plain := lesson.Of(report.Case{File: "mine.star", About: "A script of my own."})
	require.Equal(t, lesson.Lesson{Name: "mine", File: "mine.star", Title: "A script of my own."}, plain)
	require.Equal(t, "A script of my own.", plain.Heading())
	require.Equal(t, lesson.Lesson{Name: "bare", File: "bare.star"}, lesson.Of(report.Case{File: "bare.star"}))
}

func TestCourse(t *testing.T) {
	course := lesson.CourseOf([]report.Case{
		{ID: "b", File: "10_two.star", About: "Lesson 10: two"},
		{ID: "a", File: "02_one.star", About: "Lesson 2: one"},
		{ID: "a again", File: "02_one.star", About: "Lesson 2: one"},
		{ID: "x", File: "00_first.star", About: "No lesson."},
	})
	require.Len(t, course, 2)
	for _, word := range []string{"2", "02_one", "one"} {
		l, err := course.Find(word)
		require.NoError(t, err)
		require.Equal(t, "02_one", l.Name)
	}
	for _, word := range []string{"3", "first", ""} {
		_, err := course.Find(word)
		require.ErrorContains(t, err, "mptcp-lab learn lists them", word)
	}
}

// results runs a script of testdata on the emulator.
func results(t *testing.T, name string) (lesson.Lesson, []report.Result) {
	t.Helper()
	b, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	l, cases, err := lesson.Load(t.Context(), "testdata/"+name+".star", b.Features())
	require.NoError(t, err)
	all, _ := lesson.Run(t.Context(), b, cases, runner.Config{Seed: 1})
	return l, all
}

// TestTeach holds what a reader sees who answers, line by line, against golden files.
func TestTeach(t *testing.T) {
	tests := []struct{ golden, script, answers string }{
		{"right", "lesson", "10.0.1.1 > 10.0.1.2\n10.0.1.1>10.0.1.2, 10.0.2.1>10.0.1.2\nb\nyes\n"},
		{"wrong", "lesson", "10.0.2.1 > 10.0.1.2\n\nx\nno"},
		{"silent", "lesson", ""},
		{"untrue", "untrue", "1\n2\n"},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			l, all := results(t, tt.script)
			var out bytes.Buffer
			teacher := lesson.Teacher{Out: &out, Width: 90, Hosts: "(these hosts)"}
			require.NoError(t, teacher.Teach(t.Context(), strings.NewReader(tt.answers), l, lesson.Together(all, all)))
			golden(t, tt.golden, out.String())
		})
	}
}

// TestTeachAgain holds that somebody at a terminal is asked again.
func TestTeachAgain(t *testing.T) {
	l, all := results(t, "lesson")
	var out bytes.Buffer
	teacher := lesson.Teacher{Out: &out, Width: 90, Again: true}
	answers := "what?\n10.0.1.1 > 10.0.1.2\n"
	require.NoError(t, teacher.Teach(t.Context(), strings.NewReader(answers), l, lesson.Together(all, all)))
	require.Contains(t, out.String(), "Not understood: \"what?\" is not a subflow")
	require.Contains(t, out.String(), "Right: 1 of your 1 predictions.")
}

// TestReasonsOfTheModel holds that a lab which knows no reasons is told those of one that does.
func TestReasonsOfTheModel(t *testing.T) {
	l, model := results(t, "lesson")
	_, plain := results(t, "lesson")
	for i := range plain {
		var kept []string
		timeline := plain[i].Timeline[:0:0]
		for _, e := range plain[i].Timeline {
			if e.Kind != "why" {
				timeline = append(timeline, e)
			}
			kept = append(kept, e.Text)
		}
		require.Less(t, len(timeline), len(kept))
		plain[i].Timeline = timeline
	}
	told := func(model []report.Result) string {
		var out bytes.Buffer
		teacher := lesson.Teacher{Out: &out, Width: 90}
		require.NoError(t, teacher.Teach(t.Context(), strings.NewReader(""), l, lesson.Together(plain, model)))
		return out.String()
	}
	require.NotContains(t, told(plain), "decided")
	require.Contains(t, told(model), "client opens a subflow 10.0.2.1 > 10.0.1.2:8001")
}

func TestPage(t *testing.T) {
	l, all := results(t, "lesson")
	var out bytes.Buffer
	require.NoError(t, lesson.WritePage(&out, l, "lesson.star", all))
	golden(t, "page", out.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name + ".golden"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestInterrupted holds that a teacher who waits for an answer stops with the context.
func TestInterrupted(t *testing.T) {
	l, all := results(t, "lesson")
	ctx, cancel := context.WithCancel(t.Context())
	in, keyboard := io.Pipe() // on which nobody types
	t.Cleanup(func() { require.NoError(t, keyboard.Close()) })
	teacher := lesson.Teacher{Out: writerFunc(func(b []byte) {
		if bytes.Contains(b, []byte(" > ")) && bytes.HasPrefix(b, []byte("(")) {
			cancel()
		}
	}), Width: 90}
	require.ErrorIs(t, teacher.Teach(ctx, in, l, lesson.Together(all, all)), context.Canceled)
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }
