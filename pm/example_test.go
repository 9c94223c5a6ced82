package pm_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

func ExampleClient_AddEndpoint() {
	client, err := pm.Dial(pm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	err = client.AddEndpoint(pm.Endpoint{
		Address: netip.MustParseAddr("10.0.2.1"),
		Flags:   pm.FlagSubflow | pm.FlagBackup,
	})
	if errors.Is(err, fs.ErrExist) {
		log.Print("there already")
	} else if err != nil {
		log.Fatal(err)
	}

	endpoints, err := client.Endpoints()
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range endpoints {
		fmt.Println(e)
	}
}

func ExampleClient_SetLimits() {
	client, err := pm.Dial(pm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if err := client.SetLimits(pm.LimitsUpdate{AddAddrAccepted: new(uint32(4))}); err != nil {
		log.Fatal(err)
	}
	limits, err := client.Limits()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(limits)
}

func ExampleMonitor() {
	monitor, err := pm.Listen(pm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer monitor.Close()

	for {
		events, err := monitor.Receive()
		if errors.Is(err, pm.ErrOverrun) {
			log.Print(err)
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		for _, e := range events {
			fmt.Println(e)
		}
	}
}

func ExampleEndpoint_String() {
	e := pm.Endpoint{ID: 1, Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSignal}
	fmt.Println(e)
	// Output: 10.0.2.1 id 1 signal
}

func ExampleParseFlags() {
	flags, err := pm.ParseFlags("backup subflow")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(flags)
	// Output: subflow backup
}
