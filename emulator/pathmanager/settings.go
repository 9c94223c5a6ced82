package pathmanager

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// The path managers, as net.mptcp.path_manager names them.
const (
	KernelManager    = "kernel"
	UserspaceManager = "userspace"
)

// Settings are net.mptcp.* (net/mptcp/ctrl.c). Times below zero are as good as for ever.
type Settings struct {
	Enabled             bool          // MPTCP sockets can be made
	AddAddrTimeout      time.Duration // of an echo
	ChecksumEnabled     bool          // asks for checksums
	AllowJoinInitial    bool          // allow_join_initial_addr_port: without it the C flag is sent
	StaleLossCount      int           // lost retransmissions until a subflow is stale; 0: never
	PathManager         string        // of new connections: kernel or userspace
	Scheduler           string
	CloseTimeout        time.Duration // without a subflow
	BlackholeTimeout    time.Duration // for which MPTCP is off after a blackhole
	SynRetransBeforeTCP int           // SYNs with MP_CAPABLE that are sent again before plain ones; 128 and more: always
	BlackholeWritten    int           // how often blackhole_timeout was written, which forgets the blackholes found
}

func defaultSettings() Settings {
	return Settings{
		Enabled: true, AddAddrTimeout: 120 * time.Second, AllowJoinInitial: true, StaleLossCount: 4, PathManager: KernelManager,
		Scheduler: "default", CloseTimeout: time.Minute, BlackholeTimeout: time.Hour, SynRetransBeforeTCP: 2,
	}
}

// Settings are the values that hold now.
func (m *Manager) Settings() Settings { return m.settings }

const prefix = "net.mptcp."

// setting is one of net.mptcp.*: in which releases it is, how it reads, and how it is written.
type setting struct {
	name  string
	since Version
	get   func(*Settings) string
	set   func(*Settings, string) syscall.Errno // nil: read only
}

// sysctls are in order of appearance.
var sysctls = []setting{
	flagSetting("enabled", Version{5, 6, 0}, func(s *Settings) *bool { return &s.Enabled }),
	secondsSetting("add_addr_timeout", Version{5, 11, 0}, timeouts, func(s *Settings) *time.Duration { return &s.AddAddrTimeout }),
	flagSetting("checksum_enabled", Version{5, 14, 0}, func(s *Settings) *bool { return &s.ChecksumEnabled }),
	flagSetting("allow_join_initial_addr_port", Version{5, 14, 0}, func(s *Settings) *bool { return &s.AllowJoinInitial }),
	intSetting("stale_loss_cnt", Version{5, 15, 0}, span{0, 1<<32 - 1}, func(s *Settings) *int { return &s.StaleLossCount }),
	{"pm_type", Version{5, 19, 0}, managerNumber, setManagerNumber},
	{"scheduler", Version{6, 6, 0}, func(s *Settings) string { return s.Scheduler }, setScheduler},
	secondsSetting("close_timeout", Version{6, 7, 0}, timeouts, func(s *Settings) *time.Duration { return &s.CloseTimeout }),
	{"available_schedulers", Version{6, 10, 0}, func(*Settings) string { return "default" }, nil},
	blackholeSetting(),
	intSetting("syn_retrans_before_tcp_fallback", Version{6, 14, 0}, span{0, 255}, func(s *Settings) *int {
		return &s.SynRetransBeforeTCP
	}),
	{"path_manager", Version{6, 15, 0}, func(s *Settings) string { return s.PathManager }, setManager},
	{"available_path_managers", Version{6, 15, 0}, func(*Settings) string { return KernelManager + " " + UserspaceManager }, nil},
}

// Sysctl reads a setting by its dotted name, which begins with "net.mptcp.".
func (m *Manager) Sysctl(name string) (string, error) {
	s, err := m.setting(name)
	if err != nil {
		return "", err
	}
	return s.get(&m.settings), nil
}

// SetSysctl writes a setting, as [Manager.Sysctl] reads it. A value that the kernel refuses is an error with its error number.
func (m *Manager) SetSysctl(name, value string) error {
	s, err := m.setting(name)
	if err != nil {
		return err
	}
	if s.set == nil {
		return &settingError{fmt.Sprintf("sysctl %s: not writable", name), eacces}
	}
	if value == "" { // nothing is written
		return nil
	}
	if errno := s.set(&m.settings, value); errno != 0 {
		return fmt.Errorf("sysctl %s: value %q refused by the kernel: %w", name, value, pm.Errno(errno))
	}
	return nil
}

