package impair_test

import (
	"fmt"
	"time"

	"github.com/mptcp-lab/mptcp-lab/impair"
)

// A line of 12 Mbit/s, on which 1500 bytes take a millisecond, with a short queue and a delay of 20 ms.
func Example() {
	line := impair.NewLine(1)
	err := line.Set(impair.Impairment{Delay: 20 * time.Millisecond, Rate: 12_000_000, Queue: 3000})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		if fate := line.Pass(0, 1500); fate.Drop != impair.NotDropped {
			fmt.Println("dropped:", fate.Drop)
		} else {
			fmt.Println("arrives after", fate.At)
		}
	}
	// Output:
	// arrives after 21ms
	// arrives after 22ms
	// dropped: queue full
}

func ExampleImpairment_Validate() {
	fmt.Println(impair.Impairment{Loss: 5, Queue: 3000}.Validate())
	// Output:
	// loss 5: want a fraction from 0 to 1
	// queue 3000 bytes: needs a rate, without which nothing waits
}
