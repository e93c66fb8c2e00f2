//go:build gpu && cgo

package driver_test

import (
	"strings"
	"testing"

	"selfsup/graph/cuda/kernels"
)

// The driver compiles every file of kernels that is for its device, and has all of its kernels. The log lists what they
// take.
func TestEveryKernelLoads(t *testing.T) {
	d := open(t).Driver
	about := d.About()
	for _, m := range kernels.Modules() {
		if about.Major < 8 && strings.HasSuffix(m.Name, "_sm80") {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			loaded, err := d.Load(m.Name+".ptx", m.PTX)
			if err != nil {
				t.Fatal(err)
			}
			defer loaded.Unload()
			for _, name := range m.Kernels {
				k, err := loaded.Kernel(name)
				if err != nil {
					t.Error(err)
					continue
				}
				r, err := k.Resources()
				if err != nil {
					t.Error(err)
					continue
				}
				t.Logf("%-32s %3d registers, %5d bytes shared, %4d local, at most %4d threads", name, r.Registers,
					r.Shared, r.Local, r.Threads)
			}
		})
	}
}
