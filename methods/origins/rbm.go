package origins

import (
	"fmt"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// RBM trains a stack of restricted Boltzmann machines by contrastive divergence, one layer after the other: each learns
// to give what it sees a lower free energy than what it makes of that by itself.
//
// Hinton, Neural Computation 2002 (CD-k); Hinton, Osindero and Teh, Neural Computation 2006, section 4 (the stack);
// choices as in Hinton 2010, UTML TR 2010-003. The loss of a layer is F(v0) - F(vk) with the chain's end vk held fixed:
// its gradient is the CD update, whose hidden units enter by their probabilities on both sides, and its value says
// nothing. Above the first layer, what a machine sees are probabilities of the layer below. A layer learns in its part
// of the training, all parts as long, at the optimizer's peak rate throughout, and then stays as it is.
type RBM struct {
	K int `toml:"k"` // steps of Gibbs sampling
	// pixels: sample (on with their grey as the probability) | threshold (on above one half)
	Binarize string `toml:"binarize"`
	// chains go on from step to step instead of starting at the data (Tieleman, ICML 2008)
	Persistent bool `toml:"persistent"`
}

// DefaultRBM is CD-1.
func DefaultRBM() *RBM { return &RBM{K: 1, Binarize: "sample"} }

// Validate implements methods.Method.
func (m *RBM) Validate() error {
	switch {
	case m.K < 1:
		return setting.Bad("k", "%d: want at least 1 step", m.K)
	case m.Binarize != "sample" && m.Binarize != "threshold":
		return setting.Bad("binarize", "%q: want \"sample\" or \"threshold\"", m.Binarize)
	}
	return nil
}

// Build implements methods.Method.
func (m *RBM) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if enc.Stack == nil {
		b.Unfit("rbm trains layers of logistic units: want a backbone of them, such as [backbone.dbn]")
	}
	x := b.View(0)
	checkBits(s, b, "rbm")
	stack := enc.Stack(s)
	v := op.Reshape(x, b.Size(), stack[0].In) // [B,V]
	random := s.Random("units")
	if m.Binarize == "sample" {
		v = random.BernoulliOf(v)
	} else {
		v = op.Greater(v, s.Constant(0.5))
	}
	o := methods.Objective{Features: enc.New(s)(x)}
	for i, u := range stack {
		at := s.In("visible").In(fmt.Sprint(i))
		machine := Machine{Units: u, Visible: at.Param("bias", graph.Fill(0), u.In)}
		start := v
		if m.Persistent {
			start = at.State("chain", graph.Fill(0), b.Size(), u.In)
		}
		end := machine.Gibbs(start, m.K, random.BernoulliOf) // [B,V]
		if m.Persistent {
			s.Update(start, end)
		}
		o.Terms = append(o.Terms, methods.Term{Name: fmt.Sprintf("free_energy%d", i), Weight: 1,
			Value: machine.Divergence(v, end)})
		back := op.MeanAll(op.Square(op.Sub(v, machine.Down(u.Up(v)))))
		o.Metrics = append(o.Metrics, methods.Metric{Name: fmt.Sprintf("reconstruction%d", i), Value: back})
		hold := outside(i, len(stack))
		o.Tune = append(o.Tune, methods.Tune{Scope: u.Path, Flat: true, Hold: hold}, methods.Tune{Scope: at.Path(),
			Flat: true, Hold: hold})
		v = op.StopGradient(u.Up(v)) // a layer above moves nothing below
	}
	return o
}

// checkBits stops a build whose views are not between 0 and 1.
func checkBits(s *graph.Scope, b *methods.Batch, method string) {
	f := b.Of("view0")
	for c := range f.Low {
		if f.Low[c] != 0 || f.High[c] != 1 {
			op.Fail(s.Path(), "%s takes pixels as probabilities, and these views go from %.3g to %.3g: want "+
				"views.mean = [0.0] and views.std = [1.0], a number a channel", method, f.Low[c], f.High[c])
		}
	}
	if f.Low == nil {
		b.Unfit("%s takes values from 0 to 1 as probabilities; the data have %v without bounds", method, f)
	}
}

// outside is 1 but in part i of n of the training.
func outside(i, n int) graph.Schedule {
	return func(t graph.Time) float64 {
		if t.Step >= t.Steps*i/n && t.Step < t.Steps*(i+1)/n {
			return 0
		}
		return 1
	}
}

// Machine is a restricted Boltzmann machine: units on a visible layer with biases of its own.
type Machine struct {
	*backbones.Units
	Visible *graph.Node // b, [V]
}

// Below is the input that every visible unit gets, h [B,H] -> h W' + b [B,V].
func (m Machine) Below(h *graph.Node) *graph.Node {
	return op.Add(op.MatMul(h, m.Weight, false, true), m.Visible)
}

// Down is the probability that a visible unit is on, h [B,H] -> sigmoid(h W' + b) [B,V].
func (m Machine) Down(h *graph.Node) *graph.Node { return op.Sigmoid(m.Below(h)) }

// Gibbs is where k steps of sampling the hidden units and then the visible ones lead from v [B,V]. Nothing is
// differentiated through it.
func (m Machine) Gibbs(v *graph.Node, k int, sample func(p *graph.Node) *graph.Node) *graph.Node {
	for range k {
		v = sample(m.Down(sample(m.Up(v))))
	}
	return op.StopGradient(v)
}

// FreeEnergy is -v.b - sum over the hidden units of log(1 + exp(v W + c)), [B].
func (m Machine) FreeEnergy(v *graph.Node) *graph.Node {
	visible := op.SumAxes(op.Mul(v, m.Visible), false, 1)
	return op.Neg(op.Add(visible, op.SumAxes(op.Softplus(m.Total(v)), false, 1)))
}

// Divergence is the mean free energy of the data less that of what the machine made, whose descent is the CD update
// (Hinton 2002, eq. 5).
func (m Machine) Divergence(data, made *graph.Node) *graph.Node {
	return op.Sub(op.MeanAll(m.FreeEnergy(data)), op.MeanAll(m.FreeEnergy(made)))
}
