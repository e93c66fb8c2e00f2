package losses

import (
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
)

// Bank keeps an embedding of every sample of the training set, as unit rows, from the last time that it was seen.
//
// Wu, Xiong, Yu, Lin, CVPR 2018, arXiv:1805.01978, section 3.2.
type Bank struct {
	*graph.Scope
	Rows        *graph.Node // [N,D]
	Noise       int         // rows drawn to tell a sample from; 0: all others
	Temperature float64
	Softmax     bool // over the own row and the noise, in place of noise-contrastive estimation
}

// NewBank declares a bank of n random rows of width d.
func NewBank(s *graph.Scope, n, d, noise int, temperature float64) *Bank {
	if noise > n {
		op.Fail(s.Path(), "noise = %d rows of the bank of %d training samples; want at most that, or 0 for all", noise,
			n)
	}
	return &Bank{Scope: s, Rows: s.State("bank", graph.UnitNormal(), n, d), Noise: noise, Temperature: temperature}
}

// Of is the rows of samples [B] int32: [B,D].
func (k *Bank) Of(samples *graph.Node) *graph.Node { return op.Gather(k.Rows, samples) }

// Draw is the rows that samples are told from: noise of the bank, drawn without repetition for the step, [M,D]; without
// noise it is the whole bank.
func (k *Bank) Draw() *graph.Node {
	if k.Noise == 0 {
		return k.Rows
	}
	n := op.ShapeOf(k.Rows)[0]
	return op.Gather(k.Rows, op.TopK(k.Random("noise").Uniform(n), k.Noise))
}

// Remember moves the rows of samples [B] to momentum of what they were and the rest u [B,D], scaled to unit length, at
// the end of the step. In the first epoch they become u, whatever the momentum: the rows to begin with are random, and
// half of them would be learned for epochs, as in the authors' code.
func (k *Bank) Remember(samples, u *graph.Node, momentum float64) {
	samples, u = k.AllRows(samples), k.AllRows(op.StopGradient(u))
	kept := k.Scheduled("bank_momentum", func(t graph.Time) float64 {
		if t.Step < t.PerEpoch {
			return 0
		}
		return momentum
	})
	k.Update(k.Rows, op.PutRows(k.Rows, samples, op.Normalize(op.Lerp(k.Of(samples), u, kept), Eps)))
}

// Loss is the mean cost of telling rows u [B,D] of unit length from others, given their partners [B,D] and the drawn
// others [M,D], of a bank with N rows.
//
// With noise it is noise-contrastive estimation: with P(x) = e^(u x/t)/Z and Pn = 1/N, the mean over rows of
//
//	-log( P(own) / (P(own) + M Pn) ) - sum_m log( M Pn / (P(x_m) + M Pn) ),
//
// where Z is N times the mean of e^(u x/t) over rows and noise of the first epoch's last step, and stays so. Wu et al.
// 2018, eq. 4 to 7. Without noise it is the cross-entropy of a softmax over the bank, eq. 2, and samples [B] int32 are
// its classes. With Softmax it is the cross-entropy of the own row among it and the noise.
func (k *Bank) Loss(name string, u, partners, others, samples *graph.Node) *graph.Node {
	cosines := op.MatMul(u, others, false, true) // [B,M]
	if k.Noise == 0 {
		return op.MeanAll(op.CrossEntropy(op.Scale(cosines, 1/k.Temperature), samples, 0))
	}
	if k.Softmax {
		logits := Logits(u, partners, others, k.Temperature)
		return op.MeanAll(op.CrossEntropy(logits, First(k.Scope, op.ShapeOf(u)[0]), 0))
	}
	n, m := float64(op.ShapeOf(k.Rows)[0]), float64(k.Noise)
	x := op.Scale(cosines, 1/k.Temperature)                                     // [B,M]
	own := op.Scale(op.SumAxes(op.Mul(u, partners), false, 1), 1/k.Temperature) // [B]
	logZ := k.partition(name, x)
	// log P - log M Pn, whose logistic function is the chance of being data
	data := func(x *graph.Node) *graph.Node { return op.Sub(x, op.Shift(logZ, math.Log(m/n))) }
	return op.Add(op.MeanAll(op.Softplus(op.Neg(data(own)))), op.Scale(op.MeanAll(op.Softplus(data(x))), m))
}

// partition is log Z by the logits [B,M] of the first epoch's last step; until there is one it is 0 in the Store.
func (k *Bank) partition(name string, x *graph.Node) *graph.Node {
	n := float64(op.ShapeOf(k.Rows)[0])
	constant := k.State(name, graph.Fill(0))
	mean := op.Log(op.Scale(op.MeanAll(op.Exp(k.AllRows(op.StopGradient(x)))), n))
	filling := k.Scheduled("bank_fills", func(t graph.Time) float64 {
		if t.Step < t.PerEpoch {
			return 1
		}
		return 0
	})
	open := op.Greater(op.Add(filling, op.Equal(constant, k.Constant(0))), k.Constant(0.5))
	z := op.Lerp(mean, constant, open)
	k.Update(constant, z)
	return z
}
