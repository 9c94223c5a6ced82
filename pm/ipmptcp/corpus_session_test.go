//go:build linux

package ipmptcp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

// patience bounds everything that a step waits for.
const patience = 10 * time.Second

// program is what stands for ip: mptcp-lab, or iproute2's own.
type program struct {
	path string
	args []string // before those of ip
}

// session runs the steps of a sequence.
type session struct {
	t         *testing.T
	ip        program
	folder    string
	hosts     map[string]*netns.Host // "" is the client
	netns     map[string]int         // names of namespaces, for ip -n
	resolve   string                 // more lines of /etc/hosts
	monitors  map[string]*process
	traffic   traffics
	cancelled context.Context
}

func newSession(t *testing.T, r *hosts, ip program, b *block) *session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := &session{
		t: t, ip: ip, hosts: map[string]*netns.Host{}, netns: map[string]int{}, monitors: map[string]*process{}, cancelled: ctx,
	}
	isServer := func(x *step) bool { return strings.HasPrefix(x.text, "server ") }
	if slices.ContainsFunc(b.steps, isServer) {
		s.hosts[""], s.hosts["server"] = r.joined(t)
	} else {
		s.hosts[""] = r.alone(t)
	}
	if slices.ContainsFunc(b.steps, func(x *step) bool { return x.file }) {
		s.folder = t.TempDir()
	}
	return s
}

// command is a step, understood.
type command struct {
	host         string
	unprivileged bool
	terminal     bool
	background   bool
	output       string // file that standard output goes to
	environment  []string
	words        []string
	input        *string
}

// parse understands the words of a step: prefixes, then what to run, then where its output goes.
func (x *step) parse() (command, error) {
	c := command{input: x.input}
	words, err := splitWords(x.text)
	if err != nil {
		return c, err
	}
	for len(words) > 0 {
		switch word := words[0]; {
		case word == "server":
			c.host = word
		case word == "unprivileged":
			c.unprivileged = true
		case word == "terminal":
			c.terminal = true
		case variable.MatchString(word):
			c.environment = append(c.environment, word)
		default:
			c.words = words
			if n := len(words) - 1; words[n] == "&" {
				c.background, c.words = true, words[:n]
			} else if strings.HasPrefix(words[n], ">/") {
				c.output, c.words = words[n][1:], words[:n]
			}
			return c, nil
		}
		words = words[1:]
	}
	return c, errors.New("nothing to run")
}

var variable = regexp.MustCompile(`^[A-Z_]+=`)

// verbs are what a sequence may do besides running ip.
var verbs = map[string]func(*session, command) (result, error){
	"ip":      (*session).runIP,
	"netns":   (*session).nameNetns,
	"hosts":   (*session).addHosts,
	"link":    (*session).addLink,
	"sysctl":  (*session).setSysctl,
	"await":   (*session).await,
	"kill":    (*session).kill,
	"listen":  (*session).listen,
	"connect": (*session).connect,
	"close":   (*session).closeTraffic,
}

// do runs a step.
func (s *session) do(x *step) (result, error) {
	if x.file {
		var content string
		if x.input != nil {
			content = *x.input
		}
		return result{}, os.WriteFile(filepath.Join(s.folder, x.text), []byte(content), 0o644)
	}
	c, err := x.parse()
	if err != nil {
		return result{}, err
	}
	verb, ok := verbs[c.words[0]]
	if !ok {
		return result{}, fmt.Errorf("%s: no such command here", c.words[0])
	}
	r, err := verb(s, c)
	r.stdout, r.stderr = mask(r.stdout), mask(r.stderr)
	return r, err
}

func (s *session) nameNetns(c command) (result, error) {
	s.netns[c.words[1]] = s.hosts[c.host].FD()
	return result{}, nil
}

func (s *session) addHosts(c command) (result, error) {
	s.resolve += strings.Join(c.words[1:], " ") + "\n"
	return result{}, nil
}

// addLink makes one more device: link NAME INDEX.
func (s *session) addLink(c command) (result, error) {
	index, err := strconv.Atoi(c.words[2])
	if err != nil {
		return result{}, err
	}
	h := s.hosts[c.host]
	return result{}, linkDevices(h, device{name: c.words[1], index: index}, h, device{name: "peer", index: index + 100})
}

func (s *session) setSysctl(c command) (result, error) {
	name, value, _ := strings.Cut(c.words[1], "=")
	return result{}, s.hosts[c.host].SetSysctl(name, value)
}

// runIP runs ip, or starts it.
func (s *session) runIP(c command) (result, error) {
	p, err := s.start(c)
	if err != nil {
		return result{}, err
	}
	if !c.background {
		return p.wait()
	}
	s.monitors[c.host] = p
	s.t.Cleanup(p.stop)
	return result{}, p.subscribed(s.cancelled)
}

// start starts ip on a thread of its own in the host, which ends with what was done to it.
func (s *session) start(c command) (*process, error) {
	cmd := exec.CommandContext(s.cancelled, s.ip.path)
	cmd.Args = append(append([]string{s.ip.path}, s.ip.args...), c.words[1:]...)
	cmd.Dir = s.folder
	cmd.Env = append([]string{"PATH=/nonexistent", "LC_ALL=C", "TZ=UTC"}, c.environment...)
	if c.input != nil {
		cmd.Stdin = strings.NewReader(*c.input)
	}
	p := &process{cmd: cmd, stdout: newTranscript()}
	cmd.Stdout, cmd.Stderr = p.stdout, &p.stderr
	if err := p.redirect(c); err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- s.startHere(cmd, c)
	}()
	err := <-started
	return p, errors.Join(err, p.started())
}

