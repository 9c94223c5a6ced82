package ipmptcp

import (
	"math"
	"math/bits"
	"strings"
)

// cSpace are the characters that isspace(3) names in the C locale.
const cSpace = " \t\n\v\f\r"

// strtoul is strtoul(3) with base 0: white space, a sign, 0x for hexadecimal or 0 for octal, digits. It returns what follows
// the digits, which is s where there are none. A number too large becomes the largest, a minus sign takes it from 2⁶⁴.
func strtoul(s string) (n uint64, rest string) {
	t := strings.TrimLeft(s, cSpace)
	negative := strings.HasPrefix(t, "-")
	if negative || strings.HasPrefix(t, "+") {
		t = t[1:]
	}
	base := uint64(10)
	switch {
	case len(t) > 2 && (t[:2] == "0x" || t[:2] == "0X") && digit(t[2]) < 16:
		base, t = 16, t[2:]
	case strings.HasPrefix(t, "0"):
		base = 8
	}
	i, overflow := 0, uint64(0)
	for ; i < len(t) && digit(t[i]) < base; i++ {
		high, low := bits.Mul64(n, base)
		sum, carry := bits.Add64(low, digit(t[i]), 0)
		n, overflow = sum, overflow|high|carry
	}
	switch {
	case i == 0:
		return 0, s
	case overflow != 0:
		return math.MaxUint64, t[i:]
	case negative:
		return -n, t[i:]
	}
	return n, t[i:]
}

// digit is the value of a digit in any base, and more than any for other characters.
func digit(c byte) uint64 {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c - '0')
	case 'a' <= c && c <= 'z':
		return uint64(c-'a') + 10
	case 'A' <= c && c <= 'Z':
		return uint64(c-'A') + 10
	}
	return math.MaxUint64
}

// parseUint reads a word that is one number, up to max.
func parseUint(word string, max uint64) (uint64, bool) {
	n, rest := strtoul(word)
	return n, word != "" && rest == "" && n <= max
}

// abbreviates tells whether a word stands for a keyword: it is a beginning of it.
func abbreviates(word, keyword string) bool { return word != "" && strings.HasPrefix(keyword, word) }
