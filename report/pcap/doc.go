// Package pcap writes what was seen on the links of a lab as pcapng files, one for each case, for Wireshark and its kin.
//
// A file has an interface for each link, under the link's name. Its packets are those that a lab keeps: headers only, with
// the original length, and without segments that only carry data. Their times are the lab's, from the epoch on. Packets carry
// as comments what a script said at that moment: its steps, and the check that failed; and what a rule of the link did to them.
package pcap