// Sysctls are the names of the settings that the release has.
func (m *Manager) Sysctls() []string {
	var names []string
	for _, s := range sysctls {
		if !m.version.before(s.since) {
			names = append(names, prefix+s.name)
		}
	}
	return names
}

func (m *Manager) setting(name string) (setting, error) {
	for _, s := range sysctls {
		if name == prefix+s.name && !m.version.before(s.since) {
			return s, nil
		}
	}
	return setting{}, &settingError{fmt.Sprintf("sysctl %s: no such setting on this kernel", name), fs.ErrNotExist}
}

// settingError has a text for people and the error for programs.
type settingError struct {
	text string
	err  error
}

func (e *settingError) Error() string { return e.text }
func (e *settingError) Unwrap() error { return e.err }

// span bounds a number.
type span struct{ least, most int64 }

// timeouts are the bounds of times in seconds: the kernel keeps them in ticks, of which there are 250 in a second, as an int.
var timeouts = span{-(1<<31 - 1) / 250, (1<<31 - 1) / 250}

// parse reads a number as the kernel does (proc_get_long): the first word, in any base that C knows, without a plus sign.
func (b span) parse(value string) (int64, syscall.Errno) {
	words := strings.Fields(value)
	if len(words) == 0 || words[0][0] == '+' {
		return 0, einval
	}
	n, err := strconv.ParseInt(words[0], 0, 64)
	if err != nil || n < b.least || n > b.most || strings.Contains(words[0], "_") {
		return 0, einval
	}
	return n, 0
}

// line is a name as the kernel reads it: up to the end of the line, blanks included (proc_dostring).
func line(value string) string {
	name, _, _ := strings.Cut(value, "\n")
	return name
}

func intSetting(name string, since Version, bounds span, field func(*Settings) *int) setting {
	return setting{
		name, since,
		func(s *Settings) string { return strconv.Itoa(*field(s)) },
		func(s *Settings, value string) syscall.Errno {
			n, errno := bounds.parse(value)
			if errno == 0 {
				*field(s) = int(n)
			}
			return errno
		},
	}
}

func flagSetting(name string, since Version, field func(*Settings) *bool) setting {
	return setting{
		name, since,
		func(s *Settings) string { return strconv.Itoa(int(flag(*field(s)))) },
		func(s *Settings, value string) syscall.Errno {
			n, errno := span{0, 1}.parse(value)
			if errno == 0 {
				*field(s) = n == 1
			}
			return errno
		},
	}
}

func secondsSetting(name string, since Version, bounds span, field func(*Settings) *time.Duration) setting {
	return setting{
		name, since,
		func(s *Settings) string { return strconv.FormatInt(int64(*field(s)/time.Second), 10) },
		func(s *Settings, value string) syscall.Errno {
			n, errno := bounds.parse(value)
			if errno == 0 {
				*field(s) = time.Duration(n) * time.Second
			}
			return errno
		},
	}
}

// blackholeSetting also forgets the blackholes found, whatever is written.
func blackholeSetting() setting {
	seconds := secondsSetting("blackhole_timeout", Version{6, 12, 0}, span{0, 1<<31 - 1},
		func(s *Settings) *time.Duration { return &s.BlackholeTimeout })
	write := seconds.set
	seconds.set = func(s *Settings, value string) syscall.Errno {
		errno := write(s, value)
		if errno == 0 {
			s.BlackholeWritten++
		}
		return errno
	}
	return seconds
}

func managerNumber(s *Settings) string {
	return strconv.Itoa(int(flag(s.PathManager == UserspaceManager)))
}

func setManagerNumber(s *Settings, value string) syscall.Errno {
	n, errno := span{0, 1}.parse(value)
	if errno == 0 {
		s.PathManager = []string{KernelManager, UserspaceManager}[n]
	}
	return errno
}

func setManager(s *Settings, value string) syscall.Errno {
	name := line(value)
	if name != KernelManager && name != UserspaceManager {
		return enoent
	}
	s.PathManager = name
	return 0
}

func setScheduler(_ *Settings, value string) syscall.Errno {
	if line(value) != "default" {
		return enoent
	}
	return 0
}
