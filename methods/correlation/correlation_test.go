package correlation

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/setting"
)

// small are the methods of this package with small settings.
var small = map[string]methods.Method{
	"barlow_twins":              &BarlowTwins{Projector: []int{6, 5}, OffDiagonal: 0.3, Scale: 0.5, BiasRate: 0.1},
	"emp_ssl":                   &EMPSSL{Projector: []int{6, 5}, Similarity: 20, Distortion: 0.2},
	"emp_ssl, wider than batch": &EMPSSL{Projector: []int{9}, Similarity: 2, Distortion: 0.5},
	"lejepa":                    &LeJEPA{Projector: []int{6, 5}, Normality: 0.3, Directions: 7, Knots: 9, Span: 3},
	"mmcr":                      &MMCR{Projector: []int{6, 5}},
	"mmcr, local":               &MMCR{Projector: []int{6, 4}, Local: 0.3},
	"wmse":                      &WMSE{Projector: []int{6, 2}, SubBatch: 6, Iterations: 2, Epsilon: 0.1},
	"frossl":                    &FroSSL{Projector: []int{6, 5}, Invariance: 1.4},
	"frossl, wider than batch":  &FroSSL{Projector: []int{9}, Invariance: 1},
	"swav": &SwAV{Projector: []int{6, 5}, Prototypes: 4, Temperature: 0.3, Epsilon: 0.5,
		Iterations: 3},
	"tico": &TiCo{Projector: []int{6, 5}, Covariance: 8, Memory: 0.9, Momentum: 0.9},
	"vibcreg": &VIbCReg{Projector: []int{8, 6}, Group: 3, Iterations: 5, Invariance: 25, Variance: 25,
		Covariance: 200},
	"vibcreg, not whitened": &VIbCReg{Projector: []int{5}, Invariance: 1, Variance: 1, Covariance: 1},
	"vicreg_ctr": &VICRegCtr{Projector: []int{6, 5}, Invariance: 25, Variance: 25, Covariance: 1,
		Temperature: 0.5},
	"vicreg_exp": &VICRegExp{Projector: []int{6, 5}, Invariance: 25, Variance: 25, Covariance: 1,
		Temperature: 0.5},
}

// The loss of every method through a small convolutional encoder against central differences in float64. What moves
// without a gradient stays: TiCo's second moments, and SwAV's assignments, which are even at a large epsilon.
func TestGradients(t *testing.T) {
	for name, m := range small {
		switch still := m.(type) {
		case *TiCo:
			m = &TiCo{Projector: still.Projector, Covariance: still.Covariance, Memory: 1, Momentum: 1}
		case *SwAV:
			even := *still
			even.Epsilon = 1e12
			m = &even
		}
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 6, methodtest.Images(6, 5, 2))
				return m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b).Loss()
			}, func(st *graph.Store) {
				if e := st.Get("second_moments"); e != nil {
					optest.Fill(e.Array, "second_moments")
				}
			}, 8, 2e-5)
		})
	}
}

// Neither the order of the samples nor which view is the first changes a loss.
func TestSymmetries(t *testing.T) {
	for name, m := range small {
		t.Run(name, func(t *testing.T) {
			if name != "wmse" { // whose sub-batches are drawn by place
				methodtest.Reordered(t, m, methodtest.Images(8, 8, 1))
			}
			if name != "tico" { // whose second moments move with the views in turn
				methodtest.Swapped(t, m, methodtest.Images(8, 8, 1))
			}
		})
	}
}

// value runs a graph of constants.
func value(t *testing.T, build func(s *graph.Scope) *graph.Node) []float64 {
	t.Helper()
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) { s.Output("y", build(s)) })
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(device.Host(), graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	p.Schedule(graph.Time{Steps: 10, PerEpoch: 5})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	a, err := p.Output("y")
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float64, a.Shape.Size())
	for i := range v {
		v[i] = a.At(i)
	}
	return v
}

