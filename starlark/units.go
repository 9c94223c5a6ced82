package starlark

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.starlark.net/starlark"
)

// maxSize bounds one transfer, in bytes.
const maxSize = 1 << 30

// maxDuration bounds one wait.
const maxDuration = time.Hour

// sizeUnits are the suffixes of a size: decimal ones as of the SI, binary ones as of the IEC.
var sizeUnits = map[string]uint64{
	"": 1, "B": 1,
	"KB": 1e3, "MB": 1e6, "GB": 1e9,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}

// parseSize reads a number of bytes such as "64KB" or "1MiB".
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "KMGiB")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("size %q: no number of bytes", s)
	}
	unit, ok := sizeUnits[s[len(digits):]]
	if !ok {
		return 0, fmt.Errorf("size %q: unknown unit %q", s, s[len(digits):])
	}
	high, low := bits.Mul64(n, unit)
	if high != 0 || low > maxSize {
		return 0, fmt.Errorf("size %q: more than 1GiB", s)
	}
	return int64(low), nil
}

// parseDuration reads a time such as "300ms": a positive one, so that a wait always ends and never is none.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, err
	}
	if d <= 0 || d > maxDuration {
		return 0, fmt.Errorf("duration %q: not within 0 and %s", s, maxDuration)
	}
	return d, nil
}

// parseDestination reads the destination of a route as ip-route(8) takes it; "default" is the zero prefix.
func parseDestination(s string) (netip.Prefix, error) {
	if s == "default" {
		return netip.Prefix{}, nil
	}
	return netip.ParsePrefix(s)
}

func toSize(v starlark.Value) (int64, error) {
	var n int64
	switch v := v.(type) {
	case starlark.Int:
		i, ok := v.Int64()
		if !ok {
			return 0, errWrongKind
		}
		n = i
	case starlark.String:
		i, err := parseSize(string(v))
		if err != nil {
			return 0, errWrongKind
		}
		n = i
	default:
		return 0, errWrongKind
	}
	if n < 0 || n > maxSize {
		return 0, errWrongKind
	}
	return n, nil
}
