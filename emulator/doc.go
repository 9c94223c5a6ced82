// Package emulator is the backend of modelled hosts: it composes packages network (hosts and links up to IP), tcp, mptcp and
// pathmanager into a [lab.Backend], in virtual time.
//
// It needs no privileges and no Linux. The same script with the same seed has the same packets, byte for byte, on every machine:
// time passes only when all wait (package vtime), one thing happens at a time, and chance comes from the seed. Hosts exchange real
// Ethernet frames, so that links, rules, captures and package wire work as on a kernel.
//
// What only a real host has is missing: programs to run in hosts, and what a kernel logs.
package emulator
