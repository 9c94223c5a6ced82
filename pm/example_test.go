package pm_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/netip"
	"syscall"

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

// A path manager of a few lines: it opens a second subflow for each connection that a host with two addresses makes,
// where net.mptcp.path_manager is userspace.
func Example_userspacePathManager() {
	client, err := pm.Dial(pm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	// From here on the kernel accepts joins, and no event is missed.
	monitor, err := pm.Listen(pm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer monitor.Close()

	log.Fatal(useSecondPath(client, monitor, pm.Endpoint{ID: 2, Address: netip.MustParseAddr("10.0.2.1")}))
}

// useSecondPath opens a subflow from the address for each connection that this host makes, until the monitor fails.
func useSecondPath(client *pm.Client, monitor *pm.Monitor, second pm.Endpoint) error {
	for {
		events, err := monitor.Receive()
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Kind != pm.EventEstablished || e.ServerSide {
				continue
			}
			var refused *pm.Error
			if err := client.SubflowCreate(e.Token, second, e.Remote); errors.As(err, &refused) {
				log.Printf("%v: %s", err, refused.Rule()) // the connection may be gone already
			} else if err != nil {
				return err
			}
		}
	}
}

func ExampleClient_Announce() {
	client, err := pm.Dial(pm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	const token = 0x83f3a692 // of an event
	err = client.Announce(token, pm.Endpoint{
		ID:      3,
		Address: netip.MustParseAddr("10.0.2.1"),
		Flags:   pm.FlagSignal,
	})
	if err != nil {
		log.Fatal(err)
	}
	addresses, err := client.Addresses(token)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range addresses {
		fmt.Println(a)
	}
}

func ExampleError_Rule() {
	var err error = &pm.Error{
		Op:      "add endpoint 10.0.2.1 port 8000 subflow",
		Errno:   syscall.EINVAL,
		Message: "flags must have signal and not subflow when using port",
	}
	var refused *pm.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Rule())
	}
	// Output: a port needs the flag signal, without subflow: add signal, or leave out the port
}
