package live

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The bounds of what is believed of a description.
const (
	maxRecord = 1 << 20
	maxHosts  = 4096
)

// line is one line of a description: the first has the lab, each other one a host.
type line struct {
	Case   string    `json:"case,omitempty"`
	Opened time.Time `json:"opened,omitzero"`

	Host      string `json:"host,omitempty"`
	Namespace uint64 `json:"namespace,omitempty"`
}

// parse reads a description. One that is being written ends in a part of a line, which is left out.
func parse(r io.Reader) (Lab, error) {
	var l Lab
	lines := bufio.NewReader(io.LimitReader(r, maxRecord))
	for first := true; ; first = false {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && !first || len(l.Hosts) == maxHosts {
			return l, nil
		}
		if err != nil {
			return Lab{}, fmt.Errorf("read the description of a lab: %w", err)
		}
		var said line
		if err := json.Unmarshal(text, &said); err != nil {
			return Lab{}, fmt.Errorf("read the description of a lab: %w", err)
		}
		if first {
			l.Case, l.Opened = printable(said.Case), said.Opened
			continue
		}
		l.Hosts = append(l.Hosts, Host{Name: printable(said.Host), Namespace: said.Namespace})
	}
}
