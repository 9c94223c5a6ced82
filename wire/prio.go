package wire

// MPPrio changes the priority of the subflow that it is sent on (RFC 8684 section 3.3.8).
type MPPrio struct {
	Backup bool // flag B
}

const (
	prioBackup = 0x01
	lenPrio    = 3
)

// Name is "MP_PRIO".
func (*MPPrio) Name() string { return NameMPPrio }

func (*MPPrio) length() int { return lenPrio }

func parseMPPrio(b []byte) (Option, error) {
	if len(b) != lenPrio {
		return nil, lengthError(NameMPPrio, b, "3")
	}
	return &MPPrio{Backup: b[2]&prioBackup != 0}, nil
}

func (o *MPPrio) appendTo(dst []byte) ([]byte, error) {
	return appendHead(dst, lenPrio, subtypeMPPrio, bit(o.Backup, prioBackup)), nil
}

// String is "mptcp 3 prio backup" or "mptcp 3 prio non-backup".
func (o *MPPrio) String() string {
	if o.Backup {
		return head(o, "prio backup")
	}
	return head(o, "prio non-backup")
}
