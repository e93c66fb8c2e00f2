package contrastive

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// small are the methods on one batch with small settings, by what is special about them.
var small = map[string]methods.Method{
	"dcl":               &DCL{Projector: []int{6, 4}, Temperature: 0.3},
	"dcl, no projector": &DCL{Temperature: 0.3},
	"dclw":              &DCLW{Projector: []int{6, 4}, Temperature: 0.3, Sigma: 0.5},
	"phi_psi, infonce":  &PhiPsi{Projector: []int{6, 4}, Phi: "log", Psi: "exp", Temperature: 0.5, Offset: 1},
	"phi_psi, lifted": &PhiPsi{Projector: []int{4}, Phi: "squared_log", Psi: "exp", Temperature: 1,
		Margin: 0.5},
	"phi_psi, modified triplet": &PhiPsi{Projector: []int{4}, Phi: "linear", Psi: "sigmoid", Temperature: 0.5},
	"alpha_cl":                  DefaultAlphaCL(),
	"alpha_cl, uniform": &AlphaCL{Projector: []int{4}, Weights: "uniform", Normalize: "none", Temperature: 1,
		Exponent: 1, Power: 1, Attraction: 0.2},
	"alpha_cl, infonce": &AlphaCL{Projector: []int{4}, Weights: "infonce", Normalize: "none", Temperature: 0.5,
		Exponent: 1, Power: 1, WithSelf: true, Attraction: 0.3},
	"supcon":           &SupCon{Projector: []int{6, 4}, Temperature: 0.3, Anchors: "all"},
	"simclr_multiview": &SimCLRMultiview{Projector: []int{6, 4}, Temperature: 0.3},
	"align_uniform": &AlignUniform{Projector: []int{6, 4}, AlignWeight: 1, UniformWeight: 0.5, Alpha: 2,
		T: 2},
	"align_uniform, distance": &AlignUniform{Projector: []int{4}, AlignWeight: 1, UniformWeight: 0.5, Alpha: 1, T: 1},
	"margin":                  &Margin{Projector: []int{6, 4}, Margin: 1.3},
	"triplet, hard":           &Triplet{Projector: []int{6, 4}, Margin: 0.7, Mining: "hard", Squared: true},
	"triplet, semi-hard":      &Triplet{Projector: []int{6, 4}, Margin: 0.7, Mining: "semi_hard"},
	"triplet, all":            &Triplet{Projector: []int{6, 4}, Margin: 3, Mining: "all"},
	"nca":                     &NCA{Projector: []int{6, 4}},
	"hcl":                     &HCL{Projector: []int{6, 4}, Temperature: 0.5, Concentration: 1, ClassPrior: 0.1},
	"hcl, debiased":           &HCL{Projector: []int{6, 4}, Temperature: 0.5, ClassPrior: 0.1},
	"macl":                    &MACL{Projector: []int{6, 4}, Temperature: 0.3, Scaling: 0.5, Alignment: 0.2},
	"dual_temperature":        &DualTemperature{Projector: []int{6, 4}, Intra: 0.3, Inter: 1},
	"dual_temperature, one":   &DualTemperature{Projector: []int{6, 4}, Intra: 0.3, Inter: 0.3},
	"directclr":               &DirectCLR{Dimensions: 3, Temperature: 0.3},
	"relic":                   &ReLIC{Projector: []int{6, 4}, Temperature: 0.3, Invariance: 1, Momentum: 0.9},
	"relic, contrast":         &ReLIC{Projector: []int{6, 4}, Temperature: 0.3, Momentum: 0.9},
	"ssl_hsic":                &SSLHSIC{Projector: []int{6, 4}, Regularization: 3, Scale: 1},
	"mugs_instance": &MugsInstance{Projector: []int{6, 4}, Predictor: []int{5}, Queue: 17, Temperature: 0.3,
		Momentum: 0.9},
}

// heldWeights are methods whose weights or temperature no gradient reaches, so that central differences are of another
// function. Their gradients are golden numbers, or those of plain loops below.
var heldWeights = map[string]bool{"dclw": true, "alpha_cl": true, "macl": true, "dual_temperature": true, "relic": true}

// labelled has images and labels.
func labelled() methods.Data {
	return methodtest.Data(feed.Field{Name: "view", Shape: []int{6, 5, 2}}, feed.Field{Name: feed.Labels, Int: true})
}

