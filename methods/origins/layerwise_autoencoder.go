package origins

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// LayerwiseAutoencoder trains layers of logistic units one after the other, each to give back what it sees of the
// layers below.
//
//	y = sigmoid(v~ W + c),  loss = -sum over visible units of v log p + (1-v) log(1-p),  p = sigmoid(y W' + b)
//
// Bengio, Lamblin, Popovici, Larochelle, NIPS 2006 (greedy training of autoassociators with tied weights, by the
// cross-entropy of pixels as probabilities). v~ is v with a share of its units set to 0, the stacked denoising
// autoencoders of Vincent et al., JMLR 2010; without noise v~ = v. What a layer above sees has no noise. A layer learns
// in its part of the training, all parts as long, at the optimizer's peak rate throughout, and then stays as it is.
type LayerwiseAutoencoder struct {
	Noise float64 `toml:"noise"` // share of the units below that are set to 0
}

// DefaultLayerwiseAutoencoder has no noise.
func DefaultLayerwiseAutoencoder() *LayerwiseAutoencoder { return &LayerwiseAutoencoder{} }

// Validate implements methods.Method.
func (m *LayerwiseAutoencoder) Validate() error {
	if !(m.Noise >= 0 && m.Noise < 1) {
		return setting.Bad("noise", "%v: want a share of the units, at least 0 and below 1", m.Noise)
	}
	return nil
}

// Build implements methods.Method.
func (m *LayerwiseAutoencoder) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if enc.Stack == nil {
		b.Unfit("layerwise_autoencoder trains layers of logistic units: want a backbone of them, such as " +
			"[backbone.dbn]")
	}
	x := b.View(0)
	checkBits(s, b, "layerwise_autoencoder")
	stack := enc.Stack(s)
	v := op.Reshape(x, b.Size(), stack[0].In) // [B,V]
	random := s.Random("noise")
	o := methods.Objective{Features: enc.New(s)(x)}
	for i, u := range stack {
		at := s.In("visible").In(fmt.Sprint(i))
		layer := Machine{Units: u, Visible: at.Param("bias", graph.Fill(0), u.In)}
		noisy := v
		if m.Noise > 0 {
			noisy = op.Mul(v, random.Bernoulli(1-m.Noise, b.Size(), u.In))
		}
		o.Terms = append(o.Terms, methods.Term{Name: fmt.Sprintf("reconstruction%d", i), Weight: 1,
			Value: layer.GiveBack(noisy, v)})
		hold := outside(i, len(stack))
		o.Tune = append(o.Tune, methods.Tune{Scope: u.Path, Flat: true, Hold: hold}, methods.Tune{Scope: at.Path(),
			Flat: true, Hold: hold})
		v = op.StopGradient(u.Up(v)) // a layer above moves nothing below
	}
	return o
}

// GiveBack is the cross-entropy in nats of giving back v [B,V], numbers between 0 and 1, from what the hidden units say
// to noisy [B,V], summed over visible units, the mean over the batch.
func (m Machine) GiveBack(noisy, v *graph.Node) *graph.Node {
	logits := m.Below(m.Up(noisy))
	each := op.Sub(op.Softplus(logits), op.Mul(v, logits))
	return op.Scale(op.SumAll(each), 1/float64(op.ShapeOf(v)[0]))
}