// normal is embeddings [n,d] of a seed.
func normal(name string, n, d int) []float64 {
	r := graph.Rand(5, name)
	x := make([]float64, n*d)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// The terms of VICReg-exp and VICReg-ctr against plain loops: eq. 11 to 13 of arXiv:2206.02574.
func TestVICRegExp(t *testing.T) {
	const n, d, tau = 5, 3, 0.7
	x, y := normal("x", n, d), normal("y", n, d)
	centred := func(x []float64) []float64 {
		c := make([]float64, n*d)
		for j := range d {
			var mean float64
			for i := range n {
				mean += x[i*d+j] / n
			}
			for i := range n {
				c[i*d+j] = x[i*d+j] - mean
			}
		}
		return c
	}
	// of rows of a matrix at(i, k) of size [rows,length]: hinge and repulsion
	both := func(rows, length int, at func(i, k int) float64) (hinge, repulsion float64) {
		product := func(i, j int) (sum float64) {
			for k := range length {
				sum += at(i, k) * at(j, k)
			}
			return sum / float64(length-1)
		}
		for i := range rows {
			hinge += max(0, 1-math.Sqrt(product(i, i)+1e-4)) / float64(rows)
			var sum float64
			for j := range rows {
				if j != i {
					sum += math.Exp(product(i, j) / tau)
				}
			}
			repulsion += math.Log(sum) / float64(rows)
		}
		return hinge, repulsion
	}
	for name, c := range map[string]struct {
		terms   func(z []*graph.Node, large int) []methods.Term
		samples bool // are pushed apart
	}{
		"exp": {(&VICRegExp{Invariance: 1, Variance: 1, Covariance: 1, Temperature: tau}).Terms, false},
		"ctr": {(&VICRegCtr{Invariance: 1, Variance: 1, Covariance: 1, Temperature: tau}).Terms, true},
	} {
		want := map[string]float64{}
		for i := range x {
			want["invariance"] += (x[i] - y[i]) * (x[i] - y[i]) / (n * d)
		}
		for _, z := range [][]float64{centred(x), centred(y)} {
			hinge, repulsion := both(d, n, func(j, i int) float64 { return z[i*d+j] })
			if c.samples {
				hinge, repulsion = both(n, d, func(i, j int) float64 { return z[i*d+j] })
			}
			want["variance"] += hinge / 2
			want["covariance"] += repulsion
		}
		for k := range 3 {
			var of string
			got := value(t, func(s *graph.Scope) *graph.Node {
				term := c.terms([]*graph.Node{s.Floats("x", x, n, d), s.Floats("y", y, n, d)}, 2)[k]
				of = term.Name
				return term.Value
			})[0]
			if math.Abs(got-want[of]) > 1e-5*max(1, math.Abs(want[of])) {
				t.Errorf("vicreg_%s, %s: got %v, want %v", name, of, got, want[of])
			}
		}
	}
}

// Barlow Twins' loss is 0 for two equal views whose dimensions do not correlate, and does not see the scale and the
// shift of a dimension.
func TestBarlowTwinsLimits(t *testing.T) {
	m := &BarlowTwins{OffDiagonal: 1, Scale: 1}
	loss := func(x, y []float64) float64 {
		return value(t, func(s *graph.Scope) *graph.Node {
			return methods.Objective{Terms: m.Terms([]*graph.Node{s.Floats("x", x, 4, 2), s.Floats("y", y, 4, 2)},
				2)}.Loss()
		})[0]
	}
	square := []float64{1, 1, 1, -1, -1, 1, -1, -1}
	if got := loss(square, square); math.Abs(got) > 1e-6 {
		t.Errorf("of uncorrelated equal views: %v, want 0", got)
	}
	x, y := normal("x", 4, 2), normal("y", 4, 2)
	moved := make([]float64, len(x))
	for i := range x {
		moved[i] = []float64{30 + 100*x[i], 50*x[i] - 7}[i%2]
	}
	if a, b := loss(x, y), loss(moved, y); math.Abs(a-b) > 1e-3*a {
		t.Errorf("of dimensions that are scaled and shifted: %v, want %v", b, a)
	}
}

// FroSSL's entropy term is -log D, its least, where the columns are orthogonal, and 0 where they are all the same.
func TestFroSSLLimits(t *testing.T) {
	for name, c := range map[string]struct {
		x    []float64
		want float64
	}{
		"orthogonal": {[]float64{1, 0, 0, 1, 0, 0}, -2 * math.Log(2)},
		"the same":   {[]float64{1, 1, 2, 2, 3, 3}, 0},
	} {
		got := value(t, func(s *graph.Scope) *graph.Node {
			z := s.Floats("x", c.x, 3, 2)
			return (&FroSSL{}).Terms([]*graph.Node{z, z})[0].Value
		})[0]
		if math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s: entropy term of two views %v, want %v", name, got, c.want)
		}
	}
}

