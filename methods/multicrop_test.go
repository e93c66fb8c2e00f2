package methods_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/methods/correlation"
	"selfsup/methods/distillation"
	"selfsup/methods/methodtest"
)

// Methods that take views of any number of sizes.
var (
	cropSimCLR = &contrastive.SimCLR{Projector: []int{6, 4}, Temperature: 0.3}
	cropBYOL   = &distillation.BYOL{Projector: []int{6, 4}, Predictor: []int{5}, Momentum: 0.9}
	cropVICReg = &correlation.VICReg{Projector: []int{6, 5}, Invariance: 25, Variance: 25, Covariance: 1}
)

// embed gives the embeddings of the student, and of the teacher where there is one, of views that come by size;
// together says that views of one size are one batch.
func embed(s *graph.Scope, enc methods.Encoder, widths []int, crops [][]node, together bool) (z []node) {
	encode, project := enc.New(s), heads.MLP(s.In("projector"), enc.Dim, widths...)
	for _, x := range crops {
		if together {
			views, _ := methods.SplitViews([]node{project(encode(op.Concat(0, x...)))}, op.ShapeOf(x[0])[0])
			z = append(z, views...)
			continue
		}
		for _, view := range x {
			z = append(z, project(encode(view)))
		}
	}
	return z
}

// guesses are BYOL's of every view, and targets its teacher's of the large ones.
func guesses(s *graph.Scope, enc methods.Encoder, crops [][]node) (p, z []node) {
	m := cropBYOL
	predict := heads.MLP(s.In("predictor"), 4, 5, 4)
	for _, x := range embed(s, enc, m.Projector, crops, false) {
		p = append(p, predict(x))
	}
	return p, embed(s.Twin("teacher", s.Constant(0.9)), enc, m.Projector, crops[:1], false)
}

// runOnce compiles a training graph with a convnet, runs it from fixed parameters and inputs, and returns the
// outputs that build names.
func runOnce(t *testing.T, data methods.Data,
	build func(s *graph.Scope, enc methods.Encoder, b *methods.Batch) map[string]node) map[string]ir.Array {
	t.Helper()
	var outputs map[string]node
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 8, data)
		outputs = build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 6}}, b.Of("view0")), b)
		for name, n := range outputs {
			s.Output(name, n)
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
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	result := map[string]ir.Array{}
	for name := range outputs {
		if result[name], err = p.Output(name); err != nil {
			t.Fatal(err)
		}
	}
	return result
}

// withGradients are a loss and its gradient for every parameter.
func withGradients(s *graph.Scope, loss node) map[string]node {
	params := s.Params()
	all := map[string]node{"loss": loss}
	for i, d := range s.Gradients(loss, params) {
		all["gradient "+s.Name(params[i])] = d
	}
	return all
}

// Two views of one size give the bits that the methods' equations for two views give, the loss's and every gradient's.
func TestTwoViewsAreExact(t *testing.T) {
	data := methodtest.Images(9, 8, 2)
	for name, c := range map[string]struct {
		m   methods.Method
		two func(s *graph.Scope, enc methods.Encoder, a, b node) node
	}{
		"simclr": {cropSimCLR, func(s *graph.Scope, enc methods.Encoder, a, b node) node {
			encode, project := enc.New(s), heads.MLP(s.In("projector"), enc.Dim, cropSimCLR.Projector...)
			return losses.NTXent(s, project(encode(op.Concat(0, a, b))), cropSimCLR.Temperature)
		}},
		"byol": {cropBYOL, func(s *graph.Scope, enc methods.Encoder, a, b node) node {
			p, z := guesses(s, enc, [][]node{{a, b}})
			return op.Add(losses.Regression(p[0], z[1]), losses.Regression(p[1], z[0]))
		}},
		"vicreg": {cropVICReg, func(s *graph.Scope, enc methods.Encoder, a, b node) node {
			m, z := cropVICReg, embed(s, enc, cropVICReg.Projector, [][]node{{a, b}}, false)
			return op.Sum(op.Scale(losses.MSE(z[0], z[1]), m.Invariance),
				op.Scale(op.Scale(op.Add(losses.SpreadHinge(z[0]), losses.SpreadHinge(z[1])), 0.5), m.Variance),
				op.Scale(op.Add(losses.Decorrelation(z[0]), losses.Decorrelation(z[1])), m.Covariance))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := runOnce(t, data, func(s *graph.Scope, enc methods.Encoder, b *methods.Batch) map[string]node {
				return withGradients(s, c.m.Build(s, enc, b).Loss())
			})
			want := runOnce(t, data, func(s *graph.Scope, enc methods.Encoder, b *methods.Batch) map[string]node {
				return withGradients(s, c.two(s, enc, b.View(0), b.View(1)))
			})
			if len(got) != len(want) || len(want) < 10 {
				t.Fatalf("%d numbers, want %d", len(got), len(want))
			}
			for of, w := range want {
				if !slices.Equal(got[of].F32, w.F32) {
					t.Errorf("%s differs from that of two views: got %v, want %v", of, got[of].F32, w.F32)
				}
			}
		})
	}
}