// The loss of every method through a small encoder against central differences, in float64.
func TestOneBatchGradients(t *testing.T) {
	for name, m := range small {
		if heldWeights[name] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 4, labelled())
				return m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b).Loss()
			}, nil, 8, 2e-5)
		})
	}
}

// The loss of every method stays when the views change places, and when the images do.
func TestOneBatchSymmetries(t *testing.T) {
	const b = 6
	for name, m := range small {
		t.Run(name, func(t *testing.T) {
			loss := func(first, second string, shift int) float64 {
				g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
					batch := methods.NewBatch(s, b, labelled())
					enc := methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, batch.Of("view0"))
					s.Output("loss", m.Build(s, enc, batch).Loss())
				})
				if err != nil {
					t.Fatal(err)
				}
				p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
				if err != nil {
					t.Fatal(err)
				}
				for name, a := range p.Inputs() {
					if len(a.Shape) == 0 {
						continue // a schedule
					}
					from := map[string]string{"view0": first, "view1": second}[name]
					data := ir.NewArray(a.Type)
					optest.Fill(data, from)
					row := a.Shape.Size() / b
					for i := range a.Shape.Size() {
						a.Set((i+shift*row)%a.Shape.Size(), data.At(i))
					}
				}
				p.Schedule(graph.Time{Steps: 10, PerEpoch: 10})
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				return ongraph.Read(t, p, "loss")[0]
			}
			want := loss("one", "two", 0)
			if math.IsNaN(want) || want == 0 {
				t.Fatalf("the loss is %v", want)
			}
			if got := loss("two", "one", 0); math.Abs(got-want) > 1e-9*math.Abs(want) {
				t.Errorf("with the views swapped the loss is %v, want %v", got, want)
			}
			if got := loss("one", "two", 2); math.Abs(got-want) > 1e-9*math.Abs(want) {
				t.Errorf("with the images in another order the loss is %v, want %v", got, want)
			}
		})
	}
}

// Crops of two sizes are compared too: the loss is a number, and every view is asked for.
func TestOneBatchCrops(t *testing.T) {
	view := func(v, size int) feed.Field { return feed.Field{Name: feed.View(v), Shape: []int{size, size, 2}} }
	data := methodtest.Data()
	data.Maker = methodtest.Crops{Maker: methodtest.Fields{view(0, 8), view(1, 8), view(2, 4),
		{Name: feed.Labels, Int: true}}, Counts: []int{2, 1}}
	for name, m := range small {
		t.Run(name, func(t *testing.T) {
			g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
				b := methods.NewBatch(s, 4, data)
				o := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b)
				s.Output("loss", o.Loss())
				if !slices.Contains(b.Wants(), "view2") || !op.ShapeOf(o.Features).Equal([]int{4, 5}) {
					t.Errorf("asks for %v and gives features of %v", b.Wants(), op.ShapeOf(o.Features))
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
			if err != nil {
				t.Fatal(err)
			}
			for name, a := range p.Inputs() {
				optest.Fill(a, name)
			}
			p.Schedule(graph.Time{Steps: 10, PerEpoch: 10})
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			if v := ongraph.Read(t, p, "loss")[0]; math.IsNaN(v) || math.IsInf(v, 0) || v == 0 {
				t.Errorf("the loss is %v", v)
			}
		})
	}
}

// rows are B images' two views, first all first views, in D dimensions.
const rowsB, rowsD = 5, 3

