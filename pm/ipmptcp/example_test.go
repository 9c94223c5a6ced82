package ipmptcp_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

func ExampleCommand() {
	ip := ipmptcp.Command{Namespace: ipmptcp.Kernel{}, Stdout: os.Stdout, Stderr: os.Stderr}
	ip.Run(context.Background(), []string{"mptcp", "endpoint", "add", "10.0.2.1", "dev", "eth1", "signal"})
	result := ip.Run(context.Background(), []string{"-j", "mptcp", "endpoint", "show"})
	for _, endpoint := range result.Endpoints {
		fmt.Println(endpoint.Address, endpoint.Flags)
	}
	os.Exit(result.Status)
}

func ExampleKernel() {
	namespace, err := os.Open("/run/netns/blue")
	if err != nil {
		log.Fatal(err)
	}
	defer namespace.Close()

	var stderr bytes.Buffer
	ip := ipmptcp.Command{Namespace: ipmptcp.Kernel{NetNS: int(namespace.Fd())}, Stderr: &stderr}
	if result := ip.Run(context.Background(), []string{"mptcp", "limits"}); result.Status != 0 {
		log.Fatalf("exit status %d: %s", result.Status, &stderr)
	} else {
		fmt.Println(result.Limits.Subflows)
	}
}

// Words that are wrong are told in the words of ip, before a path manager is asked.
func ExampleCommand_Run() {
	ip := ipmptcp.Command{Namespace: ipmptcp.Kernel{}, Stderr: os.Stdout}
	fmt.Println("status", ip.Run(context.Background(), []string{"route"}).Status)
	// Output:
	// Object "route" is unknown, try "ip help".
	// status 1
}
