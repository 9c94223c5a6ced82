package lesson

import (
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/story"
)

// passage is a part of a case, which ends with a question, with the answers to all that were asked, or with the case.
type passage struct {
	story   *story.Story      // of the whole case
	items   []story.Item      // of this passage
	came    bool              // it is what came of that which the answers are about
	asks    *report.Question  // at its end
	answers []report.Question // at its end
}

// passagesOf cuts a case at its questions and answers. Of questions that wait together the answers are given together. One whose answer
// was another than the script says is answered all the same, with what was seen.
func passagesOf(r report.Result) []passage {
	s := story.New(r)
	var (
		all             []passage
		from            int
		asked, answered int
		answers         []report.Question
	)
	cut := func(to int, p passage) {
		p.story, p.items = s, s.Items[from:to]
		all = append(all, p)
		from, answers = min(to+1, len(s.Items)), nil
	}
	for i, item := range s.Items {
		switch {
		case item.Kind == lab.KindPredict && asked < len(r.Questions):
			cut(i, passage{asks: &r.Questions[asked], came: asked > answered})
			asked++
		case item.Kind == lab.KindAnswer && answered < asked:
			answers = append(answers, r.Questions[answered])
			if answered++; answered == asked {
				cut(i, passage{came: true, answers: answers})
			}
		}
	}
	last := passage{came: asked > answered, answers: answers}
	if answered < asked && r.Questions[answered].Form != "" {
		last.answers = append(last.answers, r.Questions[answered])
	}
	cut(len(s.Items), last)
	return all
}

// shown are the items of the passage that are drawn: what the script did, and messages.
func (p passage) shown() []story.Item {
	var kept []story.Item
	for _, i := range p.items {
		switch i.Kind {
		case lab.KindStep, lab.KindAction, lab.KindPacket, lab.KindLink:
			kept = append(kept, i)
		}
	}
	return kept
}

// reasons are those of a modelled path manager.
func (p passage) reasons() []string {
	var all []string
	for _, i := range p.items {
		if i.Kind == lab.KindReason {
			all = append(all, i.Text)
		}
	}
	return all
}

// block is some items in a row that are told in the same way.
type block struct {
	step  string       // a headline; or else
	items []story.Item // drawn as a diagram where there are messages among them, and listed where there are none
}

func (p passage) blocks() []block {
	var all []block
	for _, i := range p.shown() {
		last := len(all) - 1
		switch {
		case i.Kind == lab.KindStep:
			all = append(all, block{step: i.Text})
		case last < 0 || all[last].step != "":
			all = append(all, block{items: []story.Item{i}})
		default:
			all[last].items = append(all[last].items, i)
		}
	}
	return all
}

// quiet tells that nothing was sent.
func (b block) quiet() bool {
	return !slices.ContainsFunc(b.items, func(i story.Item) bool { return i.Message != nil })
}

// drawn is the part of a case's story that has only some items.
func drawn(s *story.Story, items []story.Item) *story.Story {
	part := *s
	part.Items = items
	return &part
}

// did is what the script did, in the words of the timeline.
func did(i story.Item) string {
	if i.Host == "" {
		return i.Text
	}
	return i.Host + ": " + i.Text
}