// evaluate gives a loss of two views [B,D] and its gradient with respect to both, in float64.
func evaluate(t *testing.T, x []float64, loss func(s *graph.Scope, x, y *graph.Node) *graph.Node) (float64, []float64) {
	t.Helper()
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		z := s.Param("z", ongraph.Hold(golden.Tensor{Data: x}), 2*rowsB, rowsD)
		l := loss(s, op.Slice(z, 0, 0, rowsB), op.Slice(z, 0, rowsB, 2*rowsB))
		s.Output("loss", l)
		s.Output("gradient", s.Gradients(l, []*graph.Node{z})[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return ongraph.Read(t, p, "loss")[0], ongraph.Read(t, p, "gradient")
}

// someRows are drawn rows.
func someRows(seed uint64) []float64 {
	r, x := graph.Rand(seed, "rows"), make([]float64, 2*rowsB*rowsD)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	return x
}

// dot is the product of rows i and j, cosine their cosine, squared their squared distance, apart the squared distance
// of their directions.
func dot(x []float64, i, j int) (v float64) {
	for k := range rowsD {
		v += x[i*rowsD+k] * x[j*rowsD+k]
	}
	return v
}

func cosine(x []float64, i, j int) float64 {
	return dot(x, i, j) / math.Sqrt(dot(x, i, i)*dot(x, j, j))
}
func squared(x []float64, i, j int) float64 {
	return dot(x, i, i) + dot(x, j, j) - 2*dot(x, i, j)
}

// eachRow is the mean over rows i with their partners p of f.
func eachRow(f func(i, p int) float64) (mean float64) {
	for i := range 2 * rowsB {
		mean += f(i, (i+rowsB)%(2*rowsB)) / (2 * rowsB)
	}
	return mean
}

// others are the rows of other images than row i's.
func others(i int) (js []int) {
	for j := range 2 * rowsB {
		if j%rowsB != i%rowsB {
			js = append(js, j)
		}
	}
	return js
}

// plain are losses in plain loops, of rows x; what no gradient reaches is computed from the rows held.
var plain = map[string]struct {
	graph func(s *graph.Scope, x, y *graph.Node) *graph.Node
	loop  func(x, held []float64) float64
}{
	"hcl": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
		return (&HCL{Temperature: 0.5, Concentration: 2, ClassPrior: 0.1}).loss(losses.Compare(s, x, y))
	}, func(x, _ []float64) float64 { return robinson(x, 0.5, 2, 0.1) }},
	"hcl, bounded": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
		return (&HCL{Temperature: 0.5, ClassPrior: 0.4}).loss(losses.Compare(s, x, y))
	}, func(x, _ []float64) float64 { return robinson(x, 0.5, 0, 0.4) }},
	"dual_temperature": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
		m := &DualTemperature{Intra: 0.3, Inter: 1.5}
		return bothWays(func(x, y *graph.Node) *graph.Node { return m.loss(s, x, y) })(x, y)
	}, func(x, held []float64) float64 {
		return eachRow(func(i, p int) float64 {
			chance := func(x []float64, tau float64) float64 { // of the partner among the views of the other half
				sum := 0.0
				for j := range rowsB {
					sum += math.Exp(cosine(x, i, p/rowsB*rowsB+j) / tau)
				}
				return math.Exp(cosine(x, i, p)/tau) / sum
			}
			return -(1 - chance(held, 1.5)) / (1 - chance(held, 0.3)) * math.Log(chance(x, 0.3))
		})
	}},
	"ssl_hsic": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
		zy, zz := (&SSLHSIC{Scale: 0.8}).terms(s, []*graph.Node{x, y})
		return op.Sub(op.Scale(op.Sqrt(zz), 3), zy)
	}, func(x, _ []float64) float64 { return hsic(x, 0.8, 3) }},
	"margin": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
		return (&Margin{Margin: 1.4}).loss(losses.Compare(s, x, y))
	}, func(x, _ []float64) float64 {
		return eachRow(func(i, p int) float64 {
			far := 0.0
			for _, j := range others(i) {
				far += square(max(0, 1.4-math.Sqrt(2-2*cosine(x, i, j)+1e-9))) / 2 / (2*rowsB - 2)
			}
			return (2-2*cosine(x, i, p)+1e-9)/2 + far
		})
	}},
	"triplet, hard": {mined("hard", true), func(x, held []float64) float64 {
		return eachRow(func(i, p int) float64 {
			best := others(i)[0]
			for _, j := range others(i) {
				if cosine(held, i, j) > cosine(held, i, best) {
					best = j
				}
			}
			return max(0, 2*cosine(x, i, best)-2*cosine(x, i, p)+0.3)
		})
	}},
	"triplet, semi-hard": {mined("semi_hard", false), func(x, held []float64) float64 {
		return eachRow(func(i, p int) float64 {
			best, farthest := -1, others(i)[0]
			for _, j := range others(i) {
				if c := cosine(held, i, j); c < cosine(held, i, p) && (best < 0 || c > cosine(held, i, best)) {
					best = j
				}
				if cosine(held, i, j) < cosine(held, i, farthest) {
					farthest = j
				}
			}
			if best < 0 {
				best = farthest
			}
			return max(0, nudged(x, i, p)-nudged(x, i, best)+0.3)
		})
	}},
	"nca": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
		return neighbours(op.Concat(0, x, y), ofClass(s, s.Ints("labels", classes), 2))
	}, func(x, _ []float64) float64 {
		return eachRow(func(i, _ int) float64 {
			own, all := 0.0, 0.0
			for j := range 2 * rowsB {
				if j == i {
					continue
				}
				e := math.Exp(-squared(x, i, j))
				all += e
				if a, b := i%rowsB, j%rowsB; a == b || classes[a] == classes[b] && classes[a] >= 0 {
					own += e
				}
			}
			return math.Log(all / own)
		})
	}},
	"alpha_cl, quadratic": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
		m := &AlphaCL{Weights: "quadratic", Normalize: "none", Temperature: 0.7, Exponent: 1.5}
		contrast, _ := m.terms(losses.Compare(s, x, y))
		return contrast
	}, func(x, held []float64) float64 {
		return eachRow(func(i, p int) float64 {
			r := func(j int) float64 { return math.Pow(1-cosine(held, i, j), 1.5) }
			low, high := 0.0, 10.0 // the water level by bisection
			for range 100 {
				mu, sum := (low+high)/2, 0.0
				for _, j := range others(i) {
					sum += max(0, mu-r(j))
				}
				if sum > 0.7 {
					high = mu
				} else {
					low = mu
				}
			}
			loss := 0.0
			for _, j := range others(i) {
				loss += max(0, low-r(j)) / 0.7 * (cosine(x, i, j) - cosine(x, i, p))
			}
			return loss
		})
	}},
}

