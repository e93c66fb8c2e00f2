package command

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestBuilt(t *testing.T) {
	at := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: "267e8e1"}, {Key: "vcs.modified", Value: modified}}
	}
	ours := debug.Module{Path: "selfsup", Version: "(devel)"}
	for _, c := range []struct {
		info debug.BuildInfo
		want string
	}{
		{debug.BuildInfo{}, "selfsup (the build recorded no revision)"},
		{debug.BuildInfo{Main: ours}, "selfsup (devel) (the build recorded no revision)"},
		{debug.BuildInfo{Main: ours, Settings: at("false")}, "selfsup (devel) (revision 267e8e1)"},
		{debug.BuildInfo{Main: debug.Module{Path: "selfsup", Version: "v1.2.0"}}, "selfsup v1.2.0"},
		{debug.BuildInfo{Main: debug.Module{Path: "selfsup", Version: "v1.2.1-0.2026+dirty"}, Settings: at("true")},
			"selfsup v1.2.1-0.2026+dirty (revision 267e8e1, modified)"},
		{debug.BuildInfo{Main: debug.Module{Path: "example.com/mine", Version: "v0.1.0"}, Deps: []*debug.Module{
			{Path: "other", Version: "v9.9.9"}, {Path: "selfsup", Version: "v0.0.0",
				Replace: &debug.Module{Path: "../selfsup"}}}},
			"example.com/mine v0.1.0, selfsup v0.0.0 => ../selfsup"},
	} {
		if got := built(&c.info, "selfsup"); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestVersion(t *testing.T) {
	status, out, errs := call("--version")
	if status != 0 || errs != "" || !strings.HasPrefix(out, "experiment: selfsup") ||
		!strings.Contains(out, ", go1.") || !strings.Contains(out, ", kernels ") || strings.Count(out, "\n") != 1 {
		t.Errorf("status %d, %q %q", status, out, errs)
	}
}
