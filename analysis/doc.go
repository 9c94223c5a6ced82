// Package analysis finds out about scripts what can be known before they run: what each name stands for, in which file it is made,
// and the kinds of values, as far as the tables of the language and the functions of the scripts tell. Packages lint and lsp
// rest on it.
//
// It runs nothing and judges nothing. What it does not know for certain it does not say: a kind of value that depends on how
// a function is called is unknown. One convention counts as certain: a parameter named lab is the lab.
package analysis