// classes of images: two of one, two of none, one of another.
var classes = []int32{1, -1, 1, -1, 0}

func square(x float64) float64 { return x * x }

// nudged is the distance of the directions of rows i and j, 1e-6 added to every difference.
func nudged(x []float64, i, j int) float64 {
	sum := 0.0
	for k := range rowsD {
		sum += square(x[i*rowsD+k]/math.Sqrt(dot(x, i, i)) - x[j*rowsD+k]/math.Sqrt(dot(x, j, j)) + 1e-6)
	}
	return math.Sqrt(sum)
}

func mined(how string, squares bool) func(s *graph.Scope, x, y *graph.Node) *graph.Node {
	m := &Triplet{Margin: 0.3, Mining: how, Squared: squares}
	return m.loss
}

// robinson is HCL's loss.
func robinson(x []float64, tau, beta, prior float64) float64 {
	const n = 2*rowsB - 2
	return eachRow(func(i, p int) float64 {
		own, sum, weights := math.Exp(cosine(x, i, p)/tau), 0.0, 0.0
		for _, j := range others(i) {
			e := math.Exp(cosine(x, i, j) / tau)
			sum, weights = sum+math.Pow(e, beta+1), weights+math.Pow(e, beta)
		}
		g := (n*sum/weights - n*prior*own) / (1 - prior)
		return -math.Log(own / (own + max(g, n*math.Exp(-1/tau))))
	})
}

// hsic is SSL-HSIC's loss.
func hsic(x []float64, c, gamma float64) float64 {
	const n = 2 * rowsB
	var k, h [n][n]float64
	own, all := 0.0, 0.0
	for i := range n {
		for j := range n {
			k[i][j] = c / math.Sqrt(c*c+2-2*cosine(x, i, j))
			all += k[i][j]
			if i%rowsB == j%rowsB && i != j {
				own += k[i][j]
			}
			h[i][j] = -1.0 / n
			if i == j {
				h[i][j]++
			}
		}
	}
	norm := 0.0 // |HKH|^2
	for i := range n {
		for j := range n {
			v := 0.0
			for a := range n {
				for b := range n {
					v += h[i][a] * k[a][b] * h[b][j]
				}
			}
			norm += v * v
		}
	}
	return gamma*math.Sqrt(norm/(n*n)) - (own/n - all/(n*n))
}