// The queue counts when it is full and its time has come, and then takes part in the assignment: a queue whose samples
// all like one prototype leaves less of it to the batch.
func TestSwAVQueue(t *testing.T) {
	m := &SwAV{Temperature: 0.1, Epsilon: 0.3, Iterations: 3, Queue: 8, QueueFrom: setting.Steps(2)}
	counts := m.queueCounts(2)
	for step, want := range []float64{0, 0, 0, 0, 1, 1} {
		if got := counts(graph.Time{Step: step, Steps: 10, PerEpoch: 5}); got != want {
			t.Errorf("2 images a step, step %d: the queue counts %v, want %v", step, got, want)
		}
	}
	m.Queue = 2
	if got := m.queueCounts(2)(graph.Time{Step: 1, Steps: 10}); got != 0 {
		t.Errorf("a full queue counts %v before its time, want 0", got)
	}
	m.QueueFrom = setting.Steps(0)
	code := func(past []float64) float64 {
		return value(t, func(s *graph.Scope) *graph.Node {
			x := s.Floats("x", []float64{0.5, 0, 0, 0.5}, 2, 2)
			m.Queue = 0 // full at once
			_, codes := m.Loss(s, []*graph.Node{x, x}, []*graph.Node{s.Floats("past", past, 3, 2),
				s.Floats("past", past, 3, 2)}, 2)
			return codes[0]
		})[0]
	}
	if even, crowded := code([]float64{1, 0, 0, 1, 0, 0}), code([]float64{1, 0, 1, 0, 1, 0}); !(crowded < even-0.05) {
		t.Errorf("the share of a crowded prototype is %v, want less than %v", crowded, even)
	}
}

// Assignments share the prototypes evenly and give each sample 1, whatever the scale of the scores.
func TestSwAVAssignments(t *testing.T) {
	const n, k = 12, 3
	m := &SwAV{Temperature: 0.1, Epsilon: 0.05, Iterations: 30}
	q := value(t, func(s *graph.Scope) *graph.Node {
		x := op.Scale(s.Floats("x", normal("x", n, k), n, k), 0.3)
		_, codes := m.Loss(s, []*graph.Node{x, x}, nil, 2)
		return codes[0]
	})
	columns := make([]float64, k)
	for i := range n {
		var row float64
		for j := range k {
			row += q[i*k+j]
			columns[j] += q[i*k+j]
		}
		if math.Abs(row-1) > 1e-5 {
			t.Errorf("sample %d has %v of the prototypes, want 1", i, row)
		}
	}
	for j, c := range columns {
		if math.Abs(c-n/k) > 0.1 {
			t.Errorf("prototype %d has %v of %d samples, want %d", j, c, n, n/k)
		}
	}
}

