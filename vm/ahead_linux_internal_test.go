package vm

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// All that is written is taken at once, before anybody reads it, and read in order with the error behind it.
func TestAhead(t *testing.T) {
	r, w := io.Pipe() // which has no room
	a := ahead(r, make(chan struct{}))
	want := ""
	for range 1000 {
		_, err := w.Write([]byte("abc"))
		require.NoError(t, err)
		want += "abc"
	}
	require.NoError(t, w.CloseWithError(io.ErrUnexpectedEOF))
	got, err := io.ReadAll(a)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, want, string(got))
}
