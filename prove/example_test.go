package prove_test

import (
	"context"
	"fmt"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/prove"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// Two cases set a limit, and one of them looks at it.
func ExampleRun() {
	careful := caseFunc("careful", func(ctx context.Context, l lab.Lab) runner.Outcome {
		n, err := setSubflows(ctx, l)
		return as(report.Failed, n == 2, err)
	})
	careless := caseFunc("careless", func(ctx context.Context, l lab.Lab) runner.Outcome {
		_, err := setSubflows(ctx, l)
		return as(report.Failed, true, err)
	})
	r := prove.Run(context.Background(), fakeBackend{}, []runner.Case{careful, careless}, prove.Config{}, &recorder{})
	for _, p := range r.Proofs {
		fmt.Println(p.Case.ID, p.Standing, len(p.Trials))
	}
	fmt.Println(r)
	// Output:
	// careful proven 1
	// careless survivor 5
	// 1 of 2 cases proven
}
