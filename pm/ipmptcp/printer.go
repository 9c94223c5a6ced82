package ipmptcp

import (
	"bufio"
	"strings"
)

// field is one thing that is printed, in text or as a member of a JSON object.
type field struct {
	label string // text that is never coloured
	text  string // text that has the colour
	color color
	key   string // of the member
	value string // of the member, as JSON
}

// color says what is coloured.
type color int

const (
	colorNone color = iota
	colorInet
	colorInet6
	colorDevice
)

// palette is the escape sequence that begins each colour; nil prints without.
type palette map[color]string

// The palettes for a dark and a light background.
var (
	darkPalette  = palette{colorInet: "\x1b[1;35m", colorInet6: "\x1b[1;94m", colorDevice: "\x1b[1;36m"}
	lightPalette = palette{colorInet: "\x1b[35m", colorInet6: "\x1b[34m", colorDevice: "\x1b[36m"}
)

// paletteFor reads the variable COLORFGBG, whose last part is the background: 0 to 6 and 8 are dark.
func paletteFor(colorfgbg string) palette {
	i := strings.LastIndexByte(colorfgbg, ';')
	if i < 0 {
		return darkPalette
	}
	if background := colorfgbg[i+1:]; len(background) == 1 && strings.Contains("01234568", background) {
		return darkPalette
	}
	return lightPalette
}

// printer prints records, each a line of text or an object of a JSON array.
type printer struct {
	w       *bufio.Writer
	newline string // what ends a line of text
	palette palette
	json    *jsonArray // nil: text
}

// begin starts a list, in JSON if that is asked for.
func (p *printer) begin(json, pretty bool) {
	if json {
		p.json = &jsonArray{w: p.w, pretty: pretty}
		p.json.begin()
	}
}

// end ends the list.
func (p *printer) end() {
	if p.json != nil {
		p.json.end()
		p.json = nil
	}
	p.flush()
}

// record prints the fields of one.
func (p *printer) record(fields []field) {
	if p.json != nil {
		p.json.beginObject()
		for _, f := range fields {
			if f.key != "" {
				p.json.field(f.key, f.value)
			}
		}
		p.json.endObject()
		return
	}
	for _, f := range fields {
		p.text(f.label)
		if start := p.palette[f.color]; start != "" {
			p.text(start + f.text + "\x1b[0m")
		} else {
			p.text(f.text)
		}
	}
	p.text(p.newline)
}

// text writes to stdout. Like ip, the command goes on and keeps its exit status when that fails.
func (p *printer) text(s string) { _, _ = p.w.WriteString(s) }

func (p *printer) flush() { _ = p.w.Flush() }
