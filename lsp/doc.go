// Package lsp is a server of the Language Server Protocol for scripts: what editors need to show mistakes while one types, to complete
// words, to explain them and to find where they are made. Serve speaks it over two streams.
//
// It keeps the open documents and translates between them and packages analysis, lint and format, which do the work. It runs no
// script.
package lsp
