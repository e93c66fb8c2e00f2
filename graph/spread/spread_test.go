package spread_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/comm"
	"selfsup/graph/comm/commtest"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/graph/ref"
	"selfsup/graph/spread"
)

const batch = 12

// programs are training steps on a batch of 12 whose samples meet in many ways. Each returns its loss.
var programs = map[string]func(s *graph.Scope) *graph.Node{
	// two views in one batch, convolutions with batch norms, an MLP, negatives with the diagonal masked
	"contrast": func(s *graph.Scope) *graph.Node {
		x := op.Concat(0, s.BatchInput("view0", ir.F64, batch, 5, 4, 2), s.BatchInput("view1", ir.F64, batch, 5, 4, 2))
		x = op.Relu(layer.BatchNorm(s.In("n1"), 3)(op.Conv2D(x, s.Param("w1", graph.LinearUniform(9), 3, 3, 2, 3),
			op.Conv{Pad: [2]int{1, 1}})))
		x = op.MaxPool2D(x, op.Pool{Kernel: [2]int{2, 2}})
		z := layer.Chain(layer.Linear(s.In("l1"), 3, 6, true), layer.BatchNormPlain(s.In("n2"), 6))(op.GlobalAvgPool(x))
		z = op.Normalize(z, 1e-12)
		logits := op.MaskDiagonal(op.Scale(op.Gram(z), 5), -1e9)
		partner := make([]int32, 2*batch)
		for i := range partner {
			partner[i] = int32((i + batch) % (2 * batch))
		}
		both := op.Concat(0, op.Slice(z, 0, 0, batch), z) // [3B,6]
		return op.Add(op.MeanAll(op.CrossEntropy(logits, s.Ints("partner", partner), 0.1)),
			op.MeanAll(op.Softplus(op.MatMul(both, both, true, false))))
	},
	// tokens: attention, layer norms, dropout, a table, a queue, statistics of columns
	"tokens": func(s *graph.Scope) *graph.Node {
		x := s.BatchInput("view0", ir.F64, batch, 3, 6)
		rows := s.BatchInput("rows", ir.I32, batch)
		norm := func(name string, x *graph.Node) *graph.Node {
			gamma, beta := s.Param(name+"/weight", graph.Fill(1), 6), s.Param(name+"/bias", graph.Fill(0), 6)
			return op.LayerNorm(x, gamma, beta, 1e-5)
		}
		qkv := layer.Linear(s.In("qkv"), 6, 18, true)(op.Reshape(norm("norm", x), batch*3, 6))
		y := op.Add(x, op.Attention(op.Reshape(qkv, batch, 3, 3, 2, 3), 0.5))
		key := s.Floats("key", []float64{3, 5}, 2)
		y = op.Mul(y, op.RandomKeep(key, s.Scheduled("step", optim.CountSteps), 0, 0.8, batch, 3, 6))
		h := op.Mean(norm("last", y), false, 1)                                    // [B,6]
		h = op.Add(h, op.Gather(s.Param("table", graph.Normal(0.1), 30, 6), rows)) // [B,6]
		centred := op.Sub(h, op.Mean(h, true, 0))                                  // [B,6]
		cov := op.Scale(op.ColumnGram(centred), 1.0/(batch-1))                     // [6,6]
		queue := s.State("queue", graph.Normal(1), 5, 6)                           // [5,6]
		all := op.Concat(0, op.StopGradient(op.Slice(h, 0, 0, 5)), queue)          // rows of the batch and others
		s.Update(queue, op.Slice(all, 0, 2, 7))
		near := op.LogSumExp(op.MatMul(h, all, false, true)) // [B]
		return op.Add(op.SumAll(op.Square(op.OffDiagonal(cov))), op.Add(op.MeanAll(near),
			op.MeanAll(op.Softplus(op.Transpose(op.MatMul(h, h, false, true), 1, 0)))))
	},
	// what has no rule here is done whole: sorting, whitening, an order over the batch
	"whole": func(s *graph.Scope) *graph.Node {
		x := s.BatchInput("view0", ir.F64, batch, 4)
		z := layer.Linear(s.In("l"), 4, 4, true)(x)
		cov := op.Add(op.Scale(op.ColumnGram(z), 1.0/batch), s.Identity(4))
		white := op.MatMul(z, op.InverseCholesky(cov), false, true)
		first := op.TopK(op.Transpose(white, 1, 0), 3) // of the samples, for every column
		picked := op.Gather(white, op.Reshape(op.Slice(first, 0, 0, 1), 3))
		return op.Add(op.MeanAll(op.Square(picked)), op.MeanAll(op.Exp(op.Slice(white, 0, 1, 9))))
	},
}

// result is the loss of every step, and the gradients of the last by parameter.
type result struct {
	losses    []float64
	names     []string
	gradients [][]float64
}

