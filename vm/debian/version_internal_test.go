package debian

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompareVersions(t *testing.T) {
	sorted := []string{"5.10.0-30", "5.10.0-32", "6.1.0-9", "6.1.0-50", "6.9.7+bpo", "6.12.9", "6.12.90+deb12", "6.12.90+deb12.1", "6.12.95+deb12", "7.0"}
	shuffled := slices.Clone(sorted)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, CompareVersions)
	require.Equal(t, sorted, shuffled)
	require.Zero(t, CompareVersions("6.12", "6.12"))
}

func TestIsRelease(t *testing.T) {
	for _, tt := range []struct {
		version, release string
		want             bool
	}{
		{"6.12.95+deb12", "6.12", true},
		{"6.12.95+deb12", "6.12.95", true},
		{"6.12.95+deb12", "6", true},
		{"6.12.95+deb12", "6.1", false},
		{"6.12.95+deb12", "6.12.9", false},
		{"6.1", "6.1", true},
		{"6.1", "", false},
	} {
		require.Equal(t, tt.want, IsRelease(tt.version, tt.release), "%s of %s", tt.version, tt.release)
	}
}

func TestChoose(t *testing.T) {
	packages := []string{
		"linux-image-6.12.95+deb12-cloud-amd64", "linux-image-6.12.9+deb12-cloud-amd64", "linux-image-6.12.95+deb12-cloud-amd64-unsigned",
		"linux-image-6.12.95+deb12-amd64", "linux-image-cloud-amd64",
		"linux-image-7.3.4-cloud-amd64", "linux-binary-7.3.4-cloud-amd64", "linux-modules-7.3.4-cloud-amd64", "linux-binary-unsigned-7.3.4-cloud-amd64",
	}
	names, versions := choose(packages, "6.12")
	require.Equal(t, []string{"linux-image-6.12.95+deb12-cloud-amd64"}, names)
	require.Equal(t, []string{"6.12.9+deb12", "6.12.95+deb12", "7.3.4"}, versions)
	names, _ = choose(packages, "7")
	require.Equal(t, []string{"linux-binary-7.3.4-cloud-amd64", "linux-modules-7.3.4-cloud-amd64"}, names)
	names, _ = choose(packages, "6.1")
	require.Empty(t, names)
}
