// Package format writes scripts in one style: that of buildifier, the formatter of Bazel's Starlark, with load statements sorted
// and at the top. What a script means does not change, and neither does the text of its strings.
//
// It changes no files, and judges nothing but the form (package lint judges the rest).
package format
