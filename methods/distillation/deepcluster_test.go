package distillation

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/internal/kmeans"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// The loss of one head and its gradient are the reference's: the mean over the crops of the samples that have a
// cluster.
func TestGoldenDeepCluster(t *testing.T) {
	f := golden.Load(t, "losses/deepcluster_v2")
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		outputs := c.In("outputs", golden.Same) // [heads,V,B,K]
		shape := op.ShapeOf(outputs)
		if shape[0] != 1 {
			t.Fatalf("outputs %v, want those of one head", shape)
		}
		var of []*graph.Node
		for range shape[1] {
			of = append(of, c.Ints("assignments"))
		}
		logits := op.Reshape(outputs, shape[1]*shape[2], shape[3])
		c.Out("loss", assigned(logits, op.Concat(0, of...), golden.Param[float64](t, f, "temperature")), golden.Same)
	})
}

// A sample without a cluster, -1, gives neither loss nor gradient, and a batch of such samples a loss of 0.
func TestAssignedLeavesOutSamplesWithoutCluster(t *testing.T) {
	for _, c := range []struct {
		of   []int32
		want float64
	}{
		{[]int32{0, 1}, math.Log(1+math.Exp(-2))/2 + math.Log(1+math.Exp(4))/2},
		{[]int32{-1, 1}, math.Log(1 + math.Exp(4))},
		{[]int32{-1, -1}, 0},
	} {
		g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			s.Output("loss", assigned(s.Floats("x", []float64{1, 0, 2, 0}, 2, 2), s.Ints("of", c.of), 0.5))
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		out, _ := p.Output("loss")
		if got := out.At(0); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("clusters %v: the loss is %v, want %v", c.of, got, c.want)
		}
	}
}

// The gradient of two heads over crops of two sizes, of samples of which one has no cluster.
func TestDeepClusterGradient(t *testing.T) {
	m := &DeepClusterV2{Projector: []int{6, 4}, K: []int{3, 5}, Temperature: 0.3, Iterations: 1}
	data := methodtest.Images(6, 5, 2)
	data.Maker = methodtest.Crops{Maker: data.Maker, Counts: []int{2, 1}}
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		b := methods.NewBatch(s, 4, data)
		return m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b).Loss()
	}, func(st *graph.Store) {
		for i := range m.K {
			of, prototypes := st.Get(clusterName(i)), st.Get(prototypesName(i))
			copy(of.I32, []int32{2, -1, int32(i)}) // rows 0, 1 and 2 are in the batch
			optest.Fill(prototypes.Array, prototypesName(i))
		}
	}, 8, 2e-5)
}

// What cannot be is refused.
func TestDeepClusterRefuses(t *testing.T) {
	for key, change := range map[string]func(m *DeepClusterV2){
		"k":           func(m *DeepClusterV2) { m.K = nil },
		"temperature": func(m *DeepClusterV2) { m.Temperature = math.NaN() },
		"iterations":  func(m *DeepClusterV2) { m.Iterations = 0 },
		"projector":   func(m *DeepClusterV2) { m.Projector = []int{0} },
	} {
		m := DefaultDeepClusterV2()
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		change(m)
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("a wrong %s: the error is %v", key, err)
		}
	}
	m := &DeepClusterV2{Projector: []int{4}, K: []int{3, 11}, Temperature: 1, Iterations: 1}
	_, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 4, methodtest.Images(6, 5, 2))
		m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
	})
	if want := "k = [3 11]: 11 clusters of 10 training samples"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, want %q", err, want)
	}
}

// memoryHost is a Host of arrays.
type memoryHost struct {
	step    int
	entries map[string]ir.Array
}

func (h memoryHost) Time() graph.Time                         { return graph.Time{Step: h.step, Steps: 9, PerEpoch: 3} }
func (h memoryHost) Entry(name string) ir.Array               { return h.entries[name] }
func (h memoryHost) Embed(context.Context) ([]float32, error) { panic("the job needs no features") }
func (h memoryHost) World() methods.World                     { panic("the job needs no world") }
func (h memoryHost) Compute(context.Context, int, func(*graph.Scope, *methods.Batch) *graph.Node) ([]float32, error) {
	panic("the job needs no network")
}
func (h memoryHost) Rand() *rand.Rand { return graph.Rand(1, "job") }

