package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// suites are where kernels are, those with short lists of packages first: apt reads a suite's whole list.
var suites = []string{"trixie-backports", "bookworm-backports", "bookworm", "bullseye", "trixie"}

const (
	keyring      = "/usr/share/keyrings/debian-archive-keyring.gpg"
	architecture = "amd64"
)

// image matches the packages with the image of a kernel for virtual machines; since 6.19 it is one that has only that, and
// since 7.2 the modules are in another.
var image = regexp.MustCompile(`^linux-(image|binary)-([0-9][^ ]*)-cloud-amd64$`)

// Apt fetches packages with the apt of this system, in a configuration of its own, so that it needs no privileges and
// changes nothing outside of Folder.
type Apt struct {
	Folder   string    // for the lists of packages
	Progress io.Writer // what is being done; nil: nothing is said
}

// Fetch downloads the packages of the newest kernel of that release into a folder, and returns their files. The release is
// the beginning of a version: "6.12" or "6.12.95".
func (a Apt) Fetch(ctx context.Context, release, folder string) ([]string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, errors.New("fetching kernels needs the apt-get of Debian or Ubuntu; give --kernel a file instead")
	}
	if _, err := os.Stat(keyring); err != nil {
		return nil, fmt.Errorf("packages of Debian are signed with %s (apt-get install debian-archive-keyring): %w", keyring, err)
	}
	mirror, err := a.mirror(ctx)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, suite := range suites {
		a.say("looking for Linux %s in %s", release, suite)
		packages, err := a.packages(ctx, mirror, suite)
		if err != nil {
			return nil, err
		}
		names, versions := choose(packages, release)
		if len(names) > 0 {
			a.say("fetching %s", strings.Join(names, " "))
			return a.download(ctx, suite, names, folder)
		}
		known = append(known, versions...)
	}
	slices.SortFunc(known, CompareVersions)
	return nil, fmt.Errorf("no kernel %s in Debian; it has %s", release, strings.Join(slices.Compact(known), ", "))
}

func (a Apt) say(format string, args ...any) {
	if a.Progress != nil {
		fmt.Fprintf(a.Progress, format+"\n", args...)
	}
}

// choose returns the packages that the newest kernel of the release needs, or none, and the versions that there are.
func choose(packages []string, release string) (names, versions []string) {
	images := map[string]string{} // by version
	for _, p := range packages {
		m := image.FindStringSubmatch(p)
		if m == nil || strings.HasPrefix(m[2], "unsigned-") {
			continue
		}
		if m[1] == "binary" || images[m[2]] == "" {
			images[m[2]] = p
		}
		versions = append(versions, m[2])
	}
	slices.SortFunc(versions, CompareVersions)
	versions = slices.Compact(versions)
	for _, v := range slices.Backward(versions) {
		if !IsRelease(v, release) {
			continue
		}
		names = []string{images[v]}
		if modules := "linux-modules-" + v + "-cloud-amd64"; slices.Contains(packages, modules) {
			names = append(names, modules)
		}
		return names, versions
	}
	return nil, versions
}

// mirror is the one of Debian that this system's apt uses, or that which serves everyone.
func (a Apt) mirror(ctx context.Context) (string, error) {
	out, err := run(ctx, nil, "apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		uri, found := strings.CutPrefix(strings.TrimSpace(line), "Debian ")
		if found && !strings.Contains(uri, "security") {
			return uri, nil
		}
	}
	return "http://deb.debian.org/debian/", nil
}

// packages fetches the list of a suite, and returns the names in it that begin with "linux-".
func (a Apt) packages(ctx context.Context, mirror, suite string) ([]string, error) {
	env, err := a.configure(mirror, suite)
	if err != nil {
		return nil, err
	}
	if _, err := run(ctx, env, "apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any"); err != nil {
		return nil, err
	}
	out, err := run(ctx, env, "apt-cache", "pkgnames", "linux-")
	if err != nil {
		return nil, err
	}
	return strings.Fields(out), nil
}

// configure writes the configuration for a suite, and returns the environment in which apt takes it.
func (a Apt) configure(mirror, suite string) (env []string, err error) {
	dir := filepath.Join(a.Folder, suite)
	for _, sub := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("folder for apt: %w", err)
		}
	}
	conf := fmt.Sprintf(`Dir::Etc::SourceList "%[1]s/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "%[1]s/lists";
Dir::State::status "/dev/null";
Dir::Cache "%[1]s/cache";
APT::Architecture "%[2]s";
APT::Architectures { "%[2]s"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
`, dir, architecture)
	source := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, mirror, suite)
	files := map[string]string{"apt.conf": conf, "sources.list": source}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, fmt.Errorf("configuration for apt: %w", err)
		}
	}
	return append(os.Environ(), "APT_CONFIG="+filepath.Join(dir, "apt.conf"), "LC_ALL=C"), nil
}

func (a Apt) download(ctx context.Context, suite string, names []string, folder string) ([]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	env := append(os.Environ(), "APT_CONFIG="+filepath.Join(a.Folder, suite, "apt.conf"), "LC_ALL=C")
	cmd := command(ctx, env, "apt-get", append([]string{"download", "-q"}, names...)...)
	cmd.Dir = folder
	if _, err := output(cmd); err != nil {
		return nil, err
	}
	var files []string
	for _, n := range names {
		found, err := filepath.Glob(filepath.Join(folder, n+"_*.deb"))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("apt-get download %s left no file", n)
		}
		files = append(files, found...)
	}
	return files, nil
}

func run(ctx context.Context, env []string, name string, args ...string) (string, error) {
	return output(command(ctx, env, name, args...))
}

func command(ctx context.Context, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	return cmd
}

// output runs a command; what it complains of is in the error.
func output(cmd *exec.Cmd) (string, error) {
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(complaints.Bytes()))
	}
	return string(out), nil
}
