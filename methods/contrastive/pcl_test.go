package contrastive

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/methods"
)

// pclHost is a Host of arrays.
type pclHost struct {
	step    int
	entries map[string]ir.Array
}

func (h pclHost) Time() graph.Time                         { return graph.Time{Step: h.step, Steps: 9, PerEpoch: 3} }
func (h pclHost) Entry(name string) ir.Array               { return h.entries[name] }
func (h pclHost) Embed(context.Context) ([]float32, error) { panic("the job needs no features") }
func (h pclHost) Compute(context.Context, int, func(*graph.Scope, *methods.Batch) *graph.Node) ([]float32, error) {
	panic("the job needs no network")
}
func (h pclHost) World() methods.World { panic("the job needs no world") }
func (h pclHost) Rand() *rand.Rand     { return graph.Rand(1, "job") }

// The job gives the samples that were seen clusters, centres and concentrations; in the first epoch, and where it is
// ended, it changes nothing.
func TestPCLJob(t *testing.T) {
	m := &PCL{Queued: Queued{Temperature: 0.2}, K: []int{2, 3}, Iterations: 5}
	entries := map[string]ir.Array{}
	put := func(name string, dtype ir.DType, fill float64, shape ...int) ir.Array {
		a := ir.NewArray(ir.Type{Shape: shape, DType: dtype})
		a.Fill(fill)
		entries[name] = a
		return a
	}
	// row 0 was not seen
	copy(put("memory", ir.F32, 0, 5, 2).F32[2:], []float32{1, 0, 0.8, 0.6, -1, 0, -0.96, -0.28})
	for i, k := range m.K {
		at := []string{"clusters0/", "clusters1/"}[i]
		put(at+"centres", ir.F32, 7, k, 2)
		put(at+"phi", ir.F32, 7, k)
		put(at+"of", ir.I32, -1, 5)
	}
	untouched := func(when string) {
		t.Helper()
		if of := entries["clusters0/of"].I32; !slices.Equal(of, []int32{-1, -1, -1, -1, -1}) ||
			entries["clusters1/centres"].F32[0] != 7 {
			t.Errorf("%s the job wrote: clusters %v", when, of)
		}
	}
	if err := m.cluster(context.Background(), pclHost{2, entries}); err != nil {
		t.Fatal(err)
	}
	untouched("in the first epoch")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.cluster(ctx, pclHost{3, entries}); err == nil {
		t.Error("a job that was ended returns no error")
	}
	untouched("when it was ended")
	if err := m.cluster(context.Background(), pclHost{3, entries}); err != nil {
		t.Fatal(err)
	}
	of := entries["clusters0/of"].I32
	if of[0] != -1 || of[1] != of[2] || of[3] != of[4] || of[1] == of[3] {
		t.Errorf("clusters %v, want rows 1 and 2 in one, 3 and 4 in another, 0 in none", of)
	}
	mean := 0.0
	for _, v := range entries["clusters0/phi"].F32 {
		mean += float64(v) / 2
	}
	close(t, "mean of phi", mean, m.Temperature)
	m.K = []int{5, 3}
	wantError(t, m.cluster(context.Background(), pclHost{3, entries}), "has seen 4 samples; want at least 5")
}