func (s *session) startHere(cmd *exec.Cmd, c command) error {
	if err := unix.Setns(s.hosts[c.host].FD(), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the host: %w", err)
	}
	if len(s.netns) > 0 || s.resolve != "" {
		if err := s.mount(); err != nil {
			return err
		}
	}
	if c.unprivileged {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_NET_ADMIN, 0, 0, 0); err != nil {
			return fmt.Errorf("give up CAP_NET_ADMIN: %w", err)
		}
	}
	return cmd.Start()
}

// mount makes names of namespaces and of hosts for this thread, and so for the program, alone.
func (s *session) mount() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mounts: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if len(s.netns) > 0 {
		if err := unix.Mount("run", "/run", "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount /run: %w", err)
		}
	}
	for name, fd := range s.netns {
		file := filepath.Join("/run/netns", name)
		if err := errors.Join(os.MkdirAll("/run/netns", 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
			return err
		}
		if err := unix.Mount(fmt.Sprintf("/proc/thread-self/fd/%d", fd), file, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", file, err)
		}
	}
	if s.resolve == "" {
		return nil
	}
	return errors.Join(s.replace("/etc/hosts", s.resolve), s.replace("/etc/nsswitch.conf", "hosts: files\n"))
}

// replace puts a file in the place of another.
func (s *session) replace(name, content string) error {
	f, err := os.CreateTemp("", "corpus")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	if err := unix.Mount(f.Name(), name, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", name, err)
	}
	return nil
}

// await waits until the monitor of the host has printed a text, after what was awaited before.
func (s *session) await(c command) (result, error) {
	m, ok := s.monitors[c.host]
	if !ok {
		return result{}, errors.New("no monitor runs on this host")
	}
	return result{}, m.stdout.await(s.cancelled, strings.Join(c.words[1:], " "))
}

// kill sends the monitor of the host a signal, and has its results.
func (s *session) kill(c command) (result, error) {
	m, ok := s.monitors[c.host]
	if !ok {
		return result{}, errors.New("no monitor runs on this host")
	}
	signal := unix.SignalNum(c.words[1])
	if signal == 0 {
		return result{}, fmt.Errorf("%s is no signal", c.words[1])
	}
	if err := m.idle(s.cancelled); err != nil {
		return result{}, err
	}
	if err := m.cmd.Process.Signal(signal); err != nil {
		return result{}, err
	}
	delete(s.monitors, c.host)
	return m.wait()
}

// masks are what differs from run to run, and what it is replaced by. The n-th token seen is token n.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \d{1,6} usec`), "Thu Jan  1 00:00:00 1970 0 usec"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}`), "1970-01-01T00:00:00.000000"},
}

var token = regexp.MustCompile(`(\btoken=|"token": ?")(0x[1-9a-f][0-9a-f]{0,7}"|[0-9a-f]{8})`)

// mask replaces what differs from run to run.
func mask(text string) string {
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	var seen []string
	return token.ReplaceAllStringFunc(text, func(found string) string {
		part := token.FindStringSubmatch(found)
		if !slices.Contains(seen, part[2]) {
			seen = append(seen, part[2])
		}
		name := "TOKEN" + strconv.Itoa(slices.Index(seen, part[2])+1)
		if strings.HasSuffix(part[2], `"`) {
			name = "0x" + name + `"`
		}
		return part[1] + name
	})
}

func TestCorpusMask(t *testing.T) {
	for text, want := range map[string]string{
		"[         CREATED] token=128795e1 remid=0\n[          CLOSED] token=128795e1\n[         CREATED] token=0000001f": "" +
			"[         CREATED] token=TOKEN1 remid=0\n[          CLOSED] token=TOKEN1\n[         CREATED] token=TOKEN2",
		`"token":"0x128795e1","remid":0}{"token": "0x1f"`: `"token":"0xTOKEN1","remid":0}{"token": "0xTOKEN2"`,
		`"token":"0x001f" token=1f`:                       `"token":"0x001f" token=1f`,
		"Timestamp: Tue Nov  4 00:02:27 2026 2315 usec\n": "Timestamp: Thu Jan  1 00:00:00 1970 0 usec\n",
		"[2026-11-24T00:02:27.532375] [":                  "[1970-01-01T00:00:00.000000] [",
	} {
		require.Equal(t, want, mask(text))
	}
}

// difference shows two texts, lines that are the same at the beginning and the end in common.
func difference(want, got string) string {
	a, b := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	head, tail := 0, 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out bytes.Buffer
	for _, part := range []struct {
		mark  string
		lines []string
	}{{"  ", a[:head]}, {"- ", a[head : len(a)-tail]}, {"+ ", b[head : len(b)-tail]}, {"  ", a[len(a)-tail:]}} {
		for _, line := range part.lines {
			if line != "" {
				out.WriteString("    " + part.mark + strings.TrimSuffix(line, "\n") + "\n")
			}
		}
	}
	return out.String()
}
