package ipmptcp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// monitor prints events until the context ends, which is its proper end.
func (s *session) monitor(ctx context.Context) error {
	if s.command.Watch != nil {
		watched, stop := s.command.Watch(ctx)
		defer stop()
		ctx = watched
	}
	events, err := s.manager.Listen(ctx)
	if err != nil {
		return &failure{text: "can't subscribe to mptcp events: " + errorText(err) + "\n", status: statusUsage}
	}
	s.printer.begin(s.options.json, s.options.pretty)
	defer s.printer.end()
	for {
		messages, err := events.Receive(ctx)
		for _, m := range messages {
			s.printer.record(s.eventFields(ctx, m))
			s.printer.flush()
		}
		switch {
		case ctx.Err() != nil:
			return &failure{status: statusOK, final: true}
		case errors.Is(err, syscall.ENOBUFS):
			s.complain(receiveError(err))
		case err != nil:
			return &failure{text: receiveError(err), status: statusListen}
		}
	}
}

func receiveError(err error) string {
	var errno syscall.Errno
	errors.As(err, &errno)
	return fmt.Sprintf("netlink receive error %s (%d)\n", errorText(err), int(errno))
}

// eventFields are the fields of an event. They come from the attributes as the kernel sent them, not from a [pm.Event], which
// is made of fewer and stricter values.
func (s *session) eventFields(ctx context.Context, m Message) []field {
	var fields []field
	if s.options.timestamp {
		fields = append(fields, s.timestamp())
	}
	kind := pm.Event{Kind: pm.EventKind(m.Cmd)}.String()
	name := strings.Trim(kind, "[ ]")
	fields = append(fields, field{label: kind, key: "event", value: jsonString(name)})
	if strings.HasPrefix(name, "UNKNOWN ") {
		return fields
	}
	all := parseAttrs(m.Attrs)
	for _, e := range eventAttrs {
		if all.has(e.number) {
			fields = append(fields, e.fields(s, ctx, &all, e.number, e.key)...)
		}
	}
	return append(fields, eventFlagFields(&all)...)
}

// eventAttrs are the attributes of events in the order in which they are printed, with what prints each.
var eventAttrs = []struct {
	number int
	key    string
	fields func(s *session, ctx context.Context, all *attrs, number int, key string) []field
}{
	{eventToken, "token", tokenField},
	{eventRemID, "remid", uint8Field},
	{eventLocID, "locid", uint8Field},
	{eventSAddr4, "saddr4", addr4Field},
	{eventDAddr4, "daddr4", addr4Field},
	{eventSAddr6, "saddr6", addr6Field},
	{eventDAddr6, "daddr6", addr6Field},
	{eventSPort, "sport", portField},
	{eventDPort, "dport", portField},
	{eventBackup, "backup", uint8Field},
	{eventError, "error", uint8Field},
	{eventTimeout, "timeout", uint32Field},
	{eventIfIdx, "ifindex", interfaceFields},
	{eventResetReason, "reset_reason", uint32Field},
	{eventResetFlags, "reset_flags", hexField},
}

func tokenField(_ *session, _ context.Context, all *attrs, number int, key string) []field {
	n := all.uint32(number)
	return []field{{label: fmt.Sprintf(" %s=%08x", key, n), key: key, value: jsonHex(n)}}
}

func hexField(_ *session, _ context.Context, all *attrs, number int, key string) []field {
	n := all.uint32(number)
	return []field{{label: " " + key + "=" + hexNumber(n), key: key, value: jsonHex(n)}}
}

func uint8Field(_ *session, _ context.Context, all *attrs, number int, key string) []field {
	return numberField(key, jsonUint(all.uint8(number)))
}

func uint32Field(_ *session, _ context.Context, all *attrs, number int, key string) []field {
	return numberField(key, jsonUint(all.uint32(number)))
}

func portField(_ *session, _ context.Context, all *attrs, number int, key string) []field {
	return numberField(key, jsonUint(all.be16(number)))
}

func numberField(key, digits string) []field {
	return []field{{label: " " + key + "=" + digits, key: key, value: digits}}
}

func addr4Field(_ *session, _ context.Context, all *attrs, number int, key string) []field {
	return addrField(all, number, 4, key, colorInet)
}

func addr6Field(_ *session, _ context.Context, all *attrs, number int, key string) []field {
	return addrField(all, number, 16, key, colorInet6)
}

func addrField(all *attrs, number, size int, key string, c color) []field {
	a, ok := all.addr(number, size)
	if !ok {
		return nil
	}
	text := formatAddress(a)
	return []field{{label: " " + key + "=", text: text, color: c, key: key, value: jsonString(text)}}
}

func interfaceFields(s *session, ctx context.Context, all *attrs, number int, key string) []field {
	index := int32(all.uint32(number))
	fields := numberField(key, strconv.Itoa(int(index)))
	if index == 0 {
		return fields
	}
	name := s.devices.name(ctx, index)
	return append(fields, field{label: " dev=", text: name, color: colorDevice, key: "dev", value: jsonString(name)})
}

// eventFlagFields are the last fields, which come from two attributes.
func eventFlagFields(all *attrs) []field {
	flags := all.uint16(eventFlags)
	if all.uint8(eventServerSide) != 0 {
		flags |= pm.EventFlagServerSide
	}
	var fields []field
	for _, known := range []struct {
		flag uint16
		word string
	}{
		{pm.EventFlagServerSide, "server_side"},
		{pm.EventFlagDenyJoinID0, "deny_join_id0"},
	} {
		if flags&known.flag != 0 {
			fields = append(fields, field{label: " " + known.word, key: known.word, value: "true"})
		}
		flags &^= known.flag
	}
	if flags != 0 {
		fields = append(fields, field{label: " flags=" + hexNumber(uint32(flags)), key: "flags", value: jsonHex(flags)})
	}
	return fields
}

// timestamp is the time now, in one of two forms.
func (s *session) timestamp() field {
	now := s.command.now()
	micros := now.Nanosecond() / 1000
	if s.options.timestampShort {
		text := fmt.Sprintf("%s.%06d", now.Format("2006-01-02T15:04:05"), micros)
		return field{label: "[" + text + "] ", key: "timestamp_short", value: jsonString(text)}
	}
	text := fmt.Sprintf("%s %d usec", now.Format(time.ANSIC), micros)
	return field{label: "Timestamp: " + text + "\n", key: "timestamp", value: jsonString(text)}
}
