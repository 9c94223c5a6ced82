package traffic

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Sender sends the next n bytes of its pattern, as *Socket and lab.Socket do.
type Sender interface {
	Send(ctx context.Context, n int64) error
}

// Receiver receives and verifies the next n bytes of its peer's pattern, as *Socket and lab.Socket do.
type Receiver interface {
	Receive(ctx context.Context, n int64) error
}

// End is one end of a connection, which sends and receives.
type End interface {
	Sender
	Receiver
}

// Transfer moves n bytes of the pattern from one end of a connection to the other. The first error ends both halves, and
// is the one returned.
func Transfer(ctx context.Context, from Sender, to Receiver, n int64) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return from.Send(ctx, n) })
	g.Go(func() error { return to.Receive(ctx, n) })
	return g.Wait()
}

// Exchange moves n bytes of the pattern in each direction at once. The first error ends all, and is the one returned.
func Exchange(ctx context.Context, a, b End, n int64) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return Transfer(ctx, a, b, n) })
	g.Go(func() error { return Transfer(ctx, b, a, n) })
	return g.Wait()
}

// PingPong makes a send size bytes and wait for as many in answer from b, before it sends on, for a number of rounds: traffic
// that leaves every subflow idle again and again. The first error ends both ends, and is returned with its round, from 1.
func PingPong(ctx context.Context, a, b End, rounds int, size int64) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return repeat(ctx, rounds, size, a.Send, a.Receive) })
	g.Go(func() error { return repeat(ctx, rounds, size, b.Receive, b.Send) })
	return g.Wait()
}

// repeat does one step after the other with size bytes, for a number of rounds.
func repeat(ctx context.Context, rounds int, size int64, steps ...func(context.Context, int64) error) error {
	for round := range rounds {
		for _, step := range steps {
			if err := step(ctx, size); err != nil {
				return fmt.Errorf("round %d of %d: %w", round+1, rounds, err)
			}
		}
	}
	return nil
}
