package pm

import "fmt"

// AddRaw asks to add an endpoint with a nest that no [Endpoint] encodes to.
func (c *Client) AddRaw(attrs []byte) error { return c.set("add endpoint", cmdAddAddr, attrs) }

// RuleRows names the rows of the table of rules.
func RuleRows() []string {
	var rows []string
	for _, r := range rules {
		rows = append(rows, r.String())
	}
	return rows
}

// RuleRow names the row of the table of rules that [Error.Rule] takes its sentence from.
func RuleRow(e *Error) string {
	for _, r := range rules {
		if e.breaks(r) {
			return r.String()
		}
	}
	return ""
}

func (r rule) String() string { return fmt.Sprintf("%s: %s: %s", r.op, r.errno, r.message) }
