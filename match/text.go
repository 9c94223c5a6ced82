package match

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// anyPacket is the text of the selector that means all packets.
const anyPacket = "any"

// aliases are the words of the kernel for options that RFC 8684 names otherwise.
var aliases = map[string]string{"RM_ADDR": wire.NameRemoveAddr}

// term is one key of the text form.
type term struct {
	key string
	get func(s *Selector) string // empty when unset
	set func(s *Selector, value string) error
}

// terms are the keys in the order of the text form.
var terms = []term{
	newTerm("echo", func(s *Selector) **bool { return &s.Match.Echo }, parseBool, formatBool),
	newTerm("id", func(s *Selector) **uint8 { return &s.Match.ID }, parseID, formatID),
	newTerm("backup", func(s *Selector) **bool { return &s.Match.Backup }, parseBool, formatBool),
	newTerm("data_fin", func(s *Selector) **bool { return &s.Match.DataFIN }, parseBool, formatBool),
	newTerm("flags", func(s *Selector) *Flags { return &s.Match.Flags }, parseFlags, Flags.String),
	newTerm("family", func(s *Selector) *Family { return &s.Match.Family }, parseWord[Family](familyNames[:]), Family.String),
	newTerm("src", func(s *Selector) *netip.AddrPort { return &s.Match.Src }, parseSide, formatSide),
	newTerm("dst", func(s *Selector) *netip.AddrPort { return &s.Match.Dst }, parseSide, formatSide),
	newTerm("host", func(s *Selector) *netip.AddrPort { return &s.Match.Host }, parseSide, formatSide),
	newTerm("payload", func(s *Selector) **bool { return &s.Match.Payload }, parseBool, formatBool),
	newTerm("direction", func(s *Selector) *Direction { return &s.Match.Direction },
		parseWord[Direction](directionNames[:]), Direction.String),
	newTerm("nth", func(s *Selector) *uint { return &s.Times.Nth }, parseCount, formatCount),
	newTerm("first", func(s *Selector) *uint { return &s.Times.First }, parseCount, formatCount),
	newTerm("every", func(s *Selector) *uint { return &s.Times.Every }, parseCount, formatCount),
	newTerm("after", func(s *Selector) *uint { return &s.Times.After }, parseCount, formatCount),
}

func newTerm[T any](key string, field func(*Selector) *T, parse func(string) (T, error), format func(T) string) term {
	return term{
		key: key,
		get: func(s *Selector) string { return format(*field(s)) },
		set: func(s *Selector, text string) (err error) {
			*field(s), err = parse(text)
			return err
		},
	}
}

// String is the text form: "ADD_ADDR echo=false nth=1", "flags=SYN dst=10.0.2.1:80", or "any".
func (s Selector) String() string {
	var words []string
	if s.Match.Option != "" {
		words = append(words, s.Match.Option)
	}
	for _, t := range terms {
		if value := t.get(&s); value != "" {
			words = append(words, t.key+"="+value)
		}
	}
	if len(words) == 0 {
		return anyPacket
	}
	return strings.Join(words, " ")
}

// String is the text form of a selector of all that match.
func (m Match) String() string { return Selector{Match: m}.String() }

// Parse reads the text form, and validates it: an option's name, or none, and conditions key=value. RM_ADDR, the kernel's word
// for REMOVE_ADDR, is understood as well.
func Parse(text string) (Selector, error) {
	s, err := parse(text)
	if err == nil {
		err = s.Validate()
	}
	if err != nil {
		return Selector{}, fmt.Errorf("match %q: %w", text, err)
	}
	return s, nil
}

func parse(text string) (s Selector, err error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return s, fmt.Errorf("empty: %q means all packets", anyPacket)
	}
	if first := words[0]; !strings.Contains(first, "=") {
		words = words[1:]
		if first != anyPacket {
			s.Match.Option = first
		}
		if name, ok := aliases[first]; ok {
			s.Match.Option = name
		}
	}
	seen := map[string]bool{}
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		i := slices.IndexFunc(terms, func(t term) bool { return t.key == key })
		switch {
		case !ok:
			return s, fmt.Errorf("%q is no condition: write key=value, and one option's name at the front", w)
		case i < 0:
			return s, fmt.Errorf("unknown key %q, want one of %s", key, keys())
		case seen[key]:
			return s, fmt.Errorf("%s is given twice", key)
		}
		seen[key] = true
		if err := terms[i].set(&s, value); err != nil {
			return s, fmt.Errorf("%s: %w", w, err)
		}
	}
	return s, nil
}

func keys() string {
	var list []string
	for _, t := range terms {
		list = append(list, t.key)
	}
	return strings.Join(list, ", ")
}

func parseBool(text string) (*bool, error) {
	switch text {
	case "true", "false":
		return new(text == "true"), nil
	}
	return nil, errors.New("want true or false")
}

func formatBool(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func parseID(text string) (*uint8, error) {
	id, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return nil, errors.New("want an address id, 0 to 255")
	}
	return new(uint8(id)), nil
}

func formatID(id *uint8) string {
	if id == nil {
		return ""
	}
	return strconv.Itoa(int(*id))
}

func parseCount(text string) (uint, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return 0, errors.New("want a number of packets, 1 or more")
	}
	return uint(n), nil
}

func formatCount(n uint) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

func parseFlags(text string) (Flags, error) {
	var names []string
	for f := SYN; int(f) < len(flagBits); f++ {
		if flagBits[f].name == text {
			return f, nil
		}
		names = append(names, flagBits[f].name)
	}
	return 0, fmt.Errorf("want one of %s", strings.Join(names, ", "))
}

// parseWord is the parser of a type whose values number these words, the first being that of none.
func parseWord[T ~uint8](words []string) func(string) (T, error) {
	return func(text string) (T, error) {
		i := slices.Index(words, text)
		if i < 1 {
			return 0, fmt.Errorf("want %s", strings.Join(words[1:], " or "))
		}
		return T(i), nil
	}
}

// parseSide reads an address, a port after a colon, or both.
func parseSide(text string) (netip.AddrPort, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(address, 0), nil
	}
	if both, err := netip.ParseAddrPort(text); err == nil && both.Port() != 0 {
		return both, nil
	}
	if port, ok := strings.CutPrefix(text, ":"); ok {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n != 0 {
			return netip.AddrPortFrom(netip.Addr{}, uint16(n)), nil
		}
	}
	return netip.AddrPort{}, errors.New("want an address, :port, or both: 10.0.1.1, fd00::1, :80, 10.0.1.1:80 or [fd00::1]:80")
}

func formatSide(a netip.AddrPort) string {
	switch {
	case a == netip.AddrPort{}:
		return ""
	case !a.Addr().IsValid():
		return fmt.Sprintf(":%d", a.Port())
	case a.Port() == 0:
		return a.Addr().String()
	}
	return a.String()
}
