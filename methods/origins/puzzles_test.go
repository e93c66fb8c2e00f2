package origins

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// allOrders is every order of n tiles, in lexicographic order.
func allOrders(n int) (all [][]int) {
	var complete func(order []int)
	complete = func(order []int) {
		if len(order) == n {
			all = append(all, slices.Clone(order))
		}
		for tile := range n {
			if !slices.Contains(order, tile) {
				complete(append(order, tile))
			}
		}
	}
	complete(nil)
	return all
}

func hamming(a, b []int) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// The orders are those of the algorithm, worked out by code of others.
func TestPermutationsGolden(t *testing.T) {
	f := golden.Load(t, "origins/jigsaw_permutations")
	n, count := golden.Param[int](t, f, "tiles"), golden.Param[int](t, f, "num_permutations")
	all := allOrders(n)
	got := permutations(all[int(f.Inputs["start"].Data[0])], count)
	var flat, distances, indices []float64
	for _, a := range got {
		indices = append(indices, float64(slices.IndexFunc(all, func(b []int) bool { return slices.Equal(a, b) })))
		for _, tile := range a {
			flat = append(flat, float64(tile))
		}
		for _, b := range got {
			distances = append(distances, float64(hamming(a, b)))
		}
	}
	for name, v := range map[string][]float64{"permutations": flat, "hamming": distances, "indices": indices} {
		if !slices.Equal(v, f.Outputs[name].Data) {
			t.Errorf("%s: got %v, want %v", name, v, f.Outputs[name].Data)
		}
	}
}

// Of five tiles, every order is chosen as by looking at all of them; of nine, a thousand differ.
func TestPermutationsAreFarthest(t *testing.T) {
	all := allOrders(5)
	got := permutations(all[7], len(all))
	for i := 1; i < len(got); i++ {
		best, most := -1, -1
		for k, order := range all {
			sum := 0
			for _, before := range got[:i] {
				sum += hamming(order, before)
			}
			if taken := slices.ContainsFunc(got[:i], func(o []int) bool { return slices.Equal(o, order) }); !taken &&
				sum > most {
				best, most = k, sum
			}
		}
		if !slices.Equal(got[i], all[best]) {
			t.Fatalf("order %d is %v, want %v", i, got[i], all[best])
		}
	}
	seen := map[uint64]bool{}
	for _, order := range permutations([]int{0, 1, 2, 3, 4, 5, 6, 7, 8}, 1000) {
		seen[key(order)] = true
	}
	if len(seen) != 1000 {
		t.Errorf("1000 orders of nine hold %d different ones", len(seen))
	}
}

func TestCountingGolden(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "origins/counting"), true, func(c *ongraph.Case) {
		m := &Counting{Margin: golden.Param[float64](c.T, c.F, "margin")}
		parts := op.SumAxes(c.In("phi_tiles_x", golden.Same), false, 1) // of [B,4,D]
		terms := m.terms(c.In("phi_down_x", golden.Same), parts, c.In("phi_down_y", golden.Same))
		c.Out("count", terms[0].Value, golden.Same)
		c.Out("contrast", terms[1].Value, golden.Same)
		c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
	})
}

// puzzles are small forms of the methods of this file, for views of 12 pixels.
func puzzles() map[string]methods.Method {
	return map[string]methods.Method{
		"jigsaw":         &Jigsaw{Permutations: 5, Tile: 4, Width: 3, Hidden: []int{6}},
		"jigsaw, play":   &Jigsaw{Permutations: 5, Tile: 3, Width: 3},
		"relative_patch": &RelativePatch{Patch: 3, Gap: 1, Jitter: 0, Hidden: []int{6}},
		"patch, jitter":  &RelativePatch{Patch: 2, Gap: 1, Jitter: 1},
		"counting":       &Counting{Projector: []int{6, 5}, Margin: 10},
	}
}

// The losses through a small encoder against central differences in float64.
func TestPuzzleGradients(t *testing.T) {
	for name, m := range puzzles() {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 4, methodtest.Images(13, 12, 2))
				net := &backbones.ConvNet{Widths: []int{4}}
				return m.Build(s, methods.EncoderOf(net, b.Of("view0")), b).Loss()
			}, nil, 8, 2e-5)
		})
	}
}

// pixels is an encoder whose features are the pixels of a view of one channel and so many pixels.
func pixels(n int) methods.Encoder {
	return methods.Encoder{Dim: n, New: func(*graph.Scope) layer.Func {
		return func(x *graph.Node) *graph.Node { return op.Reshape(x, -1, n) }
	}}
}

// step runs a step of what build declares and gives its inputs, outputs and parameters.
func step(t *testing.T, build func(s *graph.Scope)) func(name string) ir.Array {
	t.Helper()
	g, err := graph.Build(graph.Options{Training: true}, build)
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(device.Host(), st)
	if err != nil {
		t.Fatal(err)
	}
	in := p.Inputs()
	for name, a := range in {
		optest.Fill(a, name)
	}
	p.Schedule(graph.Time{Steps: 10, PerEpoch: 5})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return func(name string) ir.Array {
		if a, ok := in[name]; ok {
			return a
		}
		if e := st.Get(name); e != nil {
			return e.Array
		}
		a, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// linear is x W + b for x of a layer's width, W [in,out].
func linear(v func(name string) ir.Array, at string, x []float64) []float64 {
	w, bias := v(at+"/weight"), v(at+"/bias")
	out := make([]float64, bias.Shape.Size())
	for j := range out {
		out[j] = bias.At(j)
		for i, xi := range x {
			out[j] += xi * w.At(i*len(out)+j)
		}
	}
	return out
}

// surprise is -log softmax(x) of a class.
func surprise(x []float64, class int) float64 {
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v)
	}
	return math.Log(sum) - x[class]
}

