package contrastive

import (
	"math"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// computed runs one step of what build declares and gives its inputs, filled with random numbers, and outputs.
func computed(t *testing.T, build func(s *graph.Scope)) func(name string) []float64 {
	t.Helper()
	g, err := graph.Build(graph.Options{Training: true}, build)
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	p.Schedule(graph.Time{Steps: 10, PerEpoch: 5})
	values := map[string][]float64{}
	for name, a := range p.Inputs() {
		if _, scheduled := p.Scheduled(name); scheduled {
			continue
		}
		r, v := graph.Rand(3, name), make([]float64, a.Shape.Size())
		for i := range v {
			v[i] = float64(float32(r.NormFloat64()))
			a.Set(i, v[i])
		}
		values[name] = v
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return func(name string) []float64 {
		if v, ok := values[name]; ok {
			return v
		}
		a, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		v := make([]float64, a.Shape.Size())
		for i := range v {
			v[i] = a.At(i)
		}
		return v
	}
}

func close(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 2e-5*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// product is the product of row i of x and row j of y, rows of d.
func product(x []float64, i int, y []float64, j, d int) (sum float64) {
	for k := range d {
		sum += x[i*d+k] * y[j*d+k]
	}
	return sum
}

// logSum is log sum e^v.
func logSum(v ...float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += math.Exp(x)
	}
	return math.Log(sum)
}

// SSCD against plain loops: rows 0 to 3 are plain, 4 to 7 second views, of which 4 and 6 have the next image in them.
func TestSSCDFormula(t *testing.T) {
	const b, d, tau = 4, 3, 0.3
	m := &SSCD{Temperature: tau}
	v := computed(t, func(s *graph.Scope) {
		z := unit(s.Input("z", 2*b, d))
		contrast, entropy := m.terms(s, z, s.Floats("mixed", []float64{1, 0, 1, 0}, b, 1))
		s.Output("unit", z)
		s.Output("contrast", contrast)
		s.Output("entropy", entropy)
	})
	images := [][]int{{0}, {1}, {2}, {3}, {0, 1}, {1}, {2, 3}, {3}}
	share := func(i, j int) bool {
		for _, x := range images[i] {
			for _, y := range images[j] {
				if x == y {
					return true
				}
			}
		}
		return false
	}
	z, contrast, entropy := v("unit"), 0.0, 0.0
	for i := range 2 * b {
		var all, positive []float64
		nearest := math.Inf(1)
		for j := range 2 * b {
			cosine := product(z, i, z, j, d)
			if i != j {
				all = append(all, cosine/tau)
				if share(i, j) {
					positive = append(positive, cosine/tau)
				}
			}
			if !share(i, j) {
				nearest = min(nearest, math.Sqrt(2-2*cosine))
			}
		}
		for _, p := range positive {
			contrast -= (p - logSum(all...)) / float64(len(positive)) / (2 * b)
		}
		entropy -= math.Log(nearest) / (2 * b)
	}
	close(t, "contrast", v("contrast")[0], contrast)
	close(t, "entropy", v("entropy")[0], entropy)
}

// Without mixtures SSCD's contrast is SimCLR's.
func TestSSCDIsSimCLR(t *testing.T) {
	v := computed(t, func(s *graph.Scope) {
		z := s.Input("z", 8, 3)
		contrast, _ := (&SSCD{Temperature: 0.4}).terms(s, unit(z), s.Floats("mixed", make([]float64, 4), 4, 1))
		s.Output("sscd", contrast)
		s.Output("simclr", losses.NTXent(s, z, 0.4))
	})
	close(t, "contrast", v("sscd")[0], v("simclr")[0])
}

// MoCHi's loss is MoCo's with the mixtures as further negatives; mixtures of keys are unit rows between keys of the
// hardest, and mixtures with the query are nearer to it than a key.
func TestMoCHiFormula(t *testing.T) {
	const b, k, d, tau = 3, 12, 4, 0.3
	m := &MoCHi{Queued: Queued{Temperature: tau}, Hardest: 5, Pairs: 4, WithQuery: 2}
	v := computed(t, func(s *graph.Scope) {
		q, key, queue := unit(s.Input("q", b, d)), unit(s.Input("k", b, d)), unit(s.Input("queue", k, d))
		s.Output("loss", m.loss(s, q, key, queue))
		again := m.mixtures(s.In("again"), q, queue) // other draws: a source of its own
		s.Output("pairs", again[0])
		s.Output("with query", again[1])
		s.Output("unit q", q)
		s.Output("moco", losses.InfoNCE(s, q, key, queue, tau))
		none := &MoCHi{Queued: m.Queued, Hardest: 5}
		s.Output("none", none.loss(s.In("none"), q, key, queue))
		only := &MoCHi{Queued: m.Queued, Hardest: 1, Pairs: 1}
		s.Output("hardest twice", only.loss(s.In("only"), q, key, queue))
		s.Output("logits", losses.Logits(q, key, queue, tau))
	})
	close(t, "without mixtures", v("none")[0], v("moco")[0])
	if v("loss")[0] <= v("moco")[0] {
		t.Errorf("with mixtures the loss is %v, want more than the %v without", v("loss")[0], v("moco")[0])
	}
	for _, name := range []string{"pairs", "with query"} {
		x := v(name)
		for i := range len(x) / d {
			close(t, "length of "+name, product(x, i, x, i, d), 1)
		}
	}
	// a pair of the one hardest key is this key, so it counts twice
	logits, want := v("logits"), 0.0
	for i := range b {
		row := logits[i*(1+k) : (i+1)*(1+k)]
		hardest := math.Inf(-1)
		for _, x := range row[1:] {
			hardest = max(hardest, x)
		}
		want += (logSum(append(row[:1+k:1+k], hardest)...) - row[0]) / b
	}
	close(t, "the hardest twice", v("hardest twice")[0], want)
	q, mixed := v("unit q"), v("with query")
	for s := range 2 {
		for i := range b {
			if c := product(mixed, s*b+i, q, i, d); c < 0 && product(q, i, q, i, d) > 0 && c < -1+1e-3 {
				t.Errorf("mixture %d of query %d is opposite to it: %v", s, i, c)
			}
		}
	}
}

// ISD's and ReSSL's relation: a student that says what the teacher says has the teacher's entropy as cross-entropy, and
// no other student has less.
func TestRelationIsLeastForTheTeacher(t *testing.T) {
	v := computed(t, func(s *graph.Scope) {
		k, q, queue := unit(s.Input("k", 4, 3)), unit(s.Input("q", 4, 3)), unit(s.Input("queue", 9, 3))
		s.Output("same", losses.Relation(k, k, queue, 0.2, 0.2))
		s.Output("other", losses.Relation(q, k, queue, 0.2, 0.2))
		s.Output("entropy", losses.Entropy(op.Softmax(op.Scale(op.MatMul(k, queue, false, true), 5))))
	})
	close(t, "the same answer", v("same")[0], v("entropy")[0])
	if v("other")[0] <= v("entropy")[0] {
		t.Errorf("another answer: %v, want more than %v", v("other")[0], v("entropy")[0])
	}
}

// With one neighbour MSF is BYOL's loss in one direction, and NNCLR with a queue of the keys themselves is an InfoNCE
// of them.
func TestNeighboursOfOne(t *testing.T) {
	const b, d = 4, 3
	v := computed(t, func(s *graph.Scope) {
		q, k := s.Input("q", b, d), unit(s.Input("k", b, d))
		m := &MSF{Neighbours: 1, Constraint: unconstrained}
		s.Output("msf", m.loss(s, nil, q, k, op.Concat(0, unit(s.Input("old", 5, d)), k)))
		s.Output("byol", losses.Regression(q, k))
		n := &NNCLR{Temperature: 0.3}
		s.Output("nnclr", n.term(s, q, k, k))
		s.Output("infonce", losses.InfoNCE(s, k, q, nil, 0.3))
	})
	close(t, "msf", v("msf")[0], v("byol")[0])
	close(t, "nnclr", v("nnclr")[0], v("infonce")[0])
}

// Among marks the k largest of each row.
func TestAmong(t *testing.T) {
	v := computed(t, func(s *graph.Scope) { s.Output("among", losses.Among(s.Input("x", 3, 7), 2)) })
	x, among := v("x"), v("among")
	for i := range 3 {
		for j := range 7 {
			larger, want := 0, 0.0
			for k := range 7 {
				if x[i*7+k] > x[i*7+j] {
					larger++
				}
			}
			if larger < 2 {
				want = 1
			}
			close(t, "mark", among[i*7+j], want)
		}
	}
}

// UniVCL without neighbours and positives is MoCo's loss, aggregates the row itself alone, and its target has as many
// positives as it says.
func TestUniVCLLimits(t *testing.T) {
	const b, k, d, tau = 3, 8, 4, 0.3
	v := computed(t, func(s *graph.Scope) {
		p, key, queue := unit(s.Input("p", b, d)), unit(s.Input("k", b, d)), unit(s.Input("queue", k, d))
		none := &UniVCL{Temperature: tau}
		s.Output("none", none.loss(s, p, key, queue))
		s.Output("moco", losses.InfoNCE(s, p, key, queue, tau))
		s.Output("own", none.aggregate(s.Random("a"), p, queue))
		s.Output("masked", (&UniVCL{Neighbours: 3, EdgeMask: 1}).aggregate(s.Random("b"), p, queue))
		s.Output("whole", (&UniVCL{Neighbours: k}).aggregate(s.Random("c"), p, queue))
		s.Output("unit p", p)
		s.Output("unit queue", queue)
		s.Output("two", (&UniVCL{Temperature: tau, Positives: 1}).loss(s, p, key, queue))
		s.Output("logits", losses.Logits(p, key, queue, tau))
		s.Output("cosines", op.MatMul(key, queue, false, true))
	})
	close(t, "no neighbours", v("none")[0], v("moco")[0])
	for i, x := range v("unit p") {
		close(t, "own", v("own")[i], x)
		close(t, "all edges masked", v("masked")[i], x)
		sum := x
		for j := range k {
			sum += v("unit queue")[j*d+i%d]
		}
		close(t, "all neighbours", v("whole")[i], sum/(1+k))
	}
	want := 0.0
	for i := range b {
		row, best := v("logits")[i*(1+k):(i+1)*(1+k)], 0
		for j := range k {
			if v("cosines")[i*k+j] > v("cosines")[i*k+best] {
				best = j
			}
		}
		want += (logSum(row...) - (row[0]+row[1+best])/2) / b
	}
	close(t, "a neighbour as positive", v("two")[0], want)
}

// LooC's spaces against plain loops, and its turns and tones: four quarters are the view itself, and a turned row is a
// column.
func TestLooCFormula(t *testing.T) {
	const b, k, d, tau = 3, 5, 4, 0.3
	m := &LooC{Queued: Queued{Temperature: tau}}
	v := computed(t, func(s *graph.Scope) {
		q, queue := unit(s.Input("q", b, d)), unit(s.Input("queue", k, d))
		keys := []*graph.Node{unit(s.Input("k0", b, d)), unit(s.Input("k1", b, d)), unit(s.Input("k2", b, d))}
		for j, key := range keys {
			s.Output([]string{"unit k0", "unit k1", "unit k2"}[j], key)
		}
		s.Output("unit q", q)
		s.Output("unit queue", queue)
		s.Output("invariant", m.space(0, q, keys, queue))
		s.Output("tone", m.space(2, q, keys, queue))
		x := s.Input("x", 2, 3, 3, 1)
		plain := func(turns int32) looseDraw {
			return looseDraw{s.Ints("turns"+string('0'+turns), []int32{turns, turns}),
				s.Floats("one", []float64{1, 1}, 2, 1, 1, 1), s.Floats("zero", []float64{0, 0}, 2, 1, 1, 1)}
		}
		once := plain(1).apply(s, x)
		s.Output("still", plain(0).apply(s, x))
		s.Output("once", once)
		s.Output("round", plain(3).apply(s, once))
		tone := looseDraw{plain(0).turns, s.Floats("half", []float64{0.5, 0.5}, 2, 1, 1, 1),
			s.Floats("shift", []float64{0.25, 0.25}, 2, 1, 1, 1)}
		s.Output("toned", tone.apply(s, x))
	})
	score := func(i, j int) float64 {
		return product(v("unit q"), i, v([]string{"unit k0", "unit k1", "unit k2"}[j]), i, d) / tau
	}
	invariant, tone := 0.0, 0.0
	for i := range b {
		same := []float64{score(i, 0), score(i, 1), score(i, 2)}
		all := append([]float64{}, same...)
		for j := range k {
			all = append(all, product(v("unit q"), i, v("unit queue"), j, d)/tau)
		}
		invariant += (logSum(all...) - logSum(same...)) / b
		tone += (logSum(all...) - same[2]) / b
	}
	close(t, "invariant space", v("invariant")[0], invariant)
	close(t, "space of tones", v("tone")[0], tone)
	x := v("x")
	for i, want := range x {
		close(t, "no turn", v("still")[i], want)
		close(t, "once round", v("round")[i], want)
		image, row, column := i/9, i/3%3, i%3
		mean := 0.0
		for j := range 9 {
			mean += x[image*9+j] / 9
		}
		close(t, "tone", v("toned")[i], (want-mean)/2+mean+0.25)
		// counter-clockwise: the last column becomes the first row
		close(t, "turn", v("once")[image*9+(2-column)*3+row], want)
	}
}

// TCN's triples against plain loops.
func TestTCNFormula(t *testing.T) {
	const n, frames, d = 2, 5, 3
	m := &TCN{Near: 1, Margin: 0.2, Cameras: 1}
	v := computed(t, func(s *graph.Scope) {
		z := unit(s.Input("z", n*frames, d))
		x := op.Reshape(z, n, frames, d)
		loss, right := m.triplets(s, x, x, m.triples(frames))
		s.Output("unit", z)
		s.Output("loss", loss)
		s.Output("right", right)
	})
	z, loss, right, count := v("unit"), 0.0, 0.0, 0.0
	for clip := range n {
		at := func(f int) int { return clip*frames + f }
		for a := range frames {
			for _, p := range []int{a - 1, a + 1} {
				for f := range frames {
					if p < 0 || p >= frames || f >= a-1 && f <= a+1 {
						continue
					}
					apart := 2 * (product(z, at(a), z, at(f), d) - product(z, at(a), z, at(p), d))
					loss += max(0, apart+m.Margin)
					if apart < 0 {
						right++
					}
					count++
				}
			}
		}
	}
	close(t, "loss", v("loss")[0], loss/count)
	close(t, "right", v("right")[0], right/count)
}

// CPC's contexts see the row of a patch and above, never below, and one prediction is a plain softmax over its row.
func TestCPCImageFormula(t *testing.T) {
	const n, g, d = 2, 3, 2
	m := &CPCImage{Predictions: 1, Context: 3, Layers: 2, Width: d}
	v := computed(t, func(s *graph.Scope) {
		z := s.Input("z", n, g, g, d)
		c := m.contexts(s.In("context"), z)
		s.Output("c", c)
		s.Output("of rows", s.Gradients(op.SumAll(op.Slice(c, 1, 1, 2)), []*graph.Node{z})[0])
		loss, _ := m.down(s, z)
		s.Output("loss", loss)
		w := s.Param("predictor/1/weight", graph.Fill(0), 3, d)
		s.Output("w", w)
	})
	var reach [g]float64
	for i, x := range v("of rows") {
		reach[i/(g*d)%g] += math.Abs(x)
	}
	if reach[0] == 0 || reach[1] == 0 || reach[2] != 0 {
		t.Errorf("a context of row 1 has gradients %v with respect to the rows, want some for 0 and 1 alone", reach)
	}
	z, c, w, loss := v("z"), v("c"), v("w"), 0.0
	for row := range g - 1 {
		for i := range n * g {
			image, column := i/g, i%g
			var scores []float64
			for j := range n * g {
				sum := 0.0
				for a := range 3 {
					for e := range d {
						sum += c[((image*g+row)*g+column)*3+a] * w[a*d+e] * z[((j/g*g+row+1)*g+j%g)*d+e]
					}
				}
				scores = append(scores, sum)
			}
			loss += (logSum(scores...) - scores[i]) / (n * g * (g - 1))
		}
	}
	close(t, "loss", v("loss")[0], loss)
}

// The backbones of two towers and of frames: a grey view has no colour where all channels are alike, the halves are the
// features, and a clip's features are the mean of its frames'.
func TestTowerBackbones(t *testing.T) {
	split := backbones.DefaultLumaChroma()
	split.Tower.Value = &backbones.ConvNet{Widths: []int{6}}
	in := backbones.Pixels(8, 8, 3)
	v := computed(t, func(s *graph.Scope) {
		grey := op.Mul(s.Input("x", 2, 8, 8, 1), s.Floats("one", []float64{1, 1, 1}, 1, 1, 1, 3))
		luma, chroma := split.NewHalves(s, in)(grey)
		_, none := split.NewHalves(s, in)(op.Scale(grey, 0))
		s.Output("grey", chroma)
		s.Output("black", none)
		s.Output("both", split.New(s, in)(grey))
		s.Output("luma", luma)
	})
	n := len(v("grey")) / 2
	for i, x := range v("grey") {
		if math.Abs(x-v("black")[i]) > 2e-3 {
			t.Errorf("colour feature %d of grey is %v, of black %v", i, x, v("black")[i])
		}
		close(t, "luma", v("both")[i/n*2*n+i%n], v("luma")[i])
		close(t, "chroma", v("both")[i/n*2*n+n+i%n], x)
	}
	for want, bad := range map[string]error{
		"want 3":     split.Check(backbones.Pixels(8, 8, 1)),
		"wants clip": backbones.DefaultPerFrame().Check(in),
	} {
		if bad == nil {
			t.Errorf("%s: no error", want)
		}
	}
}

// CMC and TCN need backbones of their own, and say which.
func TestBackbonesThatAreMissing(t *testing.T) {
	for name, m := range map[string]methods.Method{"luma_chroma": DefaultCMC(), "per_frame": DefaultTCN()} {
		_, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, methodtest.Images(8, 8, 3))
			m.Build(s, methods.EncoderOf(backbones.DefaultConvNet(), b.Of("view0")), b)
		})
		wantError(t, err, "[backbone."+name+"]")
	}
}
