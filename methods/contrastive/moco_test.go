package contrastive

import (
	"math/bits"
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
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// Loss, logits, gradients and the queue afterwards are those of MoCo's code.
func TestGoldenMoCo(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "losses/moco_infonce_queue"), true, func(c *ongraph.Case) {
		tau := golden.Param[float64](c.T, c.F, "temperature")
		q, k, queue := c.In("q", golden.Same), op.StopGradient(c.In("k", golden.Same)),
			op.StopGradient(c.In("queue", golden.Linear))
		unit := func(x *graph.Node) *graph.Node { return op.Normalize(x, losses.Eps) }
		c.Out("logits", losses.Logits(unit(q), unit(k), queue, tau), golden.Same)
		at := c.Constant(golden.Param[float64](c.T, c.F, "ptr_before"))
		c.Out("queue_after", op.PutAt(queue, at, unit(k)), golden.Linear)
		c.Out("loss", losses.InfoNCE(c.Scope, q, k, queue, tau), golden.Same)
	})
}

// The loss through a small encoder against central differences, for the queries' parameters alone.
func TestMoCoGradients(t *testing.T) {
	for _, symmetric := range []bool{false, true} {
		optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
			b := methods.NewBatch(s, 4, methodtest.Images(6, 5, 2))
			m := &MoCo{Queued: Queued{Projector: []int{6, 4}, Queue: 9, Temperature: 0.3, Momentum: 0.9},
				Symmetric: symmetric}
			o := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b)
			for _, p := range s.Params() {
				if name := s.Name(p); strings.HasPrefix(name, "key/") || name == "queue" {
					t.Errorf("%s is trained; the keys' encoder follows", name)
				}
			}
			return o.Loss()
		}, nil, 8, 2e-5)
	}
}

// With both views as queries the loss does not know which is the first.
func TestMoCoSymmetric(t *testing.T) {
	m := &MoCo{Queued: Queued{Projector: []int{6, 4}, Queue: 12, Temperature: 0.3, Momentum: 0.9}, Symmetric: true}
	methodtest.Swapped(t, m, methodtest.Images(8, 8, 1))
}

// A queue of 5 takes the 2 keys of each step, or part of a step, in place of the oldest, across its end.
func TestMoCoQueue(t *testing.T) {
	const size, n = 5, 2
	for _, parts := range []int{1, 3} {
		g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			losses.Enqueue(s, s.State("queue", graph.Fill(-1), size, 1), s.Input("keys", n, 1))
		})
		if err != nil {
			t.Fatal(err)
		}
		st := graph.NewStore(1)
		p, err := g.Compile(cpu.Backend{}, st)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := p.Input("keys")
		if err != nil {
			t.Fatal(err)
		}
		want := []float32{-1, -1, -1, -1, -1}
		next := 0
		for step := range 4 {
			for part := range parts {
				for i := range keys.F32 {
					keys.F32[i] = float32(next)
					want[next%size] = float32(next)
					next++
				}
				p.Schedule(graph.Time{Step: step, Steps: 4, Part: part, Parts: parts})
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				if got := st.Get("queue").F32; !slices.Equal(got, want) {
					t.Fatalf("%d parts, step %d, part %d: the queue holds %v, want %v", parts, step, part, got, want)
				}
			}
		}
	}
}

// A queue that is smaller than the keys of a step is refused.
func TestMoCoRefusesShortQueue(t *testing.T) {
	queued := func(n int) Queued { return Queued{Projector: []int{4}, Queue: n, Temperature: 1} }
	for want, m := range map[string]*MoCo{
		"queue = 3 holds less than the 4 keys of a step": {Queued: queued(3)},
		"queue = 7 holds less than the 8 keys of a step": {Queued: queued(7), Symmetric: true},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, methodtest.Images(6, 5, 2))
			m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Keys go through their network in parts of the batch that are drawn anew in every step, and come back in their order;
// queries in consecutive parts. The network here gives each image the mean over its part.
func TestMoCoShuffles(t *testing.T) {
	const parts, n = 3, 4
	m := &MoCo{Shuffle: parts}
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, parts*n, methodtest.Images(2, 1, 1))
		mean := func(x *graph.Node) *graph.Node {
			return op.BroadcastTo(op.Mean(op.Reshape(x, n, 2), true, 0), ir.Shape{n, 2})
		}
		plain := func(x *graph.Node) *graph.Node { return op.Reshape(x, n, 2) }
		query, key := m.inParts(s, b, func(x *graph.Node) (h, q *graph.Node) { return plain(x), mean(x) }, mean)
		_, same := m.inParts(s.In("same"), b, nil, plain)
		x := b.View(0)
		h, q := query(x)
		s.Output("h", h)
		s.Output("q", q)
		s.Output("k", key(x))
		s.Output("same", same(x))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Input("view0")
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.F32 {
		x.F32[i] = float32(int(1) << (i / 2)) // sums of images tell which they are
	}
	out := func(name string) []float32 {
		a, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(a.F32)
	}
	var before []float32
	for step := range 2 {
		p.Schedule(graph.Time{Step: step, Steps: 2})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out("h"), x.F32) || !slices.Equal(out("same"), x.F32) {
			t.Fatalf("step %d: images come back as %v and %v", step, out("h"), out("same"))
		}
		q, k := out("q"), out("k")
		of := map[int]int{} // part, as a set of images -> how many of them have its mean
		for i := range parts * n {
			if want := float32(int(15)<<(i/n*n)) / n; q[2*i] != want {
				t.Errorf("step %d: query %d has the mean %v, want %v", step, i, q[2*i], want)
			}
			set := int(k[2*i] * n)
			if of[set]++; set&(1<<i) == 0 || bits.OnesCount(uint(set)) != n {
				t.Errorf("step %d: key %d is the mean of images %b", step, i, set)
			}
		}
		if len(of) != parts {
			t.Errorf("step %d: keys are of parts %v, want %d", step, of, parts)
		}
		if slices.Equal(k, before) || slices.Equal(k, q) {
			t.Errorf("step %d: keys are in the same parts as before, or as queries", step)
		}
		before = k
	}
	for want, shuffle := range map[string]int{"want parts of equal size": 5, "of 2 images at least": 12} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, parts*n, methodtest.Images(2, 1, 1))
			(&MoCo{Shuffle: shuffle}).inParts(s, b, nil, nil)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("shuffle = %d: %v", shuffle, err)
		}
	}
	m = DefaultMoCo()
	if m.Shuffle = 1; m.Validate() == nil {
		t.Error("shuffle = 1 is not refused")
	}
}