// train takes steps on some ranks' part of a batch.
func train(f func(s *graph.Scope) *graph.Node, c comm.Comm, steps int) (r result, err error) {
	ranks := spread.Ranks{}
	if c != nil {
		ranks = spread.Ranks{Rank: c.Rank(), Size: c.Size()}
	}
	g, err := graph.Build(graph.Options{Training: true, DType: ir.F64, Ranks: ranks}, func(s *graph.Scope) {
		loss := f(s)
		rule := optim.DefaultAdamW()
		gs := optim.Apply(s, rule, loss, s.Params(), optim.Hyper{Rate: s.Constant(0.01), Decay: s.Constant(0.1),
			Step: s.Scheduled("step", optim.CountSteps)}, optim.Training{Clip: 0.5})
		s.Output("loss", loss)
		for i, p := range s.Params() {
			r.names = append(r.names, "gradient/"+s.Name(p))
			s.Output(r.names[i], gs[i])
		}
	})
	if err != nil {
		return r, err
	}
	p, err := g.Compile(ref.Backend{Ranks: c}, graph.NewStore(7))
	if err != nil {
		return r, err
	}
	for step := range steps {
		for name, in := range p.Inputs() {
			if len(in.Shape) == 0 {
				continue
			}
			n := in.Shape[1:].Size()
			for i := range in.Shape.Size() {
				row := i/n + ranks.Rank*in.Shape[0]
				of := 1 + float64(len(name))/7 + float64(name[len(name)-1])
				v := math.Sin(float64(step+1) * float64(1+row*n+i%n) * of)
				if in.DType == ir.I32 {
					v = math.Floor(15 + 14*v)
				}
				in.Set(i, v)
			}
		}
		p.Schedule(graph.Time{Step: step, Steps: steps})
		if err := p.Run(); err != nil {
			return r, err
		}
		loss, _ := p.Output("loss")
		r.losses = append(r.losses, loss.At(0))
	}
	for _, name := range r.names {
		a, _ := p.Output(name)
		r.gradients = append(r.gradients, slices.Clone(a.F64))
	}
	return r, nil
}

// largest is the largest number without its sign.
func largest(list ...float64) (most float64) {
	for _, v := range list {
		most = max(most, math.Abs(v))
	}
	return most
}

// The same numbers on 1, 2, 3 and 4 ranks in float64: gradients of one step to 1e-12 of the largest of a parameter,
// losses of five to 1e-10. Where the true gradient is 0, as that of a bias before a batch norm, there is rounding
// alone, which is judged by the largest gradient of all.
func TestRanksGiveTheSame(t *testing.T) {
	for name, f := range programs {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				steps int
				tol   float64
			}{{1, 1e-12}, {5, 1e-10}} {
				want, err := train(f, nil, c.steps)
				if err != nil {
					t.Fatal(err)
				}
				all := largest(slices.Concat(want.gradients...)...)
				for _, n := range []int{2, 3, 4} {
					for rank, err := range commtest.Run(n, func(to comm.Comm) error {
						got, err := train(f, to, c.steps)
						if err != nil {
							return err
						}
						for i, v := range want.losses {
							if !(math.Abs(got.losses[i]-v) <= c.tol*math.Abs(v)) {
								return fmt.Errorf("step %d: loss %v, want %v", i, got.losses[i], v)
							}
						}
						for i, exact := range want.gradients {
							most := largest(exact...)
							if most < 1e-12*all {
								most = all
							}
							for k, v := range exact {
								if d := math.Abs(got.gradients[i][k]-v) / most; !(d <= c.tol) {
									return fmt.Errorf("%s: element %d is %v, want %v: %.2g apart", want.names[i], k,
										got.gradients[i][k], v, d)
								}
							}
						}
						return nil
					}) {
						if err != nil {
							t.Errorf("rank %d of %d, %d steps: %v", rank, n, c.steps, err)
						}
					}
				}
			}
		})
	}
}

// A rank computes on its own rows: no temporary of the first program's network has those of the whole batch, and its
// gradients are summed in one slice, begun before and awaited behind the last of them.
func TestRowsStayApart(t *testing.T) {
	g, err := graph.Build(graph.Options{Training: true, DType: ir.F64, Ranks: spread.Ranks{Rank: 1, Size: 3}},
		func(s *graph.Scope) {
			loss := programs["contrast"](s)
			for i, d := range s.Gradients(loss, s.Params()) {
				s.Output(fmt.Sprint("d", i), d)
			}
		})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Lower()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	begin, end, last := -1, -1, -1
	for i, in := range p.Instrs {
		out := p.Bufs[in.Out]
		count[in.Spec.Name()]++
		if len(out.Shape) == 4 && out.Shape[0] == 2*batch {
			t.Errorf("%s makes %v, the whole batch", in.Spec.Name(), out.Type)
		}
		switch name := in.Spec.Name(); {
		case name == "all_reduce_begin":
			begin = i
		case name == "all_reduce_end":
			end = i
		case strings.HasPrefix(name, "conv2d_dw"):
			last = i
		}
	}
	if count["all_reduce_begin"] != 1 || !(last < begin && begin < end) {
		t.Errorf("the last gradient is made at %d, sums begin at %d and end at %d: %v", last, begin, end, count)
	}
	for _, in := range p.Instrs {
		if p.Bufs[in.Out].Shape.Equal(ir.Shape{2 * batch, 2 * batch}) {
			t.Errorf("%s makes the products of all rows with all", in.Spec.Name())
		}
	}
	// statistics of two norms, and what a row is compared with
	if got := count["all_gather"]; got > 5 {
		t.Errorf("%d all-gathers, want at most 5: %v", got, count)
	}
}

// A batch that ranks cannot share is an error.
func TestUnevenBatch(t *testing.T) {
	g, err := graph.Build(graph.Options{DType: ir.F64, Ranks: spread.Ranks{Size: 5}}, func(s *graph.Scope) {
		s.Output("sum", op.SumAll(s.BatchInput("x", ir.F64, 12, 3)))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.Lower()
	if err == nil || !strings.Contains(err.Error(), "a batch of 12 samples does not divide by 5 ranks") {
		t.Errorf("got %v, want that 12 samples do not divide by 5", err)
	}
}