// What cannot be is refused with the key and a setting that works.
func TestRefused(t *testing.T) {
	for want, m := range map[string]methods.Method{
		"scale: 0: want a number above 0":     &BarlowTwins{Projector: []int{4}, BiasRate: 1},
		"bias_rate: 0: want a number above 0": &BarlowTwins{Projector: []int{4}, Scale: 1},
		"off_diagonal: -1: want a weight of 0 or more": &BarlowTwins{Projector: []int{4},
			OffDiagonal: -1, Scale: 1, BiasRate: 1},
		"invariance: -2: want a weight of 0 or more": &FroSSL{Projector: []int{4}, Invariance: -2},
		"prototypes: 1: want at least 2":             &SwAV{Projector: []int{4}, Prototypes: 1},
		"iterations: 0: want at least 1":             &SwAV{Projector: []int{4}, Prototypes: 3},
		"queue: -1: want 0, for none, or a multiple": &SwAV{Projector: []int{4}, Prototypes: 3,
			Iterations: 3, Queue: -1},
		"memory: 2: want a number from 0 to 1": &TiCo{Projector: []int{4}, Memory: 2},
		"group: 4: 6 dimensions do not come in groups of so many; wa": &VIbCReg{Projector: []int{6}, Group: 4,
			Iterations: 5, Invariance: 1},
		"all 0: nothing would be trained":       &VIbCReg{Projector: []int{6}},
		"temperature: 0: want a number above 0": &VICRegCtr{Projector: []int{6}, Invariance: 1},
		"4 dimensions are whitened by at least twice as many samples; want 8, or a last width of 3": &WMSE{
			Projector: []int{4}, SubBatch: 6, Iterations: 1},
		"epsilon: 1: want a share":              &WMSE{Projector: []int{4}, SubBatch: 8, Iterations: 1, Epsilon: 1},
		"distortion: 0: want a number above 0":  &EMPSSL{Projector: []int{4}},
		"local: -1: want a weight of 0 or more": &MMCR{Projector: []int{4}, Local: -1},
		"normality: 1.5: want a share from 0 to 1": &LeJEPA{Projector: []int{4}, Normality: 1.5, Directions: 1,
			Knots: 2, Span: 1},
		"knots: 1: want at least 2":              &LeJEPA{Projector: []int{4}, Directions: 1, Knots: 1, Span: 1},
		"projector: []: want at least one width": &VICRegExp{Invariance: 1, Temperature: 1},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, m := range []methods.Method{DefaultEMPSSL(), DefaultLeJEPA(), DefaultMMCR(), DefaultWMSE(),
		DefaultBarlowTwins(), DefaultFroSSL(), DefaultSwAV(), DefaultTiCo(),
		DefaultVIbCReg(), DefaultVICReg(), DefaultVICRegCtr(), DefaultVICRegExp()} {
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 4, methodtest.Images(6, 6, 2))
		m := &SwAV{Projector: []int{4}, Prototypes: 3, Temperature: 1, Epsilon: 1, Iterations: 3, Queue: 11}
		m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
	})
	_, many := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 4, methodtest.Images(6, 6, 2)) // of a set of 10
		m := &SwAV{Projector: []int{4}, Prototypes: 11, Temperature: 1, Epsilon: 1, Iterations: 3}
		m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
	})
	if want := "prototypes = 11 are more than the 10 training samples"; many == nil ||
		!strings.Contains(many.Error(), want) {
		t.Errorf("got %v, want %q", many, want)
	}
	_, whole := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 11, methodtest.Images(6, 6, 2))
		m := &WMSE{Projector: []int{2}, SubBatch: 4, Iterations: 1}
		m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
	})
	if want := "sub_batch = 4: 11 images of a step do not come in sub-batches of one size; want a batch of 12"; whole ==
		nil || !strings.Contains(whole.Error(), want) {
		t.Errorf("got %v, want %q", whole, want)
	}
	if want := "queue = 11 is no multiple of the 4 images of a step; want 12"; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// Rows of a sub-batch are white: covariance the identity, mean 0, whatever they were.
