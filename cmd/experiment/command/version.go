package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"selfsup/graph/device"
	"selfsup/internal/callsite"
)

// version is what --version prints: this module's version or revision, the program's own where another module's main is
// running, and Go's.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return fmt.Sprintf("%s, %s %s/%s, kernels %s", built(info, callsite.Module()), runtime.Version(), runtime.GOOS,
		runtime.GOARCH, device.Host().About().Kernels)
}

// built says what a program is built from, as far as its build information tells.
func built(info *debug.BuildInfo, module string) string {
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", modified"
		}
	}
	about := func(m *debug.Module) string {
		text := m.Path
		if m.Version != "" {
			text += " " + m.Version
		}
		if m.Replace != nil {
			text += " => " + strings.TrimSpace(m.Replace.Path+" "+m.Replace.Version)
		}
		return text
	}
	own := module // where the build information names no module
	if info.Main.Path != "" {
		own = about(&info.Main)
	}
	switch {
	case revision != "":
		own += " (revision " + revision + modified + ")"
	case info.Main.Version == "" || info.Main.Version == "(devel)":
		own += " (the build recorded no revision)"
	}
	for _, m := range info.Deps {
		if m.Path == module {
			own += ", " + about(m)
		}
	}
	return own
}
