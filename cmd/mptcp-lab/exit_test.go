package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
)

func TestExitOf(t *testing.T) {
	left := []string{"open file left"}
	tests := []struct {
		name    string
		summary report.Summary
		want    int
	}{
		{"passed", report.Summary{Passed: 1, Skipped: 1}, exitOK},
		{"kernel warnings are not held against the run", report.Summary{Passed: 1, KernelWarnings: 1}, exitOK},
		{"failed", report.Summary{Passed: 1, Failed: 1}, exitFailed},
		{"error", report.Summary{Errors: 1}, exitFailed},
		{"audit", report.Summary{Passed: 1, Audit: left}, exitMachine},
		{"audit before failure", report.Summary{Failed: 1, Audit: left}, exitMachine},
		{"interrupted before all", report.Summary{Failed: 1, Audit: left, Interrupted: true}, exitInterrupted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var end *exit
			code := exitOK
			if errors.As(exitOf(tt.summary), &end) {
				code = end.code
			}
			require.Equal(t, tt.want, code)
		})
	}
}
