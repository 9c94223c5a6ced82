package starlark

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"slices"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// optionType declares an MPTCP option: its fields, to be read, made and rewritten.
type optionType struct {
	*settings[wire.Option]
	make func() wire.Option // as the fields that are not given have it
}

// optionTypes are the options, by their numbers in RFC 8684 section 8.2.
var optionTypes = []optionType{
	newOptionType(wire.NameMPCapable, "Opens a connection. The keys tell the packets of the handshake apart.",
		func() *wire.MPCapable { return &wire.MPCapable{Version: 1, Crypto: wire.CryptoHMACSHA256} },
		small("version", 15, "version of MPTCP", func(o *wire.MPCapable) *uint8 { return &o.Version }),
		toggle("checksum", "flag A: DSS checksums are wanted", func(o *wire.MPCapable) *bool { return &o.ChecksumRequired }),
		toggle("extensibility", "flag B, which must be 0", func(o *wire.MPCapable) *bool { return &o.Extensibility }),
		toggle("deny_join", "flag C: no join to the address and port of the initial subflow", func(o *wire.MPCapable) *bool { return &o.DenyJoinInitial }),
		small("crypto", 31, "flags D to H: 1 for HMAC-SHA256", func(o *wire.MPCapable) *uint8 { return &o.Crypto }),
		optional("sender_key", "key of the sender; not on the SYN",
			func(o *wire.MPCapable) (*bool, *wire.Key) { return &o.HasSenderKey, &o.SenderKey }),
		optional("receiver_key", "key of the receiver; only on the third packet",
			func(o *wire.MPCapable) (*bool, *wire.Key) { return &o.HasReceiverKey, &o.ReceiverKey }),
		optional("data_len", "bytes of data that come with the third packet",
			func(o *wire.MPCapable) (*bool, *uint16) { return &o.HasData, &o.DataLen }),
		optional("data_checksum", "checksum of that data",
			func(o *wire.MPCapable) (*bool, *uint16) { return &o.HasChecksum, &o.Checksum }),
	),
	newOptionType(wire.NameMPJoin, "Adds a subflow. Which fields there are depends on the phase, which comes first when an option is made.",
		func() *wire.MPJoin { return &wire.MPJoin{} },
		newOptionField("phase", phaseKind, `the packet of the handshake: "SYN", "SYN-ACK" or "ACK"`,
			func(o *wire.MPJoin, p wire.JoinPhase) error { o.Phase = p; return nil },
			func(o *wire.MPJoin) starlark.Value { return text(o.Phase.String()) }),
		joinField("backup", boolKind, "flag B: a backup path; SYN and SYN-ACK", joinHead,
			func(o *wire.MPJoin) *bool { return &o.Backup }, func(b bool) starlark.Value { return starlark.Bool(b) }),
		joinField("id", unsigned[uint8](math.MaxUint8), "address ID of the sender's address; SYN and SYN-ACK", joinHead,
			func(o *wire.MPJoin) *uint8 { return &o.ID }, integer),
		joinField("token", unsigned[uint32](math.MaxUint32), "token of the receiver; SYN", joinSYN,
			func(o *wire.MPJoin) *uint32 { return &o.Token }, integer),
		joinField("nonce", unsigned[uint32](math.MaxUint32), "random number of the sender; SYN and SYN-ACK", joinHead,
			func(o *wire.MPJoin) *uint32 { return &o.Nonce }, integer),
		newOptionField("hmac", hmacKind, "HMAC of the sender: 64 bits on the SYN-ACK, 160 on the ACK", setJoinHMAC, joinHMAC),
	),
	newOptionType(wire.NameDSS, "Maps data into the connection's stream, and acknowledges data.",
		func() *wire.DSS { return &wire.DSS{} },
		toggle("data_fin", "flag F: the mapping ends the stream", func(o *wire.DSS) *bool { return &o.DataFIN }),
		dssNumber("ack", "data sequence number that is expected next",
			func(o *wire.DSS) (*bool, *bool, *uint64) { return &o.HasAck, &o.Ack64, &o.Ack }),
		dssNumber("dsn", "data sequence number of the mapping; None: there is no mapping",
			func(o *wire.DSS) (*bool, *bool, *uint64) { return &o.HasMapping, &o.DSN64, &o.DSN }),
		scalar("subflow_seq", "subflow sequence number of the mapping, from 1", func(o *wire.DSS) *uint32 { return &o.SubflowSeq }),
		scalar("data_len", "bytes mapped, with the DATA_FIN; 0: the infinite mapping of a fallback", func(o *wire.DSS) *uint16 { return &o.DataLen }),
		optional("checksum", "checksum of the mapping", func(o *wire.DSS) (*bool, *uint16) { return &o.HasChecksum, &o.Checksum }),
	),
	newOptionType(wire.NameAddAddr, "Announces an address, or echoes the announcement.",
		func() *wire.AddAddr { return &wire.AddAddr{} },
		newOptionField("echo", boolKind, "flag E: it is the echo, which has no HMAC", setEcho,
			func(o *wire.AddAddr) starlark.Value { return starlark.Bool(o.Echo) }),
		scalar("id", "address ID", func(o *wire.AddAddr) *uint8 { return &o.ID }),
		newOptionField("address", addressKind, "the address", func(o *wire.AddAddr, a netip.Addr) error { o.Address = a; return nil },
			func(o *wire.AddAddr) starlark.Value { return text(o.Address.String()) }),
		scalar("port", "port; 0: that of the subflow", func(o *wire.AddAddr) *uint16 { return &o.Port }),
		scalar("hmac", "HMAC; see link.add_addr_hmac", func(o *wire.AddAddr) *uint64 { return &o.HMAC }),
	),
	newOptionType(wire.NameRemoveAddr, "Withdraws addresses. RM_ADDR, the kernel's word for it, is understood too.",
		func() *wire.RemoveAddr { return &wire.RemoveAddr{} },
		newOptionField("ids", idsKind, "address IDs, at least one", func(o *wire.RemoveAddr, ids []uint8) error { o.IDs = ids; return nil },
			func(o *wire.RemoveAddr) starlark.Value {
				var ids []starlark.Value
				for _, id := range o.IDs {
					ids = append(ids, integer(id))
				}
				return frozen(ids)
			}),
	),
	newOptionType(wire.NameMPPrio, "Changes the priority of the subflow.", func() *wire.MPPrio { return &wire.MPPrio{} },
		toggle("backup", "flag B: a backup path from now on", func(o *wire.MPPrio) *bool { return &o.Backup })),
	newOptionType(wire.NameMPFail, "Tells that a checksum failed.", func() *wire.MPFail { return &wire.MPFail{} },
		scalar("dsn", "data sequence number of the mapping that failed", func(o *wire.MPFail) *uint64 { return &o.DSN })),
	newOptionType(wire.NameFastClose, "Aborts the connection.", func() *wire.FastClose { return &wire.FastClose{} },
		scalar("key", "key of the receiver", func(o *wire.FastClose) *wire.Key { return &o.Key })),
	newOptionType(wire.NameTCPRst, "Tells why a subflow is reset.", func() *wire.TCPRst { return &wire.TCPRst{} },
		scalar("reason", "reason code, of RFC 8684 section 8.3", func(o *wire.TCPRst) *wire.ResetReason { return &o.Reason }),
		small("flags", 15, "flags U, V, W and T; 1 is T: the condition may pass", func(o *wire.TCPRst) *uint8 { return &o.Flags })),
	newOptionType(wire.NameUnknown, "An option that is none of these, or malformed.", func() *wire.Unknown { return &wire.Unknown{} },
		newOptionField("raw", is[starlark.Bytes]("bytes"), "the whole option, from its kind byte, 30, and its length byte on",
			func(o *wire.Unknown, b starlark.Bytes) error { o.Bytes = []byte(b); return nil },
			func(o *wire.Unknown) starlark.Value { return starlark.Bytes(o.Bytes) })),
}