// Losses and their gradients are those of plain loops, the gradient by central differences.
func TestOneBatchPlain(t *testing.T) {
	for name, c := range plain {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				x := someRows(seed)
				got, gradient := evaluate(t, x, c.graph)
				if want := c.loop(x, x); math.Abs(got-want) > 1e-7*max(1, math.Abs(want)) {
					t.Fatalf("rows %d: the loss is %v, want %v", seed, got, want)
				}
				for i := range x {
					moved := append([]float64(nil), x...)
					moved[i] += 1e-5
					up := c.loop(moved, x)
					moved[i] -= 2e-5
					want := (up - c.loop(moved, x)) / 2e-5
					if math.Abs(gradient[i]-want) > 1e-6*max(1, math.Abs(want)) {
						t.Errorf("rows %d: gradient %d is %v, want %v", seed, i, gradient[i], want)
					}
				}
			}
		})
	}
}

// Methods are each other where their papers say so.
func TestOneBatchLimits(t *testing.T) {
	ntxent := func(s *graph.Scope, x, y *graph.Node) *graph.Node { return losses.NTXent(s, op.Concat(0, x, y), 0.4) }
	none := []int32{-1, -1, -1, -1, -1}
	for name, c := range map[string]struct {
		got, want func(s *graph.Scope, x, y *graph.Node) *graph.Node
	}{
		"HCL without weights and prior is NT-Xent": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
			return (&HCL{Temperature: 0.4}).loss(losses.Compare(s, x, y))
		}, ntxent},
		"SupCon without labels is NT-Xent": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
			u := allViews(s, []*graph.Node{x, y})
			return (&SupCon{Temperature: 0.4, Anchors: "all"}).loss(s, u, s.Ints("none", none), 2)
		}, ntxent},
		"two views of simclr_multiview are NT-Xent": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
			u := allViews(s, []*graph.Node{x, y})
			return losses.Recognise(u, losses.SameInts(s, losses.ImageOf(s, 2*rowsB, 2)), 0.4, true, 2*rowsB)
		}, ntxent},
		"alpha_cl's baseline is NT-Xent": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
			contrast, attract := (&AlphaCL{Weights: "infonce", Temperature: 0.4}).terms(losses.Compare(s, x, y))
			return op.Add(contrast, attract)
		}, ntxent},
		"DCLW of even weights is DCL": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
			o := losses.Compare(s, x, y)
			return op.MeanAll(decoupled(o, 0.4, unlikeness(o.Positive, 1e9)))
		}, func(s *graph.Scope, x, y *graph.Node) *graph.Node {
			return op.MeanAll(decoupled(losses.Compare(s, x, y), 0.4, nil))
		}},
		"one temperature of both kinds is InfoNCE": {func(s *graph.Scope, x, y *graph.Node) *graph.Node {
			return (&DualTemperature{Intra: 0.4, Inter: 0.4}).loss(s, x, y)
		}, func(s *graph.Scope, x, y *graph.Node) *graph.Node { return losses.InfoNCE(s, x, y, nil, 0.4) }},
	} {
		t.Run(name, func(t *testing.T) {
			x := someRows(9)
			got, dGot := evaluate(t, x, c.got)
			want, dWant := evaluate(t, x, c.want)
			if math.Abs(got-want) > 1e-8 {
				t.Errorf("the loss is %v, want %v", got, want)
			}
			for i := range dWant {
				if math.Abs(dGot[i]-dWant[i]) > 1e-8 {
					t.Errorf("gradient %d is %v, want %v", i, dGot[i], dWant[i])
				}
			}
		})
	}
}

// Mugs puts the teacher's embeddings of both large views into its queue, and evaluates the teacher.
func TestMugsInstanceQueue(t *testing.T) {
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 3, methodtest.TwoSizes([]int{8, 8, 2}, []int{4, 4, 2}, 2))
		m := small["mugs_instance"].(*MugsInstance)
		o := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		if o.Encoder != "teacher/backbone" || len(b.Wants()) != 4 {
			t.Errorf("evaluates %q and asks for %v; want the teacher and four views", o.Encoder, b.Wants())
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
	for name, a := range p.Inputs() {
		optest.Fill(a, name)
	}
	before := append([]float32(nil), st.Get("queue").F32...)
	p.Schedule(graph.Time{Step: 1, Steps: 10, PerEpoch: 10})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	for i, v := range st.Get("queue").F32 {
		if row := i / 4; (v != before[i]) != (row >= 6 && row < 12) {
			t.Errorf("row %d of the queue changed: %v; the second step fills rows 6 to 11", row, v != before[i])
		}
	}
}

