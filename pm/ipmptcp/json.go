package ipmptcp

import (
	"bufio"
	"fmt"
	"strconv"
)

// jsonArray writes an array of flat objects as iproute2 does, which no option of encoding/json imitates.
type jsonArray struct {
	w      *bufio.Writer
	pretty bool
	some   bool // an object was written
	member bool // of the open object, a member was
}

func (j *jsonArray) begin() { j.write("[", "[ ") }

func (j *jsonArray) end() {
	if j.some {
		j.write("", " ")
	}
	j.write("]\n", "]\n")
}

func (j *jsonArray) beginObject() {
	if j.some {
		j.write(",", ",")
	}
	j.write("{", "{")
	j.some, j.member = true, false
}

func (j *jsonArray) endObject() {
	if j.member {
		j.write("", "\n    ")
	}
	j.write("}", "}")
}

// field writes a member, whose value is JSON already.
func (j *jsonArray) field(key, value string) {
	if j.member {
		j.write(",", ",")
	}
	j.member = true
	j.write("", "\n        ")
	j.write(jsonString(key)+":", jsonString(key)+": ")
	j.write(value, value)
}

func (j *jsonArray) write(plain, pretty string) {
	if j.pretty {
		plain = pretty
	}
	_, _ = j.w.WriteString(plain) // ip prints on, whatever becomes of it
}

// jsonString is a string in JSON. Bytes from 0x80 stay as they are, be they UTF-8 or not.
func jsonString(s string) string {
	b := []byte{'"'}
	for _, c := range []byte(s) {
		if escape, ok := jsonEscapes[c]; ok {
			b = append(b, escape...)
		} else if c < 0x20 || c == 0x7f {
			b = fmt.Appendf(b, `\u%04x`, c)
		} else {
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

var jsonEscapes = map[byte]string{
	'\t': `\t`, '\n': `\n`, '\r': `\r`, '\f': `\f`, '\b': `\b`, '\\': `\\`, '"': `\"`,
}

func jsonUint[T ~uint8 | ~uint16 | ~uint32](n T) string { return strconv.FormatUint(uint64(n), 10) }

// jsonHex is a number as C's %#x writes it, which is 0 without a prefix, in a string.
func jsonHex[T ~uint16 | ~uint32](n T) string { return jsonString(hexNumber(uint32(n))) }

// hexNumber is what C prints for %#x.
func hexNumber(n uint32) string {
	if n == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(uint64(n), 16)
}
