package main

import (
	"context"
	"errors"
	"log"
	"os"
	"path/filepath"

	"github.com/mptcp-lab/mptcp-lab/lsp"
)

type lspCmd struct{}

// Help is the longer help of the command.
func (*lspCmd) Help() string {
	return "Speaks the Language Server Protocol on standard input and output: editors start it. docs/editor.md tells how they are set up."
}

// Run implements the command.
func (*lspCmd) Run(ctx context.Context, s streams) error {
	version, _ := built()
	config := lsp.Config{Version: version, Log: log.New(s.err, "mptcp-lab lsp: ", 0)}
	if dir, err := os.UserCacheDir(); err == nil {
		config.Cache = filepath.Join(dir, "mptcp-lab", "std")
	}
	err := lsp.Serve(ctx, os.Stdin, s.out, config)
	switch {
	case errors.Is(err, context.Canceled):
		return &exit{code: exitInterrupted}
	case err != nil:
		return &exit{code: exitFailed, err: err}
	}
	return nil
}
