//go:build gpu && cgo

package driver_test

import (
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cuda"
	"selfsup/graph/cuda/driver"
	"selfsup/graph/ir"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
)

// device is the GPU that all tests use; where there is none they are skipped, unless go run ./tools/cuda test -emulated
// has made one.
var device = sync.OnceValues(func() (cuda.Driver, error) { return driver.Open(0) })

func open(t testing.TB) cuda.Backend {
	t.Helper()
	d, err := device()
	if err != nil && os.Getenv("SELFSUP_CUDA") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cuda.New(d)
}

// Every case of optest agrees with the reference backend.
func TestCases(t *testing.T) {
	missing := agree(t, optest.Cases)
	if len(missing) > 0 {
		t.Logf("%d operations have no kernel yet: %v", len(missing), slices.Sorted(maps.Keys(missing)))
	}
}

// agree wants the value and the gradients of every case to be those of the reference backend, in memory that is
// poisoned before every kernel and with every buffer apart. A second run, as one graph and in the memory plan, gives
// the same bits. It returns the operations without a kernel; their cases are skipped.
func agree(t *testing.T, cases []optest.Case) (missing map[string]bool) {
	return agreeOn(t, open(t), cases)
}

// agreeOn is agree for a backend with settings of its own.
func agreeOn(t *testing.T, plain cuda.Backend, cases []optest.Case) (missing map[string]bool) {
	checked := plain
	checked.Poison, checked.Apart = true, true
	missing = map[string]bool{}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			got, err := c.Run(checked, ir.F32)
			var lacks *graph.KernelError
			if errors.As(err, &lacks) {
				for _, n := range lacks.Names {
					missing[n] = true
				}
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			want, err := c.Run(ref.Backend{}, ir.F32)
			if err != nil {
				t.Fatal(err)
			}
			near := func(got, want ir.Array) error { return optest.Near(got, want, c.Tolerance()) }
			if err := got.Compare(want, near); err != nil {
				t.Fatal(err)
			}
			again, err := c.Run(plain, ir.F32)
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Compare(got, optest.Same); err != nil {
				t.Fatalf("as one graph: %v", err)
			}
			if err := again.Program.Run(); err != nil {
				t.Fatal(err)
			}
			if err := again.Compare(got, optest.Same); err != nil {
				t.Fatalf("the second time: %v", err)
			}
		})
	}
	return missing
}
