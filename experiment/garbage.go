package experiment

import (
	"os"
	"runtime/debug"

	"selfsup/graph"
)

// garbage is about how many bytes the loop may leave behind before they are collected.
const garbage = 32 << 20

// tidy hands back what building the graph left behind, and lets the collector run by a number of bytes. Its own measure
// is the size of the heap, most of which is the step's memory: garbage could grow to as much again. Collecting is
// cheap, as that memory holds no pointers. Whoever set GOGC keeps it.
func tidy(m graph.Memory) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(int(max(2, min(100, 100*garbage/max(m.Total(), 1)))))
	}
	debug.FreeOSMemory()
}
