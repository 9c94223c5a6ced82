// Package html writes a run as one HTML file that needs nothing else: no network, no other file.
//
// Each case is in the file as compressed JSON, and is drawn when it is looked at, so that the file stays small and opens
// fast with thousands of cases. What is drawn is the model of package story.
package html