func TestWMSEWhitens(t *testing.T) {
	const n, d = 8, 2
	m := &WMSE{SubBatch: 4}
	x := normal("x", n, d)
	for i := range x {
		x[i] = 5 + 3*x[i] + 2*x[i/d*d] // dimensions correlate
	}
	w := value(t, func(s *graph.Scope) *graph.Node {
		order := s.Ints("order", []int32{3, 0, 7, 5, 1, 2, 4, 6})
		return m.whiten(s, []*graph.Node{s.Floats("x", x, n, d)}, order)[0]
	})
	for part := range 2 {
		of := w[part*4*d : (part+1)*4*d]
		for j := range d {
			var sum float64
			for i := range 4 {
				sum += of[i*d+j]
			}
			if math.Abs(sum) > 1e-4 {
				t.Errorf("sub-batch %d: dimension %d sums to %v, want 0", part, j, sum)
			}
			for k := range d {
				var c, want float64
				for i := range 4 {
					c += of[i*d+j] * of[i*d+k] / 3
				}
				if j == k {
					want = 1
				}
				if math.Abs(c-want) > 1e-4 {
					t.Errorf("sub-batch %d: covariance of %d and %d is %v, want %v", part, j, k, c, want)
				}
			}
		}
	}
}

// LeJEPA's statistic is small for normal embeddings, about the same for any size of the batch, and large for embeddings
// of the wrong spread; the invariance is 0 for equal views.
func TestLeJEPALimits(t *testing.T) {
	m := &LeJEPA{Normality: 0.05, Knots: 17, Span: 3}
	terms := func(n int, scale float64) (invariance, sigreg float64) {
		v := value(t, func(s *graph.Scope) *graph.Node {
			z := op.Scale(s.Floats("z", normal("z", n, 2), n, 2), scale)
			of := m.Terms([]*graph.Node{z, z}, []*graph.Node{z, z}, s.Floats("d", []float64{1, 0, 0.6, 0, 1, 0.8}, 2,
				3))
			return op.Concat(0, op.Reshape(of[0].Value, 1), op.Reshape(of[1].Value, 1))
		})
		return v[0], v[1]
	}
	same, small := terms(200, 1)
	if math.Abs(same) > 1e-9 || !(small < 2) {
		t.Errorf("equal normal views: invariance %v, want 0; statistic %v, want below 2", same, small)
	}
	_, larger := terms(2000, 1)
	if !(larger < 2) {
		t.Errorf("2000 normal samples: statistic %v, want below 2", larger)
	}
	for _, scale := range []float64{0, 0.3, 3} {
		if _, wrong := terms(200, scale); !(wrong > 5*small) {
			t.Errorf("a spread of %v: statistic %v, want far above the normal's %v", scale, wrong, small)
		}
	}
}

// MMCR's centroids span most where views agree; EMP-SSL's coding rate is 0 for no embedding and grows with the rank.
func TestSpectralLimits(t *testing.T) {
	x, y := normal("x", 6, 3), normal("y", 6, 3)
	nuclear := func(x, y []float64) float64 {
		return value(t, func(s *graph.Scope) *graph.Node {
			unit := func(name string, v []float64) *graph.Node { return op.Normalize(s.Floats(name, v, 6, 3), 1e-12) }
			return (&MMCR{}).Terms([]*graph.Node{unit("x", x), unit("y", y)})[0].Value
		})[0]
	}
	if agree, differ := nuclear(x, x), nuclear(x, y); !(agree < differ) {
		t.Errorf("the term of equal views is %v, want below that of others, %v", agree, differ)
	}
	rate := func(v []float64) float64 {
		return value(t, func(s *graph.Scope) *graph.Node {
			return (&EMPSSL{Distortion: 0.2}).codingRate(s, s.Floats("x", v, 4, 2))
		})[0]
	}
	if got := rate(make([]float64, 8)); math.Abs(got) > 1e-6 {
		t.Errorf("the coding rate of 0 is %v, want 0", got)
	}
	one, two := rate([]float64{1, 0, 1, 0, 1, 0, 1, 0}), rate([]float64{1, 0, 0, 1, 1, 0, 0, 1})
	if want := 0.5 * math.Log(1+2/0.2); math.Abs(one-want) > 1e-5 || !(two > one) {
		t.Errorf("coding rates of one direction and two are %v and %v, want %v and more", one, two, want)
	}
}
