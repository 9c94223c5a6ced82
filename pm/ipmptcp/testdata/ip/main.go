// Command ip is ip-mptcp(8) alone: it starts faster than all of mptcp-lab, which a corpus of thousands of commands needs.
package main

import (
	"context"
	"os"

	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

func main() { os.Exit(ipmptcp.Program(context.Background(), os.Args[1:])) }
