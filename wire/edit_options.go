package wire

import (
	"bytes"
	"fmt"
	"slices"
)

// Strip removes the MPTCP options with these names (see [Option]), together with their padding, and returns how many there
// were. What remains is packed, as if they had never been there.
func (s *Segment) Strip(names ...string) int {
	return s.strip(func(option []byte) bool {
		return option[0] == KindMPTCP && slices.Contains(names, parseOrKeep(option).Name())
	})
}

// StripKind removes all TCP options of a kind, such as [KindMPTCP], and returns how many there were. An option whose length
// leads nowhere stays, since no receiver reads it.
func (s *Segment) StripKind(kind uint8) int {
	return s.strip(func(option []byte) bool { return option[0] == kind })
}

func (s *Segment) strip(unwanted func(option []byte) bool) (n int) {
	// Removing cannot fail: the rest takes no more room than before.
	_ = s.rewrite(func(option []byte) ([]byte, error) {
		if !unwanted(option) {
			return option, nil
		}
		n++
		return nil, nil
	})
	return n
}

// Replace calls f for every MPTCP option in turn, and puts what it returns in that option's place: nil removes the option, the
// option itself, which f may change, keeps it. On an error nothing is changed: the result of f has no form on the wire, or the
// options take more room than a TCP header has.
func (s *Segment) Replace(f func(Option) Option) error {
	return s.rewrite(func(raw []byte) ([]byte, error) {
		if raw[0] != KindMPTCP {
			return raw, nil
		}
		o := parseOrKeep(raw)
		before, err := AppendOption(nil, o)
		if err != nil {
			before = raw
		}
		o = f(o)
		if o == nil {
			return nil, nil
		}
		after, err := AppendOption(nil, o)
		if bytes.Equal(before, after) {
			return raw, nil // with its reserved bits
		}
		return after, err
	})
}

// Insert adds an MPTCP option behind those that are there. The error is that of [AppendOption], or tells how much room there
// is. To make room, strip other options: without its timestamps, which Linux does not insist on, a segment has 12 bytes more.
func (s *Segment) Insert(o Option) error {
	b, err := AppendOption(nil, o)
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	list, rest := splitOptions(s.Options)
	options, err := joinOptions(append(list, padded(b)...), rest)
	if err != nil {
		return fmt.Errorf("insert %s: %w", o.Name(), err)
	}
	s.Options = options
	return nil
}

// rewrite puts what f returns in the place of each TCP option.
func (s *Segment) rewrite(f func(option []byte) ([]byte, error)) error {
	list, rest := splitOptions(s.Options)
	var out [][]byte
	changed := false
	for len(list) > 0 {
		option := list[0]
		list = list[1:]
		if option[0] == kindNOP {
			out = append(out, option)
			continue
		}
		with, err := f(option)
		if err != nil {
			return fmt.Errorf("replace: %w", err)
		}
		if bytes.Equal(option, with) {
			out = append(out, option)
			continue
		}
		changed = true
		for range padding(option) {
			if len(list) > 0 && list[0][0] == kindNOP {
				list = list[1:]
			}
		}
		out = append(out, padded(with)...)
	}
	if !changed {
		return nil
	}
	options, err := joinOptions(out, rest)
	if err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	s.Options = options
	return nil
}

// splitOptions splits the options of a TCP header, NOPs included, from where their list ends.
func splitOptions(b []byte) (list [][]byte, rest []byte) {
	for len(b) > 0 {
		n := optionLen(b)
		if n == 0 {
			break
		}
		list = append(list, b[:n:n])
		b = b[n:]
	}
	return list, b
}

// joinOptions puts options together, padded with NOPs to a multiple of four bytes. When room is short, the padding within
// them is given up. Of the rest it keeps what is not mere padding.
func joinOptions(list [][]byte, rest []byte) ([]byte, error) {
	rest = bytes.TrimRight(rest, "\x00")
	b := alignOptions(list, rest)
	if len(b) > maxOption {
		tight := slices.DeleteFunc(list, func(o []byte) bool { return len(o) == 0 || o[0] == kindNOP })
		b = alignOptions(tight, rest)
	}
	if len(b) > maxOption {
		return nil, fmt.Errorf("the options would take %d bytes, more than the %d of a TCP header", len(b), maxOption)
	}
	return b, nil
}

func alignOptions(list [][]byte, rest []byte) []byte {
	b := bytes.Join(list, nil)
	for (len(b)+len(rest))%4 != 0 {
		b = append(b, kindNOP)
	}
	return append(b, rest...)
}

// padded is an option and the NOPs that Linux puts behind it.
func padded(option []byte) [][]byte {
	out := [][]byte{option}
	for range padding(option) {
		out = append(out, []byte{kindNOP})
	}
	return out
}

// padding is how many bytes an option lacks to a multiple of four.
func padding(option []byte) int { return aligned(len(option)) - len(option) }
