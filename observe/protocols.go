package observe

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// protocolsFile is where the kernel counts the sockets of the calling thread's network namespace (net/core/sock.c).
const protocolsFile = "/proc/thread-self/net/protocols"

// protocolRows are the rows of that file that count the sockets of a protocol.
var protocolRows = map[lab.Protocol][]string{lab.MPTCP: {"MPTCP", "MPTCPv6"}, lab.TCP: {"TCP", "TCPv6"}}

// SocketsInUse counts the sockets of a protocol in the calling thread's network namespace, of both address families.
func SocketsInUse(p lab.Protocol) (int, error) {
	b, err := os.ReadFile(protocolsFile)
	if err != nil {
		return 0, fmt.Errorf("count sockets: %w", err)
	}
	return parseProtocols(b, p)
}

func parseProtocols(b []byte, p lab.Protocol) (count int, err error) {
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		fields := bytes.Fields(lines.Bytes())
		for _, row := range protocolRows[p] {
			if len(fields) < 3 || string(fields[0]) != row {
				continue
			}
			n, err := strconv.Atoi(string(fields[2]))
			if err != nil {
				return 0, fmt.Errorf("%s: sockets of %s: %w", protocolsFile, row, err)
			}
			count += n
		}
	}
	return count, nil
}
