package ipmptcp

import (
	"context"
	"math"
	"slices"
	"strings"
)

// options are those of ip that matter to the object mptcp.
type options struct {
	json           bool
	pretty         bool
	oneline        bool
	resolve        bool
	timestamp      bool
	timestampShort bool
	force          bool
	batch          *string // the file
	color          colorMode
	receiveBuffer  int // bytes
}

// defaultReceiveBuffer is what ip asks for.
const defaultReceiveBuffer = 1 << 20

// colorMode says when there are colours.
type colorMode int

const (
	colorNever colorMode = iota
	colorAuto
	colorAlways
)

// option is an option of ip. Of those that do not matter here, set is nil.
type option struct {
	name  string
	exact bool   // cannot be abbreviated
	takes string // what its value is called in messages; "": it takes none
	set   func(s *session, ctx context.Context, value string) error
}

// optionTable is in the order in which ip tries abbreviations.
func optionTable() []option {
	return []option{
		{name: "-loops", takes: "loop count"},
		{name: "-family", takes: "family type", set: setFamily},
		{name: "-4", exact: true},
		{name: "-6", exact: true},
		{name: "-0", exact: true},
		{name: "-M", exact: true},
		{name: "-B", exact: true},
		{name: "-human"},
		{name: "-human-readable"},
		{name: "-iec"},
		{name: "-stats"},
		{name: "-statistics"},
		{name: "-details"},
		{name: "-resolve", set: setFlag(func(o *options) { o.resolve = true })},
		{name: "-oneline", set: setFlag(func(o *options) { o.oneline = true })},
		{name: "-timestamp", set: setFlag(func(o *options) { o.timestamp = true })},
		{name: "-tshort", set: setFlag(func(o *options) { o.timestamp, o.timestampShort = true, true })},
		{name: "-Version", set: printVersion},
		{name: "-force", set: setFlag(func(o *options) { o.force = true })},
		{name: "-batch", takes: "batch file", set: setBatch},
		{name: "-brief"},
		{name: "-json", set: setFlag(func(o *options) { o.json = true })},
		{name: "-pretty", set: setFlag(func(o *options) { o.pretty = true })},
		{name: "-rcvbuf", takes: "rcvbuf size", set: setReceiveBuffer},
		{name: "-color", set: setColor},
		{name: "-help", set: func(*session, context.Context, string) error { return usageOf(usage) }},
		{name: "-netns", takes: "name", set: setNetNS},
		{name: "-Numeric"},
		{name: "-all"},
		{name: "-echo", exact: true},
	}
}

// matches tells whether a word is the option. Only -color can have a value behind an equals sign.
func (o option) matches(word string) bool {
	if o.exact {
		return word == o.name
	}
	if o.name == "-color" {
		name, value, _ := strings.Cut(word, "=")
		_, ok := colorModes[value]
		return ok && abbreviates(name, o.name)
	}
	return abbreviates(word, o.name)
}

// parseOptions reads the options and returns the words behind them.
func (s *session) parseOptions(ctx context.Context, args []string) ([]string, error) {
	table := optionTable()
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		if strings.HasPrefix(word, "--") {
			word = word[1:]
		}
		i := slices.IndexFunc(table, func(o option) bool { return o.matches(word) })
		if i < 0 {
			return nil, usageError("Option %s is unknown, try \"ip -help\".", quote(word))
		}
		var err error
		if args, err = s.setOption(ctx, table[i], word, args); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// setOption heeds an option, whose value may be the next argument, and returns the arguments behind it.
func (s *session) setOption(ctx context.Context, o option, word string, args []string) ([]string, error) {
	value := word
	if o.takes != "" {
		switch {
		case len(args) > 0:
			value, args = args[0], args[1:]
		case o.name == "-netns":
			value = "(null)" // ip prints the end of its arguments
		default:
			return nil, required(o.takes)
		}
	}
	if o.set == nil {
		return args, nil
	}
	return args, o.set(s, ctx, value)
}

func setFlag(set func(*options)) func(*session, context.Context, string) error {
	return func(s *session, _ context.Context, _ string) error {
		set(&s.options)
		return nil
	}
}

// setFamily checks the family; addresses of endpoints have one of their own.
func setFamily(_ *session, _ context.Context, value string) error {
	switch {
	case value == "help":
		return usageOf(usage)
	case !slices.Contains([]string{"inet", "inet6", "link", "mpls", "bridge"}, value):
		return wrong(value, "invalid protocol family")
	}
	return nil
}

func printVersion(s *session, _ context.Context, _ string) error {
	s.printer.text(versionText)
	return &failure{status: statusOK, final: true}
}

func setBatch(s *session, _ context.Context, value string) error {
	s.options.batch = &value
	return nil
}

func setReceiveBuffer(s *session, _ context.Context, value string) error {
	n, ok := parseUint(value, math.MaxUint32)
	if !ok {
		return usageError("Invalid rcvbuf size '%s'", value)
	}
	s.options.receiveBuffer = int(int32(n))
	return nil
}

// setNetNS goes to another namespace at once, before later options are read.
func setNetNS(s *session, ctx context.Context, value string) error {
	ns, err := s.namespace.Named(ctx, value)
	if err != nil {
		return usageError("%v", err)
	}
	s.namespace = ns
	return nil
}

var colorModes = map[string]colorMode{"": colorAlways, "always": colorAlways, "auto": colorAuto, "never": colorNever}

func setColor(s *session, _ context.Context, word string) error {
	_, value, _ := strings.Cut(word, "=")
	s.options.color = colorModes[value]
	return nil
}

// applyOptions sets the printer up.
func (s *session) applyOptions() {
	o := s.options
	if o.oneline {
		s.printer.newline = `\`
	}
	if o.color == colorAlways || o.color == colorAuto && s.command.Terminal {
		s.printer.palette = paletteFor(s.command.getenv("COLORFGBG"))
	}
}
