package wire

// TCPFlags are the flag bits of a TCP header's byte 13.
type TCPFlags uint8

// The TCP flags (RFC 9293 section 3.1).
const (
	FlagFIN TCPFlags = 1 << iota
	FlagSYN
	FlagRST
	FlagPSH
	FlagACK
	FlagURG
	FlagECE
	FlagCWR
)

// flagLetters are tcpdump's letters for the flags, in order of their bits.
const flagLetters = "FSRP.UEW"

// String shows the flags as tcpdump would: "S", "S.", "P.", "none".
func (f TCPFlags) String() string {
	if f == 0 {
		return "none"
	}
	b := make([]byte, 0, len(flagLetters))
	for i := range len(flagLetters) {
		if f&(1<<i) != 0 {
			b = append(b, flagLetters[i])
		}
	}
	return string(b)
}
