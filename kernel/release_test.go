package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUpstream(t *testing.T) {
	for version, want := range map[string]string{
		"#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-10-04)":         "6.1.176",
		"#1 SMP PREEMPT_DYNAMIC Debian 6.12.95-1~bpo12+1 (2026-11-02)": "6.12.95",
		"#1 SMP PREEMPT_DYNAMIC Debian 7.3~rc4-1~exp1 (2026-11-02)":    "",
		"#46-Ubuntu SMP PREEMPT_DYNAMIC Fri Nov 6 14:05:10 UTC 2026":   "",
		"#1 SMP PREEMPT_DYNAMIC @1760000000":                           "",
	} {
		require.Equal(t, want, upstream(version), version)
	}
}