func newOptionType[O wire.Option](name, doc string, make func() O, fields ...setting[wire.Option]) optionType {
	return optionType{
		settings: &settings[wire.Option]{name: name, doc: doc, fields: fields},
		make:     func() wire.Option { return make() },
	}
}

// builtins documents an option under "option": option.ADD_ADDR.id.
func (t optionType) builtins() []Builtin {
	all := t.settings.builtins()
	for i := range all {
		all[i].Name = "option." + all[i].Name
	}
	return all
}

var (
	optionKind = words("an MPTCP option", optionNames())
	phaseKind  = words("a phase", map[string]wire.JoinPhase{"SYN": wire.JoinSYN, "SYN-ACK": wire.JoinSYNACK, "ACK": wire.JoinACK})
	idsKind    = kindOf("a list of numbers from 0 to 255", toIDs)
	hmacKind   = kindOf("a number of up to 160 bits", toHMAC)
)

// optionNames are the names that scripts may use: those of RFC 8684, and of the kernel where that has another.
func optionNames() map[string]string {
	names := map[string]string{"RM_ADDR": wire.NameRemoveAddr}
	for _, t := range optionTypes {
		names[t.name] = t.name
	}
	return names
}

func typeOfOption(name string) optionType {
	return optionTypes[slices.IndexFunc(optionTypes, func(t optionType) bool { return t.name == name })]
}

