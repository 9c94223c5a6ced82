package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sequence is a link to a sequence of the corpus: its file, its title, and its file again.
var sequence = regexp.MustCompile(`\[([a-z0-9-]+): ([^\]]+)\]\((\.\./pm/ipmptcp/testdata/corpus/([a-z0-9-]+)\.txt)\)`)

// TestManualPageShowsSequences sees that each row of the tables and each item of the lists on ip-mptcp(8) is shown by sequences
// of the corpus, which exist.
func TestManualPageShowsSequences(t *testing.T) {
	titles := map[string][]string{}
	for line := range strings.Lines(read(t, "ip-mptcp.md")) {
		statement := strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| the manual page |") &&
			!strings.HasPrefix(line, "| --- |") || strings.HasPrefix(line, "- ")
		links := sequence.FindAllStringSubmatch(line, -1)
		if statement {
			require.NotEmpty(t, links, "nothing shows this: %s", line)
		}
		for _, link := range links {
			file, title, path := link[1], link[2], link[3]
			require.Equal(t, file, link[4], "the link leads to another file")
			if titles[file] == nil {
				titles[file] = sequenceTitles(read(t, path))
			}
			require.Contains(t, titles[file], title, "%s has no such sequence", path)
		}
	}
	require.Greater(t, len(titles), 10)
}

// sequenceTitles are the titles of the sequences in a file of the corpus.
func sequenceTitles(text string) (titles []string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		title, rest, _ := strings.Cut(paragraph, "\n")
		if strings.HasPrefix(rest, "$ ") || strings.HasPrefix(rest, "@ ") {
			titles = append(titles, strings.TrimPrefix(title, "# "))
		}
	}
	return titles
}