// The job gives the samples of a memory clusters, those that were never seen none; it leaves everything as it was
// before the first step, where there are more clusters than samples, and where it is ended.
func TestDeepClusterJob(t *testing.T) {
	m := &DeepClusterV2{Projector: []int{2}, K: []int{2, 2, 3}, Temperature: 1, Iterations: 5}
	entries := map[string]ir.Array{}
	put := func(name string, dtype ir.DType, fill float64, shape ...int) ir.Array {
		a := ir.NewArray(ir.Type{Shape: shape, DType: dtype})
		a.Fill(fill)
		entries[name] = a
		return a
	}
	for i := range 2 {
		// row 0 was not seen
		copy(put(memoryName(i), ir.F32, 0, 5, 2).F32[2:], []float32{1, 0, 0.8, 0.6, -1, 0, -0.96, -0.28})
	}
	copy(entries[memoryName(1)].F32[4:], []float32{0, 1})
	for i, k := range m.K {
		put(prototypesName(i), ir.F32, 7, k, 2)
		put(clusterName(i), ir.I32, -1, 5)
	}
	run := func(ctx context.Context, step int) error { return m.cluster(2)(ctx, memoryHost{step, entries}) }
	untouched := func(when string) {
		t.Helper()
		for i := range m.K {
			if entries[prototypesName(i)].F32[0] != 7 || entries[clusterName(i)].I32[1] != -1 {
				t.Errorf("%s: the job changed head %d", when, i)
			}
		}
	}
	if err := run(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	untouched("before the first step")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := run(ended, 3); err == nil {
		t.Error("an ended job: no error")
	}
	untouched("ended")
	m.K[2] = 5
	if err := run(context.Background(), 3); err == nil || !strings.Contains(err.Error(),
		"the training has seen 4 samples; want at least 5 of them") {
		t.Errorf("five clusters of four samples: the error is %v", err)
	}
	m.K[2] = 3
	untouched("too many clusters")
	if err := run(context.Background(), 3); err != nil {
		t.Fatal(err)
	}
	of := entries[clusterName(0)].I32
	if of[0] != -1 || of[1] != of[2] || of[3] != of[4] || of[1] == of[3] {
		t.Errorf("clusters of the first head are %v, want none for row 0, one for rows 1 and 2, the other for 3 and 4",
			of)
	}
	for i, k := range m.K {
		p := entries[prototypesName(i)].F32
		for c := range k {
			if n := math.Hypot(float64(p[2*c]), float64(p[2*c+1])); math.Abs(n-1) > 1e-6 {
				t.Errorf("prototype %d of head %d has length %v, want 1", c, i, n)
			}
		}
		if got := slices.Max(entries[clusterName(i)].I32); int(got) != k-1 {
			t.Errorf("head %d: the last cluster is %d, want %d", i, got, k-1)
		}
	}
}

// Two crops have a memory each; heads take them in turn. Before the second epoch nothing is trained.
func TestDeepClusterState(t *testing.T) {
	m := &DeepClusterV2{Projector: []int{6, 4}, K: []int{3, 3, 3}, Temperature: 0.1, Iterations: 1}
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 4, methodtest.Images(6, 5, 2))
		o := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		s.Output("loss", o.Loss())
		for _, tune := range o.Tune {
			for step, want := range []float64{1, 1, 0, 0} {
				if got := tune.Hold(graph.Time{Step: step, Steps: 4, PerEpoch: 2}); got != want {
					t.Errorf("%s is held by %v in step %d, want %v", tune.Scope, got, step, want)
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	for v := range 2 {
		in, err := p.Input("view" + string(rune('0'+v)))
		if err != nil {
			t.Fatal(err)
		}
		optest.Fill(in, "view")
		in.F32[0] += float32(v)
	}
	rows, err := p.Input("rows")
	if err != nil {
		t.Fatal(err)
	}
	copy(rows.I32, []int32{7, 0, 9, 4})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if st.Get(memoryName(2)) != nil {
		t.Error("there are three memories of two crops")
	}
	a, b := st.Get(memoryName(0)), st.Get(memoryName(1))
	if slices.Equal(a.F32, b.F32) {
		t.Error("both crops have the same memory")
	}
	if _, seenRows := kmeans.Filled(a.F32, a.Shape.Last()); !slices.Equal(seenRows, []int{0, 4, 7, 9}) {
		t.Errorf("rows %v of the memory hold an embedding, want those of the batch", seenRows)
	}
}
