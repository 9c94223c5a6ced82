package pm

import (
	"fmt"
	"strings"
)

// EventKind is the number of a path-manager event: the genl command of its message.
type EventKind uint8

// The events (include/uapi/linux/mptcp_pm.h).
const (
	EventCreated         EventKind = 1
	EventEstablished     EventKind = 2
	EventClosed          EventKind = 3
	EventAnnounced       EventKind = 6
	EventRemoved         EventKind = 7
	EventSubEstablished  EventKind = 10
	EventSubClosed       EventKind = 11
	EventSubPriority     EventKind = 13
	EventListenerCreated EventKind = 15
	EventListenerClosed  EventKind = 16
)

// eventKinds are the events with the kernel's name and the word of "ip mptcp monitor" for each.
var eventKinds = []struct {
	kind EventKind
	name string
	word string
}{
	{EventCreated, "CREATED", "CREATED"},
	{EventEstablished, "ESTABLISHED", "ESTABLISHED"},
	{EventClosed, "CLOSED", "CLOSED"},
	{EventAnnounced, "ANNOUNCED", "ANNOUNCED"},
	{EventRemoved, "REMOVED", "REMOVED"},
	{EventSubEstablished, "SUB_ESTABLISHED", "SF_ESTABLISHED"},
	{EventSubClosed, "SUB_CLOSED", "SF_CLOSED"},
	{EventSubPriority, "SUB_PRIORITY", "SF_PRIO"},
	{EventListenerCreated, "LISTENER_CREATED", "LISTENER_CREATED"},
	{EventListenerClosed, "LISTENER_CLOSED", "LISTENER_CLOSED"},
}

// String is the kernel's name of the event, such as "SUB_ESTABLISHED", or "UNKNOWN 4".
func (k EventKind) String() string {
	for _, known := range eventKinds {
		if known.kind == k {
			return known.name
		}
	}
	return fmt.Sprintf("UNKNOWN %d", uint8(k))
}

// monitorWord is the word of "ip mptcp monitor" for the event, if it has one.
func (k EventKind) monitorWord() (string, bool) {
	for _, known := range eventKinds {
		if known.kind == k {
			return known.word, true
		}
	}
	return "", false
}

// ParseEventKind returns the event of that name: the kernel's ("SUB_CLOSED") or that of "ip mptcp monitor" ("SF_CLOSED").
func ParseEventKind(name string) (EventKind, error) {
	names := make([]string, 0, len(eventKinds))
	for _, known := range eventKinds {
		if name == known.name || name == known.word {
			return known.kind, nil
		}
		names = append(names, known.name)
	}
	return 0, fmt.Errorf("unknown event %q; known: %s", name, strings.Join(names, ", "))
}
