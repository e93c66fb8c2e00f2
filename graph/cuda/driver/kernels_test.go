//go:build gpu && cgo

package driver_test

import (
	"strings"
	"testing"
	"time"

	"selfsup/graph/cuda/kernels"
)

// The driver compiles every file of kernels that is for its device, and no kernel of one spills so much that its bounds
// must be wrong. With -v it lists what each takes.
func TestEveryKernelLoads(t *testing.T) {
	d := open(t).Driver
	for _, m := range kernels.Modules {
		if strings.HasSuffix(m.Name, "_sm80") && d.About().Major < 8 {
			continue
		}
		begin := time.Now()
		loaded, err := d.Load(m.Name+".ptx", m.PTX)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		t.Logf("%s: %d kernels in %v", m.Name, len(m.Kernels), time.Since(begin).Round(time.Millisecond))
		for _, name := range m.Kernels {
			k, err := loaded.Kernel(name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			r, err := k.Resources()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			t.Logf("  %-32s %3d registers, %6d bytes shared, %4d bytes local, %4d threads", name, r.Registers, r.Shared,
				r.Local, r.Threads)
			if r.Local > 1<<10 {
				t.Errorf("%s: a thread spills %d bytes", name, r.Local)
			}
		}
	}
}
