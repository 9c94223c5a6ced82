package starlark_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/starlark"
)

func TestReferenceIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range starlark.Reference() {
		require.NotEmpty(t, b.Doc, b.Name)
		require.False(t, seen[b.Name], "%s is documented twice", b.Name)
		seen[b.Name] = true
		for _, p := range b.Params {
			require.NotEmpty(t, p.Doc, "%s: %s", b.Name, p.Name)
		}
	}
}

func TestWriteReference(t *testing.T) {
	var w strings.Builder
	require.NoError(t, starlark.WriteReference(&w))
	require.Contains(t, w.String(), "### `lab.wait(condition, timeout = \"5s\")`")
	require.Contains(t, w.String(), "- `subflow.remote_id` (field): The address ID of its remote address.")
	require.NotContains(t, w.String(), "%!")
}

func TestDoc(t *testing.T) {
	text, err := starlark.Doc("endpoint.add")
	require.NoError(t, err)
	require.Contains(t, text, "host.mptcp.endpoint.add(address, id = 0, ")
	text, err = starlark.Doc("subflow")
	require.NoError(t, err)
	require.Contains(t, text, ".remote_id")
	require.Contains(t, text, "See also: host.mptcp.subflow, ")
	text, err = starlark.Doc("endpoint")
	require.NoError(t, err)
	require.Contains(t, text, "`ip mptcp endpoint show` shows it.\n\n    .address ")
	require.Contains(t, text, "See also: host.mptcp.endpoint\n")
	text, err = starlark.Doc("len(")
	require.NoError(t, err)
	require.Contains(t, text, "A part of Starlark itself")
	_, err = starlark.Doc("endpiont.add")
	require.EqualError(t, err, "the language has no endpiont.add (did you mean endpoint.add?)")
}

func ExampleDoc() {
	text, err := starlark.Doc("lab.step")
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(text)
	// Output:
	// lab.step(text) → None
	//
	//     Adds a headline to the timeline.
	//
	//     text: a string
	//         What is about to be done.
	//
	// Example:
	//     lab.step("the client loses its second link")
	//     check.contains([e.text for e in lab.timeline()], "the client loses its second link")
}