// rows are embeddings as plain numbers.
func rows(a ir.Array) [][]float64 {
	d := a.Shape.Last()
	z := make([][]float64, a.Shape[0])
	for i := range z {
		for j := range d {
			z[i] = append(z[i], a.At(i*d+j))
		}
	}
	return z
}

func cosine(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	return ab / math.Sqrt(aa*bb)
}

// contrast is NT-Xent of two views: arXiv:2002.05709, eq. 1.
func contrast(a, b [][]float64, tau float64) (loss float64) {
	z := slices.Concat(a, b)
	for i := range z {
		var sum float64
		for j := range z {
			if j != i {
				sum += math.Exp(cosine(z[i], z[j]) / tau)
			}
		}
		partner := (i + len(a)) % len(z)
		loss += (math.Log(sum) - cosine(z[i], z[partner])/tau) / float64(len(z))
	}
	return loss
}

// regularised is VICReg's loss of two views: arXiv:2105.04906, eq. 1 to 6, with the mean of the two variance terms.
func regularised(m *correlation.VICReg, a, b [][]float64) float64 {
	n, d := len(a), len(a[0])
	var invariance float64
	for i := range a {
		for j := range a[i] {
			invariance += (a[i][j] - b[i][j]) * (a[i][j] - b[i][j]) / float64(n*d)
		}
	}
	loss := m.Invariance * invariance
	for _, z := range [][][]float64{a, b} {
		mean := make([]float64, d)
		for i := range z {
			for j := range d {
				mean[j] += z[i][j] / float64(n)
			}
		}
		for j := range d {
			for k := range d {
				var cov float64
				for i := range z {
					cov += (z[i][j] - mean[j]) * (z[i][k] - mean[k]) / float64(n-1)
				}
				if j == k {
					loss += m.Variance * 0.5 * max(0, 1-math.Sqrt(cov+1e-4)) / float64(d)
				} else {
					loss += m.Covariance * cov * cov / float64(d)
				}
			}
		}
	}
	return loss
}

// Of two large and four small views every large one is paired with all others, and the loss is the mean of the
// formula for two views over the pairs: nine for SimCLR and VICReg, where two large ones meet once, ten for BYOL,
// whose directions count.
func TestPairsOfCrops(t *testing.T) {
	data := methodtest.TwoSizes([]int{9, 8, 2}, []int{5, 4, 2}, 4)
	for name, c := range map[string]struct {
		m       methods.Method
		embed   func(s *graph.Scope, enc methods.Encoder, crops [][]node) (z, targets []node)
		pair    func(a, b [][]float64) float64 // loss of two embeddings, or of a guess and a target
		ordered bool
	}{
		"simclr": {cropSimCLR, func(s *graph.Scope, enc methods.Encoder, crops [][]node) (z, targets []node) {
			return embed(s, enc, cropSimCLR.Projector, crops, true), nil
		}, func(a, b [][]float64) float64 { return contrast(a, b, cropSimCLR.Temperature) }, false},
		"vicreg": {cropVICReg, func(s *graph.Scope, enc methods.Encoder, crops [][]node) (z, targets []node) {
			return embed(s, enc, cropVICReg.Projector, crops, false), nil
		}, func(a, b [][]float64) float64 { return regularised(cropVICReg, a, b) }, false},
		"byol": {cropBYOL, guesses, func(guess, target [][]float64) (loss float64) {
			for i := range guess {
				// twice, for as large a loss as two views have
				loss += 2 * (2 - 2*cosine(guess[i], target[i])) / float64(len(guess))
			}
			return loss
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := runOnce(t, data, func(s *graph.Scope, enc methods.Encoder, b *methods.Batch) map[string]node {
				return map[string]node{"loss": c.m.Build(s, enc, b).Loss()}
			})["loss"].At(0)
			z := runOnce(t, data, func(s *graph.Scope, enc methods.Encoder, b *methods.Batch) map[string]node {
				views, targets := c.embed(s, enc, b.Crops())
				out := map[string]node{}
				for i, n := range views {
					out[fmt.Sprint("view", i)] = n
				}
				for i, n := range targets {
					out[fmt.Sprint("target", i)] = n
				}
				return out
			})
			pairs, sum := 0.0, 0.0
			for large := range 2 {
				for other := range 6 {
					switch {
					case other == large || !c.ordered && other < large:
						continue
					case c.ordered:
						sum += c.pair(rows(z[fmt.Sprint("view", other)]), rows(z[fmt.Sprint("target", large)]))
					default:
						sum += c.pair(rows(z[fmt.Sprint("view", large)]), rows(z[fmt.Sprint("view", other)]))
					}
					pairs++
				}
			}
			if want := sum / pairs; math.Abs(got-want) > 2e-5*math.Abs(want) {
				t.Errorf("the loss is %v, want %v, the mean over %v pairs", got, want, pairs)
			}
		})
	}
}
