package lesson

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// guess is what a reader predicts.
type guess []string

// hint says how an answer is to be written.
func hint(q report.Question) string {
	if q.Choices != nil {
		return "a letter"
	}
	switch q.Form {
	case report.FormNumber:
		return "a number"
	case report.FormTruth:
		return "yes or no"
	case report.FormSubflows:
		return "such as 10.0.1.1 > 10.0.1.2, with commas between several"
	case report.FormList:
		return "with commas between several, or none"
	}
	return "a word or two"
}

// letter is the name of a choice: a, b, c, …
func letter(n int) string { return string(rune('a' + n)) }

// parse reads what a reader has written.
func parse(q report.Question, text string) (guess, error) {
	text = strings.Join(strings.Fields(text), " ")
	if q.Choices != nil {
		for i, c := range q.Choices {
			if strings.EqualFold(text, letter(i)) || strings.EqualFold(text, c) {
				return guess{c}, nil
			}
		}
		return nil, fmt.Errorf("expected a letter from a to %s", letter(len(q.Choices)-1))
	}
	switch q.Form {
	case report.FormNumber:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, errors.New("expected a number")
		}
		return guess{strconv.Itoa(n)}, nil
	case report.FormTruth:
		switch strings.ToLower(text) {
		case "y", "yes", "true":
			return guess{"yes"}, nil
		case "n", "no", "false":
			return guess{"no"}, nil
		}
		return nil, errors.New("expected yes or no")
	case report.FormSubflows:
		return subflows(text)
	case report.FormList:
		return list(text), nil
	}
	return guess{text}, nil
}

func list(text string) guess {
	all := guess{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" && !strings.EqualFold(item, "none") {
			all = append(all, item)
		}
	}
	return all
}

// subflows reads a list of them; "-" or ">" or both stand between the ends of each.
func subflows(text string) (guess, error) {
	all := list(text)
	for i, item := range all {
		ends := strings.FieldsFunc(item, func(r rune) bool { return strings.ContainsRune("->→ ", r) })
		if len(ends) != 2 {
			return nil, fmt.Errorf("%q is not a subflow: write LOCAL > REMOTE, with commas between several", item)
		}
		all[i] = ends[0] + " > " + ends[1]
	}
	return all, nil
}

// against is what of the guess did not come, and what came beside it.
func (g guess) against(seen []string) (wrong, missing []string) {
	return without(g, seen), without(seen, g)
}

// without are the items of a list that another has not, each as often as it is more.
func without(list, other []string) []string {
	other = slices.Clone(other)
	var left []string
	for _, item := range list {
		i := slices.IndexFunc(other, func(x string) bool { return strings.EqualFold(x, item) })
		if i < 0 {
			left = append(left, item)
			continue
		}
		other = slices.Delete(other, i, i+1)
	}
	return left
}
