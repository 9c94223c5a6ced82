package pathmanager

import (
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

const remedy = "model a newer kernel"

// Features are what the release can do of that which depends on it: path managers, endpoint flags, settings and counters. They have
// the names and meanings that a kernel's have.
func Features(v Version) []lab.Feature {
	list := []lab.Feature{
		{Name: "mptcp_pm", OK: true, Meaning: "endpoints and limits: the mptcp_pm netlink family"},
		feature(v, "userspace_pm", "path managers in userspace", changes[Userspace].since),
	}
	for _, f := range []struct {
		flag  pm.Flags
		since Version
	}{
		{pm.FlagSignal, Oldest},
		{pm.FlagSubflow, Oldest},
		{pm.FlagBackup, Oldest},
		{pm.FlagFullmesh, changes[Fullmesh].since},
		{pm.FlagLaminar, changes[Laminar].since},
	} {
		list = append(list, feature(v, "endpoint."+f.flag.String(), "endpoints with the flag "+f.flag.String(), f.since))
	}
	for _, s := range sysctls {
		list = append(list, feature(v, "sysctl."+s.name, "the setting "+prefix+s.name, s.since))
	}
	for _, c := range lab.KnownCounters() {
		list = append(list, feature(v, "counter."+c.Name, "the counter "+c.Name, firstOf(c.Since)))
	}
	return list
}

func feature(v Version, name, meaning string, since Version) lab.Feature {
	f := lab.Feature{Name: name, Meaning: meaning, OK: !v.before(since)}
	if !f.OK {
		f.Reason, f.Remedy = "it came with Linux "+since.series().short(), remedy
	}
	return f
}

// short leaves the patch level off.
func (v Version) short() string {
	v.Patch = Newest
	return v.String()
}
