package knowledge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Ask asks this machine's kernel, in labs of the backend. What cannot be asked for is an error.
func Ask(ctx context.Context, b lab.Backend) (Kernel, error) {
	features := b.Features()
	k := Kernel{Release: features.Kernel}
	asks := []func() ([]Item, error){
		askFamily,
		func() ([]Item, error) { return flags(features), nil },
		func() ([]Item, error) { return askEvents(ctx, b) },
		func() ([]Item, error) { return askSettings(ctx, b) },
		askOptions,
		askCounters,
	}
	var errs []error
	for _, ask := range asks {
		items, err := ask()
		k.Items = append(k.Items, items...)
		errs = append(errs, err)
	}
	return k, errors.Join(errs...)
}

// flags are those of endpoints that the backend found to work.
func flags(f lab.Features) []Item {
	var items []Item
	for _, x := range f.List {
		if name, ok := strings.CutPrefix(x.Name, "endpoint."); ok && x.OK {
			items = append(items, Item{Kind: Flag, Name: name})
		}
	}
	return items
}

// settingsFolder has a file for each setting.
const settingsFolder = "/proc/sys/net/mptcp"

// askSettings reads each setting in a new namespace, where nobody has set it.
func askSettings(ctx context.Context, b lab.Backend) ([]Item, error) {
	files, err := os.ReadDir(settingsFolder)
	if err != nil {
		return nil, fmt.Errorf("list the settings: %w", err)
	}
	l, err := b.Open(ctx, lab.Options{Name: "settings"})
	if err != nil {
		return nil, err
	}
	h, err := l.Host(ctx, "host", lab.HostOptions{})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	var items []Item
	var errs []error
	for _, f := range files {
		value, err := h.Sysctl("net.mptcp." + f.Name())
		items = append(items, Item{Setting, f.Name(), value})
		errs = append(errs, err)
	}
	return items, errors.Join(append(errs, l.Close())...)
}

// counters is where the kernel shows its counters: for each group a line with the names, and one with the values.
const counters = "/proc/self/net/netstat"

func askCounters() ([]Item, error) {
	text, err := os.ReadFile(counters)
	if err != nil {
		return nil, fmt.Errorf("read the counters: %w", err)
	}
	items := parseCounters(string(text))
	if len(items) == 0 {
		return nil, fmt.Errorf("%s has no counters MPTcpExt", counters)
	}
	return items, nil
}

func parseCounters(text string) []Item {
	var items []Item
	for line := range strings.Lines(text) {
		names, found := strings.CutPrefix(line, "MPTcpExt:")
		if !found {
			continue
		}
		for _, name := range strings.Fields(names) {
			items = append(items, Item{Kind: Counter, Name: name})
		}
		break // the next such line has the values
	}
	return items
}
