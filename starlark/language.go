package starlark

import (
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// predeclared are the names that every script sees beside those of Starlark itself.
var predeclared = starlark.StringDict{
	"check":   checkModule{},
	"each":    starlark.NewBuiltin("each", makeEach),
	"option":  optionSignature.builtin("option", makeOption),
	"verdict": verdictModule{},
	"struct":  starlark.NewBuiltin("struct", starlarkstruct.Make),
	"range":   starlark.NewBuiltin("range", boundedRange),
	"getattr": starlark.NewBuiltin("getattr", boundedGetattr),
	"str":     bounded("str"),
	"repr":    bounded("repr"),
	"print":   bounded("print"),
	"fail":    bounded("fail"),

	operandGuard:  starlark.NewBuiltin("operand", guardOperand),
	additionGuard: starlark.NewBuiltin("addition", guardAddition),
	receiverGuard: starlark.NewBuiltin("receiver", guardReceiver),
}

// structSignature documents struct, which is Bazel's.
var structSignature = signature{
	name:    "struct",
	params:  []param{{"**fields", anyKind, nil, "its fields"}},
	returns: "struct",
	doc:     "Makes a value with these fields, for functions that return several things.",
	example: `pair = struct(near = client, far = server)
check.equal(pair.far.name, "server")`,
}
