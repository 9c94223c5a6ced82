// Package lesson teaches: it takes what became of the cases of a script that asks its reader to predict things (lab.predict), and
// tells it piece by piece, to somebody at a terminal who answers ([Teacher]) or as a page on which the answers are hidden ([WritePage]).
//
// A lesson is a script whose docstring begins with "Lesson N:". It is run before it is told, so that nothing happens in the lab
// while the reader thinks. The package runs nothing by itself, and keeps nothing of what a reader has answered.
package lesson
