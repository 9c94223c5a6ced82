package pm

import (
	"fmt"
	"strings"
)

// flagNames are the flags in the words of ip-mptcp(8) and in the order in which it prints them.
var flagNames = []struct {
	flag Flags
	name string
}{
	{FlagSignal, "signal"},
	{FlagSubflow, "subflow"},
	{FlagBackup, "backup"},
	{FlagFullmesh, "fullmesh"},
	{FlagImplicit, "implicit"},
	{FlagLaminar, "laminar"},
}

// String is the flags as ip-mptcp(8) prints them: "signal backup". Bits without a name follow in hexadecimal, as
// "rawflags 40".
func (f Flags) String() string {
	var words []string
	for _, n := range flagNames {
		if f&n.flag != 0 {
			words = append(words, n.name)
			f &^= n.flag
		}
	}
	if f != 0 {
		words = append(words, fmt.Sprintf("rawflags %02x", uint32(f)))
	}
	return strings.Join(words, " ")
}

// ParseFlags reads the words of ip-mptcp(8), separated by blanks, in any order: "subflow backup".
func ParseFlags(s string) (Flags, error) {
	var flags Flags
	for _, word := range strings.Fields(s) {
		flag, err := parseFlag(word)
		if err != nil {
			return 0, err
		}
		flags |= flag
	}
	return flags, nil
}

func parseFlag(word string) (Flags, error) {
	names := make([]string, 0, len(flagNames))
	for _, n := range flagNames {
		if n.name == word {
			return n.flag, nil
		}
		names = append(names, n.name)
	}
	return 0, fmt.Errorf("unknown endpoint flag %q; known: %s", word, strings.Join(names, ", "))
}
