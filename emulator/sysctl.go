package emulator

import (
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
)

var sysctlName = regexp.MustCompile(`^net[./][A-Za-z0-9_./-]+$`)

// setting is a setting of TCP that is modelled.
type setting struct {
	get func(*tcp.Settings) string
	set func(*tcp.Settings, string) error
}

const errRefused = einval

// tcpSettings are those of net.ipv4 that hosts follow. Those of inert can be written, and change nothing.
var tcpSettings = map[string]setting{
	"net.ipv4.tcp_timestamps":          boolSetting(func(s *tcp.Settings) *bool { return &s.Timestamps }),
	"net.ipv4.tcp_sack":                boolSetting(func(s *tcp.Settings) *bool { return &s.SACK }),
	"net.ipv4.tcp_window_scaling":      boolSetting(func(s *tcp.Settings) *bool { return &s.Scaling }),
	"net.ipv4.tcp_syn_retries":         intSetting(1, 127, func(s *tcp.Settings) *int { return &s.SynRetries }),
	"net.ipv4.tcp_synack_retries":      intSetting(0, 255, func(s *tcp.Settings) *int { return &s.SynAckRetries }),
	"net.ipv4.tcp_retries2":            intSetting(0, 255, func(s *tcp.Settings) *int { return &s.Retries }),
	"net.ipv4.tcp_syn_linear_timeouts": intSetting(0, 255, func(s *tcp.Settings) *int { return &s.LinearTimeouts }),
	"net.ipv4.tcp_fastopen":            intSetting(0, 1<<31-1, func(s *tcp.Settings) *int { return &s.FastOpen }),
	"net.ipv4.tcp_syncookies":          intSetting(0, 2, func(s *tcp.Settings) *int { return &s.Cookies }),
	"net.ipv4.tcp_rto_min_us": {
		func(s *tcp.Settings) string { return strconv.FormatInt(s.RTOMin.Microseconds(), 10) },
		func(s *tcp.Settings, value string) error {
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return errRefused
			}
			s.RTOMin = time.Duration(n) * time.Microsecond
			return nil
		},
	},
	"net.ipv4.tcp_rmem": bufferSetting(func(s *tcp.Settings) *int { return &s.ReceiveBuffer }, "4096", "33554432"),
	"net.ipv4.tcp_wmem": bufferSetting(func(s *tcp.Settings) *int { return &s.SendBuffer }, "4096", "4194304"),
}

// inert are settings that hosts have and that change nothing in TCP, with their values at first.
var inert = map[string]string{
	"net.netfilter.nf_conntrack_tcp_loose": "1", // followed by the firewall
	"net.ipv4.tcp_congestion_control":      "reno",
	"net.ipv4.tcp_max_syn_backlog":         "4096",
	"net.ipv4.tcp_fin_timeout":             "60",
	"net.ipv4.tcp_tw_reuse":                "2",
	"net.ipv4.tcp_moderate_rcvbuf":         "1",
	"net.ipv4.tcp_slow_start_after_idle":   "1",
	"net.ipv4.tcp_early_retrans":           "3",
	"net.ipv4.tcp_recovery":                "1",
	"net.ipv4.tcp_orphan_retries":          "0",
	"net.ipv6.conf.default.accept_dad":     "0",
	"net.core.somaxconn":                   "4096",
}

func boolSetting(at func(*tcp.Settings) *bool) setting {
	return setting{
		func(s *tcp.Settings) string {
			if *at(s) {
				return "1"
			}
			return "0"
		},
		func(s *tcp.Settings, value string) error {
			n, err := strconv.Atoi(value)
			*at(s) = n != 0
			return err
		},
	}
}

func intSetting(low, high int, at func(*tcp.Settings) *int) setting {
	return setting{
		func(s *tcp.Settings) string { return strconv.Itoa(*at(s)) },
		func(s *tcp.Settings, value string) error {
			n, err := strconv.Atoi(value)
			if err != nil || n < low || n > high {
				return errRefused
			}
			*at(s) = n
			return nil
		},
	}
}

// bufferSetting is one of three numbers, of which the second counts.
func bufferSetting(at func(*tcp.Settings) *int, least, most string) setting {
	return setting{
		func(s *tcp.Settings) string { return fmt.Sprintf("%s\t%d\t%s", least, *at(s), most) },
		func(s *tcp.Settings, value string) error {
			fields := strings.Fields(value)
			if len(fields) < 2 {
				return errRefused
			}
			n, err := strconv.Atoi(fields[1])
			if err != nil || n < 1 {
				return errRefused
			}
			*at(s) = n
			return nil
		},
	}
}

// dotted is the name of a setting with dots, also if it was written as a path.
func dotted(name string) (string, error) {
	if !sysctlName.MatchString(name) || strings.Contains(name, "..") {
		return "", fmt.Errorf("sysctl %q: want a name below net, such as net.mptcp.enabled", name)
	}
	return strings.ReplaceAll(name, "/", "."), nil
}

// reversePath is where the host keeps a setting of rp_filter; nil: the name is that of another.
func (h *host) reversePath(name string) *int {
	of, found := strings.CutPrefix(name, "net.ipv4.conf.")
	of, ends := strings.CutSuffix(of, ".rp_filter")
	switch {
	case !found || !ends:
		return nil
	case of == "all":
		return &h.model.ReversePath
	case of == "default":
		return &h.model.InitialReversePath
	}
	i, err := h.model.Interface(of)
	if err != nil {
		return nil
	}
	return &i.ReversePath
}

const mptcpSettings = "net.mptcp."

// Sysctl implements [lab.Host].
func (h *host) Sysctl(name string) (string, error) {
	value, err := h.sysctl(name)
	return value, h.on(err)
}

func (h *host) sysctl(name string) (string, error) {
	name, err := dotted(name)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(name, mptcpSettings) {
		return h.mptcp.Manager.Sysctl(name)
	}
	if s, ok := tcpSettings[name]; ok {
		return s.get(&h.stack.Settings), nil
	}
	if at := h.reversePath(name); at != nil {
		return strconv.Itoa(*at), nil
	}
	if value, ok := h.inert[name]; ok {
		return value, nil
	}
	if value, ok := inert[name]; ok {
		return value, nil
	}
	return "", fmt.Errorf("sysctl %s: modelled hosts do not have it: %w", name, fs.ErrNotExist)
}

// SetSysctl implements [lab.Host].
func (h *host) SetSysctl(name, value string) error {
	h.lab.act()
	return h.on(h.setSysctl(name, value))
}

func (h *host) setSysctl(name, value string) error {
	name, err := dotted(name)
	if err != nil {
		return err
	}
	if strings.HasPrefix(name, mptcpSettings) {
		return h.mptcp.Manager.SetSysctl(name, value)
	}
	if s, ok := tcpSettings[name]; ok {
		if err := s.set(&h.stack.Settings, strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("sysctl %s: value %q refused by the kernel: %w", name, value, errRefused)
		}
		return nil
	}
	if at := h.reversePath(name); at != nil {
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			return fmt.Errorf("sysctl %s: value %q refused by the kernel: %w", name, value, errRefused)
		}
		*at = n
		return nil
	}
	if _, ok := inert[name]; ok {
		if h.inert == nil {
			h.inert = map[string]string{}
		}
		h.inert[name] = value
		return nil
	}
	return fmt.Errorf("sysctl %s: modelled hosts do not have it: %w", name, fs.ErrNotExist)
}
