// Package runner runs cases, each in a lab of its own, several at a time, and sees that nothing of them remains.
//
// It never repeats a case in the hope of a better verdict. A deadline, a crash of the tool, a lab that cannot be opened or
// closed and a case that checked nothing all end as an error, which is neither a pass nor a failure. Before and after the
// cases it audits what the whole run could have left behind on the host.
//
// It knows neither the language that cases are written in (package starlark makes them) nor what a lab is made of (a
// [lab.Backend] opens them). [Select] picks cases by name and shard; [Run] runs them.
package runner
