// Package scenarios is the part of the scenario library that the program carries: the lessons, and the modules that they load.
package scenarios

import "embed"

// Files has the scripts of lessons/ and lib/.
//
//go:embed lessons/*.star lib/*.star
var Files embed.FS
