package starlark

import "go.starlark.net/starlark"

// predeclared are the names that every script sees beside those of Starlark itself.
var predeclared = starlark.StringDict{
	"check":   checkModule{},
	"each":    starlark.NewBuiltin("each", makeEach),
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