// optionRecord is an option as scripts see it.
func optionRecord(o wire.Option) *record { return typeOfOption(o.Name()).record(o) }

var optionSignature = signature{
	name: "option",
	params: []param{
		{"name", optionKind, nil, "its name"},
		{"**fields", anyKind, nil, "its fields: see option.ADD_ADDR and the others"},
	},
	returns: "option",
	doc:     "Makes an MPTCP option, for packet.next and packet.answer. Fields that are not given are 0 or missing.",
	example: `echo = option("ADD_ADDR", echo = True, id = 9, address = "10.0.9.9")
check.equal(echo.id, 9)`,
}

func makeOption(c *call) (starlark.Value, error) {
	t := typeOfOption(get[string](c, "name"))
	o := t.make()
	if err := t.apply(o, get[[]keyword](c, "**fields")); err != nil {
		return nil, err
	}
	if _, err := wire.AppendOption(nil, o); err != nil {
		return nil, err
	}
	return t.record(o), nil
}

// newOptionField declares a field of an option.
func newOptionField[O wire.Option, V any](name string, k kind, doc string, set func(O, V) error, get func(O) starlark.Value) setting[wire.Option] {
	return setting[wire.Option]{
		name: name, kind: k, doc: doc,
		set: func(o wire.Option, v any) error { return set(o.(O), v.(V)) },
		get: func(o wire.Option) starlark.Value { return get(o.(O)) },
	}
}

type numeric interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

// scalar declares a number that may have all values of its type.
func scalar[O wire.Option, N numeric](name, doc string, at func(O) *N) setting[wire.Option] {
	return small(name, uint64(^N(0)), doc, at)
}

// small declares a number with a largest value of its own.
func small[O wire.Option, N numeric](name string, most uint64, doc string, at func(O) *N) setting[wire.Option] {
	return newOptionField(name, unsigned[N](most), doc, func(o O, n N) error { *at(o) = n; return nil },
		func(o O) starlark.Value { return integer(*at(o)) })
}

func toggle[O wire.Option](name, doc string, at func(O) *bool) setting[wire.Option] {
	return newOptionField(name, boolKind, doc, func(o O, b bool) error { *at(o) = b; return nil },
		func(o O) starlark.Value { return starlark.Bool(*at(o)) })
}

// optional declares a number that may be missing: None.
func optional[O wire.Option, N numeric](name, doc string, at func(O) (*bool, *N)) setting[wire.Option] {
	return newOptionField(name, orNone[N](unsigned[N](uint64(^N(0)))), doc+"; None: it is missing",
		func(o O, n *N) error {
			has, value := at(o)
			*has, *value = n != nil, 0
			if n != nil {
				*value = *n
			}
			return nil
		},
		func(o O) starlark.Value {
			has, value := at(o)
			if !*has {
				return starlark.None
			}
			return integer(*value)
		})
}

