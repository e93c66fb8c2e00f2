// Package optim holds the optimisers as graph updates: for every parameter the new value and the new moments are nodes,
// committed with the rest of the step.
package optim

import (
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Rule is how a parameter is updated. A program of its own can add one.
type Rule interface {
	// Step returns the new value of a parameter. It declares the parameter's moments in s and updates them.
	Step(s *graph.Scope, in Slot) *graph.Node
}

// Slot holds one parameter, its gradient and its moments for a rule. Settings that change with the step are 0-d.
type Slot struct {
	Param, Gradient *graph.Node
	Rate            *graph.Node // learning rate
	Decay           *graph.Node // weight decay; 0 where the parameter gets none
	Count           *graph.Node // steps of this parameter, counted from 1; only Adam's bias correction reads it
	Plain           bool        // no decay, and no trust ratio either
}

// Hyper are the settings of a training that change with the step, 0-d nodes.
type Hyper struct {
	Rate  *graph.Node // learning rate
	Decay *graph.Node // weight decay
	Step  *graph.Node // counts from 1, see CountSteps
}

// CountSteps is the schedule of Hyper.Step.
func CountSteps(t graph.Time) float64 { return float64(t.Step + 1) }

// Treatment is how one parameter is trained. The zero value is like all others, with weight decay.
type Treatment struct {
	Plain bool        // neither weight decay nor trust ratio
	Rate  *graph.Node // 0-d learning rate; nil: Hyper's
	Hold  *graph.Node // 0-d, 1 in steps in which the parameter and its moments stay as they are, else 0; nil: never
}

// PlainOnly is the usual treatment: parameters with one axis (biases, scales and shifts of norms) and those of Plain
// scopes get neither weight decay nor a trust ratio.
func PlainOnly(s *graph.Scope) func(p *graph.Node) Treatment {
	return func(p *graph.Node) Treatment { return Treatment{Plain: len(op.ShapeOf(p)) < 2 || s.IsPlain(p)} }
}

// Training holds the settings of Apply besides the rule.
type Training struct {
	Treat func(p *graph.Node) Treatment // nil: all alike
	// Clip is the largest norm of all gradients together, as in PyTorch's clip_grad_norm_; 0: there is none.
	Clip float64
	// Parts is how many parts of a batch a step adds up, one run of the program each; 0 and 1: the batch is whole.
	// Gradients are averaged over the parts, and only the run of the last one changes parameters, moments and teachers.
	Parts int
	// The gradients of the parts are added up, to those that Collect has put aside before, rather than averaged: the
	// loss is that of the batch.
	Collected map[string]bool // parameters that Collect has gradients of; nil: there is no Collect
}

// Unreached is what an error of Apply says of a parameter that the loss does not reach.
const Unreached = "the loss does not depend on this parameter"

// Apply declares the updates of params for a loss, and returns the gradients before clipping: of a part, or with
// Collected of all parts so far. It is an error if there is no parameter, or one that the loss does not reach. Teachers
// that follow the parameters are updated by UpdateTwins afterwards.
func Apply(s *graph.Scope, r Rule, loss *graph.Node, params []*graph.Node, h Hyper, t Training) []*graph.Node {
	if len(params) == 0 {
		op.Fail(s.Path(), "there is no parameter to train")
	}
	gs := s.Gradients(loss, params)
	for i, p := range params {
		if gs[i] == nil && !t.Collected[s.Name(p)] {
			op.Fail(s.Name(p), "%s", Unreached)
		}
	}
	zero := s.Constant(0)
	moments := s.In("optimizer")
	all, use, wait := t.gradients(s, moments, params, gs)
	for i, p := range params {
		var how Treatment
		if t.Treat != nil {
			how = t.Treat(p)
		}
		in := Slot{Param: p, Gradient: use[i], Rate: h.Rate, Decay: h.Decay, Count: h.Step, Plain: how.Plain}
		if how.Plain {
			in.Decay = zero
		}
		if how.Rate != nil {
			in.Rate = how.Rate
		}
		at := moments.In(s.Name(p))
		hold := wait
		if how.Hold != nil {
			hold = either(wait, how.Hold)
			in.Count = count(at, hold)
		}
		before := len(at.Moments())
		next := r.Step(at, in)
		if hold == nil {
			s.Update(p, next)
			continue
		}
		s.Update(p, op.Lerp(p, next, hold))
		for _, m := range at.Moments()[before:] {
			s.Evolve(m, func(next *graph.Node) *graph.Node { return op.Lerp(m, next, hold) })
		}
	}
	if wait != nil {
		s.HoldTwins(wait)
	}
	return all
}

// Collect puts the gradients of parameters aside, nil where there is none, for an Apply in another program of the step.
// It returns the names of those that have one.
func Collect(s *graph.Scope, params, gs []*graph.Node) map[string]bool {
	moments, names := s.In("optimizer"), map[string]bool{}
	for i, p := range params {
		if gs[i] != nil {
			names[s.Name(p)] = true
			s.Update(sumOf(moments, s.Name(p), p), gs[i])
		}
	}
	return names
}

// sumOf is where the gradients of a parameter are added up within a step.
func sumOf(moments *graph.Scope, name string, p *graph.Node) *graph.Node {
	return moments.In(name).Moment("sum", graph.Fill(0), op.ShapeOf(p)...)
}

// gradients are what the rule sees: added up over the parts of a batch, and clipped. all is what a step is judged by:
// before clipping, of a part alone where the parts are averaged. wait is 1 while parts are to come, nil where the batch
// is whole.
func (t Training) gradients(s, moments *graph.Scope, params, gs []*graph.Node) (all, use []*graph.Node,
	wait *graph.Node) {
	use = append(use, gs...)
	if t.Parts > 1 {
		wait = s.Scheduled("optimizer/wait", func(t graph.Time) float64 {
			if t.Part+1 < t.Parts {
				return 1
			}
			return 0
		})
		for i, p := range params {
			sum := sumOf(moments, s.Name(p), p)
			switch {
			case gs[i] == nil:
				use[i] = sum
			case t.Collected != nil:
				use[i] = op.Add(sum, gs[i])
			default:
				use[i] = op.Add(sum, op.Scale(gs[i], 1/float64(t.Parts)))
			}
			s.Update(sum, op.Mul(use[i], wait)) // the last part leaves zeros
		}
	}
	if all = gs; t.Collected != nil {
		all = append(all[:0:0], use...)
	}
	if t.Clip > 0 {
		factor := clip(use, t.Clip)
		for i := range use {
			use[i] = op.Mul(use[i], factor)
		}
	}
	return all, use, wait
}

// clip is min(1, most/(norm + 1e-6)) for the norm of all gradients together, 0-d: PyTorch's clip_grad_norm_.
func clip(gs []*graph.Node, most float64) *graph.Node {
	squares := make([]*graph.Node, len(gs))
	for i, g := range gs {
		squares[i] = op.SumSquares(g)
	}
	over := op.Affine(op.Sqrt(op.Sum(squares...)), 1/most, 1e-6/most-1) // how far above 1 the norm is, in units of most
	return op.Reciprocal(op.Shift(op.Relu(over), 1))
}

// either is 1 where a or b is; a may be nil.
func either(a, b *graph.Node) *graph.Node {
	if a == nil {
		return b
	}
	return op.Sub(op.Add(a, b), op.Mul(a, b))
}

// count is the number of this step among those in which a parameter was not held, from 1. PyTorch counts so for
// parameters whose gradient is None.
func count(s *graph.Scope, hold *graph.Node) *graph.Node {
	n := s.Moment("count", graph.Fill(0))
	next := op.Sub(op.Shift(n, 1), hold)
	s.Update(n, next)
	return atLeastOne(next)
}

// atLeastOne keeps a bias correction away from 0 in steps that are held anyway.
func atLeastOne(n *graph.Node) *graph.Node { return op.Shift(op.Relu(op.Shift(n, -1)), 1) }

// LayerFactors returns the factor of every parameter's learning rate under layer-wise decay: decay^(top-i) for those of
// layer i (see graph.Scope.Layer), where top is one above the highest layer, and 1 for parameters without a layer:
// final norms and heads.
//
// Bao et al. 2022, arXiv:2106.08254, app. H; MAE's util/lr_decay.py counts the same way.
func LayerFactors(s *graph.Scope, params []*graph.Node, decay float64) []float64 {
	top := 0
	for _, p := range params {
		if i, ok := s.LayerOf(p); ok {
			top = max(top, i+1)
		}
	}
	factors := make([]float64, len(params))
	for k, p := range params {
		factors[k] = 1
		if i, ok := s.LayerOf(p); ok {
			factors[k] = math.Pow(decay, float64(top-i))
		}
	}
	return factors
}
