package lesson

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Lesson is what a script says of itself.
type Lesson struct {
	Number    int    // in the course; 0: it is not part of it
	Name      string // of its script, without folder and ending: "02_limits"
	File      string
	Title     string
	Text      string
	Exercises []string
}

var (
	numbered  = regexp.MustCompile(`^Lesson (\d+): (.*)`)
	exercises = regexp.MustCompile(`(?m)^Exercises:\s*$`)
)

// Of is the lesson of a case's script.
func Of(c report.Case) Lesson {
	title, text, _ := strings.Cut(c.About, "\n")
	l := Lesson{Name: strings.TrimSuffix(path.Base(c.File), ".star"), File: c.File, Title: title}
	if m := numbered.FindStringSubmatch(title); m != nil {
		l.Number, _ = strconv.Atoi(m[1])
		l.Title = strings.ToUpper(m[2][:1]) + m[2][1:]
	}
	if at := exercises.FindStringIndex(text); at != nil {
		for item := range strings.SplitSeq("\n"+text[at[1]:], "\n- ") {
			if item = strings.Join(strings.Fields(item), " "); item != "" {
				l.Exercises = append(l.Exercises, item)
			}
		}
		text = text[:at[0]]
	}
	l.Text = strings.TrimSpace(text)
	return l
}

// Heading is its title with its number, if it has one.
func (l Lesson) Heading() string {
	if l.Number == 0 {
		return l.Title
	}
	return fmt.Sprintf("Lesson %d: %s", l.Number, l.Title)
}

// Course is lessons in order.
type Course []Lesson

// CourseOf are the lessons with numbers among the scripts of cases.
func CourseOf(cases []report.Case) Course {
	var all Course
	for _, c := range cases {
		l := Of(c)
		if l.Number > 0 && !slices.ContainsFunc(all, func(x Lesson) bool { return x.File == l.File }) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b Lesson) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// Find returns the lesson with a number or a name; of the name the part behind its number does, too.
func (c Course) Find(word string) (Lesson, error) {
	n, err := strconv.Atoi(word)
	for _, l := range c {
		_, name, _ := strings.Cut(l.Name, "_")
		if err == nil && l.Number == n || word == l.Name || word == name {
			return l, nil
		}
	}
	return Lesson{}, fmt.Errorf("there is no lesson %q: mptcp-lab learn lists them; the name of a script of your own ends in .star", word)
}
