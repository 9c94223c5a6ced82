//go:build linux

package observe_test

import (
	"fmt"
	"log"

	"github.com/mptcp-lab/mptcp-lab/observe"
)

// What ss -M and ss -ti show together: each MPTCP connection with its subflows.
func ExampleDiag_Conns() {
	diag, err := observe.OpenDiag() // on a thread of the network namespace
	if err != nil {
		log.Fatal(err)
	}
	defer diag.Close()
	conns, err := diag.Conns() // on any
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range conns {
		fmt.Printf("%08x %s > %s %s\n", c.Token, c.Local, c.Remote, c.State)
		for _, s := range c.Subflows {
			fmt.Printf("  id %d %s > id %d %s, %d bytes sent\n", s.LocalID, s.Local, s.RemoteID, s.Remote, s.BytesSent)
		}
	}
}

// Which counters a connection moved.
func ExampleCounterFile() {
	file, err := observe.OpenCounters()
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	before, err := file.Read()
	if err != nil {
		log.Fatal(err)
	}
	// … connect …
	after, err := file.Read()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(after.Since(before))
}

// Everything that passes an interface, until a known moment.
func ExampleOpenCapture() {
	capture, err := observe.OpenCapture(2, func(f observe.Frame) {
		fmt.Println(f.Time, f.Outgoing, f.Length, f.Data)
	})
	if err != nil {
		log.Fatal(err)
	}
	defer capture.Close()
	// … see something happen …
	if err := capture.Drain(); err != nil {
		log.Fatal(err)
	}
}
