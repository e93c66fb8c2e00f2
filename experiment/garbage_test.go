package experiment

import (
	"runtime/debug"
	"testing"

	"selfsup/graph"
)

// The collector's share falls with the size of the step, within bounds, unless the user set it.
func TestTidy(t *testing.T) {
	was := debug.SetGCPercent(77)
	t.Cleanup(func() { debug.SetGCPercent(was) })
	for _, c := range []struct {
		gogc  string
		bytes int64
		want  int
	}{{"", 1 << 10, 100}, {"", 0, 100}, {"", 320 << 20, 10}, {"", 64 << 30, 2}, {"77", 320 << 20, 77}} {
		t.Setenv("GOGC", c.gogc)
		debug.SetGCPercent(77)
		tidy(graph.Memory{Temporaries: c.bytes})
		if got := debug.SetGCPercent(77); got != c.want {
			t.Errorf("GOGC=%q, a step of %d bytes: garbage may be %d%% of the heap, want %d%%", c.gogc, c.bytes, got,
				c.want)
		}
	}
}
