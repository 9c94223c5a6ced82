package debian

import (
	"cmp"
	"strings"
)

// CompareVersions orders versions of kernels as people do: 6.9 before 6.12, 6.12.9 before 6.12.95.
func CompareVersions(a, b string) int {
	for a != "" || b != "" {
		var x, y int
		x, a = leadingNumber(a)
		y, b = leadingNumber(b)
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
		var s, t string
		s, a = leadingText(a)
		t, b = leadingText(b)
		if c := cmp.Compare(s, t); c != 0 {
			return c
		}
	}
	return 0
}

// IsRelease tells whether a version is of a release: 6.12.95+deb12 is of 6.12 and of 6.12.95, but not of 6.1.
func IsRelease(version, release string) bool {
	rest, found := strings.CutPrefix(version, release)
	return found && release != "" && (rest == "" || !isDigit(rest[0]))
}

func leadingNumber(s string) (int, string) {
	n := 0
	for s != "" && isDigit(s[0]) {
		n, s = 10*n+int(s[0]-'0'), s[1:]
	}
	return n, s
}

func leadingText(s string) (text, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool { return r >= '0' && r <= '9' })
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