// window is a square of an image of a batch of 12x12 pixels.
func window(v func(name string) ir.Array, image, top, left, side int) (out []float64) {
	for i := range side * side {
		out = append(out, v("view0").At((image*12+top+i/side)*12+left+i%side))
	}
	return out
}

// The losses whose tiles do not move, worked out by plain loops over the pixels.
func TestPuzzleFormulas(t *testing.T) {
	const b = 3
	v := step(t, func(s *graph.Scope) {
		batch := methods.NewBatch(s, b, methodtest.Images(12, 12, 1))
		m := &RelativePatch{Patch: 3, Gap: 1}
		s.Output("loss", m.Build(s, pixels(9), batch).Loss())
	})
	loss := 0.0
	for image := range b {
		place := 0
		for i := range 9 {
			if i == 4 {
				continue
			}
			// the grid takes 11 of 12 pixels, from the first on
			pair := slices.Concat(window(v, image, 4, 4, 3), window(v, image, i/3*4, i%3*4, 3))
			loss += surprise(linear(v, "classifier/0", pair), place) / (8 * b)
			place++
		}
	}
	agrees(t, "relative_patch", v("loss").At(0), loss)

	const permuted = 7
	m := &Jigsaw{Permutations: permuted, Tile: 4, Width: 3}
	labels := []int32{4, 0, 6}
	v = step(t, func(s *graph.Scope) {
		batch := methods.NewBatch(s, b, methodtest.Images(12, 12, 1))
		var tiles []*graph.Node
		for _, x := range (methods.Grid{Count: 3, Side: 4, Step: 4}).Cut(s, nil, batch.View(0)) {
			tiles = append(tiles, op.Reshape(standardised(x), b, 16))
		}
		s.Output("logits", m.logits(s, op.Concat(0, tiles...), s.Ints("labels", labels)))
	})
	orders := permutations([]int{0, 1, 2, 3, 4, 5, 6, 7, 8}, permuted)
	for image, label := range labels {
		var all []float64
		for _, tile := range orders[label] {
			x, mean, square := window(v, image, tile/3*4, tile%3*4, 4), 0.0, 0.0
			for _, p := range x {
				mean += p / 16
			}
			for _, p := range x {
				square += (p - mean) * (p - mean) / 16
			}
			for i := range x {
				x[i] = (x[i] - mean) / math.Sqrt(square+flatVariance)
			}
			all = append(all, linear(v, "tile/0", x)...)
		}
		for k, want := range linear(v, "classifier/0", all) {
			agrees(t, "jigsaw", v("logits").At(image*permuted+k), want)
		}
	}

	v = step(t, func(s *graph.Scope) {
		batch := methods.NewBatch(s, b, methodtest.Images(12, 12, 1))
		m := &Counting{Projector: []int{4}, Margin: 1.5}
		s.Output("loss", m.Build(s, pixels(36), batch).Loss())
	})
	var whole, parts [b][]float64
	count := func(x []float64) []float64 {
		x = linear(v, "projector/0", x)
		for i := range x {
			x[i] = max(x[i], 0)
		}
		return x
	}
	for image := range b {
		var small []float64
		for i := range 36 {
			mean := 0.0
			for _, p := range window(v, image, i/6*2, i%6*2, 2) {
				mean += p / 4
			}
			small = append(small, mean)
		}
		whole[image], parts[image] = count(small), make([]float64, 4)
		for q := range 4 {
			for i, p := range count(window(v, image, q/2*6, q%2*6, 6)) {
				parts[image][i] += p
			}
		}
	}
	loss = 0
	for image := range b {
		own, other := 0.0, 0.0
		for i, sum := range parts[image] {
			own += math.Pow(whole[image][i]-sum, 2)
			other += math.Pow(whole[(image+1)%b][i]-sum, 2)
		}
		loss += (own + max(0, 1.5-other)) / b
	}
	agrees(t, "counting", v("loss").At(0), loss)
}

func agrees(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 2e-5*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Settings and data that make no puzzle are refused with what would.
func TestPuzzlesRefuse(t *testing.T) {
	for want, m := range map[string]methods.Method{
		"permutations: 1: want from 2 to 362880": &Jigsaw{Permutations: 1, Tile: 1, Width: 1},
		"tile: 0":                                &Jigsaw{Permutations: 2, Width: 1},
		"hidden: [0]":                            &Jigsaw{Permutations: 2, Width: 1, Tile: 1, Hidden: []int{0}},
		"jitter: -1":                             &RelativePatch{Patch: 1, Jitter: -1},
		"patch: 0":                               &RelativePatch{},
		"projector: []":                          &Counting{Margin: 1},
		"margin: 0":                              &Counting{Projector: []int{1}},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for want, m := range map[string]methods.Method{
		"a third of the view is 4 pixels; want a tile of at most that, or views.crop = 15": &Jigsaw{Permutations: 2,
			Tile: 5, Width: 1},
		"take 15 pixels and the view has 12; want smaller ones, or views.crop = 15": &RelativePatch{Patch: 3, Gap: 1,
			Jitter: 2},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, methodtest.Images(13, 12, 2))
			m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, m := range []methods.Method{DefaultJigsaw(), DefaultRelativePatch(), DefaultCounting()} {
		if err := m.Validate(); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}
