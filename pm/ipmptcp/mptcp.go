package ipmptcp

import "context"

// mptcp runs the words behind the object. Whether there is a path manager comes before what is wrong with the words.
func (s *session) mptcp(ctx context.Context, words []string) error {
	if len(words) == 0 || abbreviates(words[0], "help") {
		return usageOf(mptcpUsage)
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	word, rest := words[0], words[1:]
	switch {
	case abbreviates(word, "endpoint"):
		return s.endpoint(ctx, rest)
	case abbreviates(word, "limits"):
		return s.limit(ctx, rest)
	case abbreviates(word, "monitor"):
		return s.monitorAlone(ctx, rest)
	}
	return unknownCommand(word)
}

func (s *session) endpoint(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return s.listEndpoints(ctx)
	}
	word, rest := words[0], words[1:]
	switch {
	case abbreviates(word, "add"):
		return s.modifyEndpoint(ctx, CmdAddAddr, rest)
	case abbreviates(word, "change"):
		return s.modifyEndpoint(ctx, CmdSetFlags, rest)
	case abbreviates(word, "delete"):
		return s.modifyEndpoint(ctx, CmdDelAddr, rest)
	case abbreviates(word, "show") && len(rest) == 0:
		return s.listEndpoints(ctx)
	case abbreviates(word, "show"):
		return s.showEndpoint(ctx, rest)
	case abbreviates(word, "flush"):
		return s.flushEndpoints(ctx)
	}
	return unknownCommand(word)
}

// limit is the words behind "limits". ip falls through to "monitor" from here.
func (s *session) limit(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return s.limits(ctx, CmdGetLimits, nil)
	}
	word, rest := words[0], words[1:]
	switch {
	case abbreviates(word, "set"):
		return s.limits(ctx, CmdSetLimits, rest)
	case abbreviates(word, "show"):
		return s.limits(ctx, CmdGetLimits, rest)
	case abbreviates(word, "monitor"):
		return s.monitorAlone(ctx, rest)
	}
	return unknownCommand(word)
}

func (s *session) monitorAlone(ctx context.Context, words []string) error {
	if len(words) > 0 {
		return unknownCommand(words[0])
	}
	return s.monitor(ctx)
}