// dssNumber declares a sequence number of a DSS, which takes 64 bits on the wire where it needs them.
func dssNumber(name, doc string, at func(*wire.DSS) (has, wide *bool, value *uint64)) setting[wire.Option] {
	s := optional(name, doc, func(o *wire.DSS) (*bool, *uint64) {
		has, _, value := at(o)
		return has, value
	})
	set := s.set
	s.set = func(o wire.Option, v any) error {
		err := set(o, v)
		has, wide, value := at(o.(*wire.DSS))
		*wide = *has && (*wide || *value > math.MaxUint32)
		return err
	}
	return s
}

// unsigned makes a kind of the numbers up to a largest one.
func unsigned[N numeric](most uint64) kind {
	return kindOf(fmt.Sprintf("a number from 0 to %d", most), func(v starlark.Value) (N, error) {
		i, ok := v.(starlark.Int)
		if !ok {
			return 0, errWrongKind
		}
		n, ok := i.Uint64()
		if !ok || n > most {
			return 0, errWrongKind
		}
		return N(n), nil
	})
}

// orNone makes a kind of T or None, which is nil.
func orNone[T any](k kind) kind {
	return kind{want: k.want + ", or None", convert: func(v starlark.Value) (any, error) {
		if v == starlark.None {
			return (*T)(nil), nil
		}
		x, err := k.convert(v)
		if err != nil {
			return nil, err
		}
		return new(x.(T)), nil
	}}
}

// joinHead and joinSYN are the phases whose MP_JOIN has a field.
var (
	joinHead = []wire.JoinPhase{wire.JoinSYN, wire.JoinSYNACK}
	joinSYN  = []wire.JoinPhase{wire.JoinSYN}
)

// joinField declares a field of some phases of an MP_JOIN.
func joinField[V any](name string, k kind, doc string, phases []wire.JoinPhase, at func(*wire.MPJoin) *V, show func(V) starlark.Value) setting[wire.Option] {
	return newOptionField(name, k, doc,
		func(o *wire.MPJoin, v V) error {
			if !slices.Contains(phases, o.Phase) {
				return fmt.Errorf("an MP_JOIN of the phase %v has no %s", o.Phase, name)
			}
			*at(o) = v
			return nil
		},
		func(o *wire.MPJoin) starlark.Value {
			if !slices.Contains(phases, o.Phase) {
				return starlark.None
			}
			return show(*at(o))
		})
}

func setJoinHMAC(o *wire.MPJoin, hmac *big.Int) error {
	switch {
	case o.Phase == wire.JoinSYN:
		return errors.New("an MP_JOIN of the phase SYN has no hmac")
	case o.Phase == wire.JoinACK:
		hmac.FillBytes(o.HMAC[:])
	case !hmac.IsUint64():
		return fmt.Errorf("the hmac of the phase %v has 64 bits, not %d", o.Phase, hmac.BitLen())
	default:
		o.TruncatedHMAC = hmac.Uint64()
	}
	return nil
}

func joinHMAC(o *wire.MPJoin) starlark.Value {
	switch o.Phase {
	case wire.JoinSYNACK:
		return integer(o.TruncatedHMAC)
	case wire.JoinACK:
		return starlark.MakeBigInt(new(big.Int).SetBytes(o.HMAC[:]))
	}
	return starlark.None
}

// setEcho makes an ADD_ADDR an echo, which carries no HMAC, or an announcement.
func setEcho(o *wire.AddAddr, echo bool) error {
	o.Echo = echo
	if echo {
		o.HMAC = 0
	}
	return nil
}

func toHMAC(v starlark.Value) (*big.Int, error) {
	i, ok := v.(starlark.Int)
	if !ok || i.Sign() < 0 || i.BigInt().BitLen() > 160 {
		return nil, errWrongKind
	}
	return i.BigInt(), nil
}

func toIDs(v starlark.Value) ([]uint8, error) {
	list, ok := v.(starlark.Iterable)
	if !ok {
		return nil, errWrongKind
	}
	var ids []uint8
	for e := range starlark.Elements(list) {
		id, err := unsigned[uint8](math.MaxUint8).convert(e)
		if err != nil {
			return nil, errWrongKind
		}
		ids = append(ids, id.(uint8))
	}
	return ids, nil
}