// Settings that cannot be trained with are refused by their key, with what would do.
func TestOneBatchSettings(t *testing.T) {
	for want, m := range map[string]methods.Method{
		"temperature: 0: want a number above 0":        &DCL{Projector: []int{4}},
		"sigma: -1: want a number above 0":             &DCLW{Projector: []int{4}, Temperature: 1, Sigma: -1},
		`phi: "sqrt": want linear, log or squared_log`: &PhiPsi{Phi: "sqrt", Psi: "exp", Temperature: 1},
		`psi: "linear" has sums below 0`:               &PhiPsi{Phi: "log", Psi: "linear", Temperature: 1},
		`psi: "hinge" has sums of 0`:                   &PhiPsi{Phi: "log", Psi: "hinge", Temperature: 1},
		"offset: 1 is read by phi": &PhiPsi{Phi: "linear", Psi: "exp", Temperature: 1,
			Offset: 1},
		"margin: 1 is read by psi": &PhiPsi{Phi: "linear", Psi: "sigmoid", Temperature: 1,
			Margin: 1},
		"want at least 0.027":                              &PhiPsi{Phi: "log", Psi: "exp", Temperature: 0.01},
		`normalize: "anchor": weights = "infonce" has its`: &AlphaCL{Weights: "infonce", Normalize: "anchor"},
		"with_self: true is read by weights": &AlphaCL{Weights: "exp", Normalize: "none", WithSelf: true,
			Power: 1},
		"power: 2 is read by weights":                    &AlphaCL{Weights: "exp", Normalize: "none", Power: 2},
		`anchors: "one": want all or first`:              &SupCon{Anchors: "one"},
		"align_weight and uniform_weight are both 0":     &AlignUniform{},
		"t: 30: want a number above 0, and at most 20":   &AlignUniform{AlignWeight: 1, T: 30},
		"margin: 3: want a number from 0 to 2":           &Margin{Margin: 3},
		`mining: "easy": want hard, semi_hard or all`:    &Triplet{Mining: "easy"},
		"exp((1 + concentration)/0.01) leaves float32":   &HCL{Temperature: 0.01, Concentration: 1},
		"class_prior: 1: want a number from 0 up to":     &HCL{Temperature: 1, ClassPrior: 1},
		"scaling: 2: want a number from 0 to 1":          &MACL{Temperature: 1, Scaling: 2},
		"inter: 0: want a number above 0":                &DualTemperature{Intra: 1},
		"dimensions: 0: want at least 1":                 &DirectCLR{},
		"invariance: -1: want a weight of 0 or more":     &ReLIC{Invariance: -1},
		"regularization: -1: want a weight of 0 or more": &SSLHSIC{Regularization: -1},
		"queue: 0: want at least 1":                      &MugsInstance{},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: got %v, want %s", m, err, want)
		}
	}
	for _, m := range []methods.Method{DefaultDCL(), DefaultDCLW(), DefaultPhiPsi(), DefaultAlphaCL(), DefaultSupCon(),
		DefaultSimCLRMultiview(), DefaultAlignUniform(), DefaultMargin(), DefaultTriplet(), DefaultNCA(), DefaultHCL(),
		DefaultMACL(), DefaultDualTemperature(), DefaultDirectCLR(), DefaultReLIC(), DefaultSSLHSIC(),
		DefaultMugsInstance()} {
		if err := m.Validate(); err != nil {
			t.Errorf("the defaults of %T: %v", m, err)
		}
	}
}

// What the data or the encoder cannot give stops the build with what they can.
func TestOneBatchRefusals(t *testing.T) {
	unlabelled := labelled()
	unlabelled.Classes = 0
	for _, c := range []struct {
		m     methods.Method
		batch int
		want  string
	}{
		{DefaultDCL(), 1, "a batch of 1 image has no other to compare it with; want train.batch of at least 2"},
		{DefaultSupCon(), 4, "want a data set with labels of at least 2 classes, this one has 0"},
		{DefaultNCA(), 4, "want a data set with labels of at least 2 classes, this one has 0"},
		{DefaultDirectCLR(), 4, "dimensions = 360: the encoder has 5 features; want at most that"},
	} {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, c.batch, unlabelled)
			c.m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b)
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: got %v, want %s", c.m, err, c.want)
		}
	}
}
