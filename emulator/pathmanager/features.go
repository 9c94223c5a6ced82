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
		came(v, "userspace_pm", "path managers in userspace", changes[Userspace].since),
		came(v, "userspace_addresses", "the addresses of a connection under a path manager in userspace, asked for by its token", changes[TokenLists].since),
		came(v, "errors.numbers", "errors of mptcp_pm that tell the number of what went wrong", changes[ErrorNumbers].since),
		came(v, "errors.texts", "errors of mptcp_pm with a text for each rule", changes[Texts].since),
		came(v, "event.LISTENER_CREATED", "events of new listeners", changes[ListenerEvents].since),
		came(v, "event.LISTENER_CLOSED", "events of listeners that end", changes[ListenerEvents].since),
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
		list = append(list, came(v, "endpoint."+f.flag.String(), "endpoints with the flag "+f.flag.String(), f.since))
	}
	for _, s := range sysctls {
		list = append(list, came(v, "sysctl."+s.name, "the setting "+prefix+s.name, s.since))
	}
	for _, c := range lab.KnownCounters() {
		list = append(list, feature("counter."+c.Name, "the counter "+c.Name, firstOf(c.Since), v.counts(c)))
	}
	return list
}

// came is a feature that every release has from one on.
func came(v Version, name, meaning string, since Version) lab.Feature {
	return feature(name, meaning, since, !v.before(since))
}

// feature is one that came with a release; ok tells whether this one has it.
func feature(name, meaning string, since Version, ok bool) lab.Feature {
	f := lab.Feature{Name: name, Meaning: meaning, OK: ok}
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
