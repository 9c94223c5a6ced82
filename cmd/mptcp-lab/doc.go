// Command mptcp-lab runs scripts that build hosts and links, drive the MPTCP path manager of each host, and check what came
// of it.
//
//	mptcp-lab run scenarios/               run every case below a folder
//	mptcp-lab run -k 'limits not ipv6' .   only the cases whose IDs match
//	mptcp-lab run file.star::test_join -v  one case, with its time
//	mptcp-lab run --report DIR scenarios/  a page that shows the topology, messages and checks of each case
//	mptcp-lab learn [LESSON]               lessons, which ask what will come
//	mptcp-lab explain file.star::test_join what happened in a case, as a diagram and in sentences
//	mptcp-lab prove scenarios/             which cases fail when something is wrong, and which never do
//	mptcp-lab diff A.json B.json           where two recorded runs differ
//	mptcp-lab repl                         an interactive lab
//	mptcp-lab ps                           the labs that are open, such as one kept by run --keep
//	mptcp-lab shell LAB HOST ss -Mai       a program in a host of it
//	mptcp-lab clean                        no lab is kept any more
//	mptcp-lab ip mptcp endpoint show       the path manager of this network namespace, as ip-mptcp(8)
//	mptcp-lab doctor                       what this machine can do
//	mptcp-lab fmt scenarios/               scripts in one style
//	mptcp-lab lint scenarios/              mistakes in scripts, before anything runs
//	mptcp-lab lsp                          the same in an editor, and more
//	mptcp-lab doc [NAME]                   the language
//	mptcp-lab version
//
// The exit code of run, and of every other command where it applies, is
//
//	0    every case passed or was skipped
//	1    a case failed, or ended in an error; lint or fmt --check has found something
//	2    the command line is wrong, or a script cannot be loaded
//	3    the machine cannot run the backend, or something was left behind on it
//	130  interrupted
//
// of which 130 goes before 3, and 3 before 1. The exit codes of ip are those of ip(8).
//
// Without the privileges for network namespaces the command runs itself again in a user namespace of its own. A first SIGINT
// or SIGTERM cancels the cases that run and reports what is known; a second ends the program at once. The kernel takes the
// namespaces away in either case, as nothing but the program's open files holds them.
package main
