package distillation

import (
	"cmp"
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// VAT learns from few labels: what the network says of an image, labelled or not, is not to change in the direction in
// which it would change most.
//
//	loss = mean over labelled CE(f(x), y) + weight mean KL(p(x) || p(x + r)),  r = epsilon g / |g|
//	g    = gradient of KL(p(x) || p(x + xi d)) with respect to d, d a random unit vector
//
// Miyato, Maeda, Koyama, Ishii, TPAMI 2018, arXiv:1704.03976. No gradient reaches p(x) and r. With entropy above 0 the
// mean entropy of p(x) is added, VAT+EntMin. epsilon is in units of the views,
// whose pixels have deviation 1. Batch norm takes the statistics of each pass by itself; its running statistics are
// those of the images themselves, as in the authors' code.
type VAT struct {
	Weight     float64 `toml:"weight"`     // of the divergence
	Epsilon    float64 `toml:"epsilon"`    // length of the perturbation of a view
	Xi         float64 `toml:"xi"`         // length at which the gradient is taken
	Iterations int     `toml:"iterations"` // of the search for the direction
	Entropy    float64 `toml:"entropy"`    // weight of the entropy of p(x)
}

// DefaultVAT has the settings of the authors' code for CIFAR-10, whose pixels are whitened, but for xi: its 1e-6 is
// lost in float32 beside pixels of deviation 1.
func DefaultVAT() *VAT { return &VAT{Weight: 1, Epsilon: 8, Xi: 1e-2, Iterations: 1} }

// LearnsFromFewLabels implements methods.PartlyTaught.
func (m *VAT) LearnsFromFewLabels() {}

// Validate implements methods.Method.
func (m *VAT) Validate() error {
	return cmp.Or(setting.Positive("weight", m.Weight), setting.Positive("epsilon", m.Epsilon),
		setting.Positive("xi", m.Xi), setting.Least("iterations", m.Iterations, 1),
		setting.Weight("entropy", m.Entropy))
}

// Build implements methods.Method.
func (m *VAT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	labels, x := b.Labels(), b.View(0)
	if op.TypeOf(x).DType != op.TypeOf(s.Constant(0)).DType {
		b.Unfit("vat moves its input a little, and these data are symbols")
	}
	net := classifier(s, enc, b.NeedClasses())
	h, logits := net(x) // [B,F], [B,K]
	beside := classifier(s.Aside(), enc, b.NeedClasses())
	logitsOf := func(x *graph.Node) *graph.Node { _, y := beside(x); return y }
	r := m.Perturbation(s, x, logits, s.Random("direction").Normal(op.ShapeOf(x)...), logitsOf)
	terms := []methods.Term{supervisedTerm(logits, labels),
		{Name: "divergence", Weight: m.Weight, Value: Divergence(logits, logitsOf(op.Add(x, r)))}}
	if m.Entropy > 0 {
		terms = append(terms, methods.Term{Name: "entropy", Weight: m.Entropy, Value: entropyOf(logits)})
	}
	return methods.Objective{
		Features: h, Terms: terms,
		Metrics: []methods.Metric{{Name: "accuracy", Value: op.Accuracy(logits, labels)}},
	}
}

// Perturbation is r [B,...] for x of that shape: the network's logits [B,K] at x change most along it, of all vectors
// of length epsilon. The search starts at the directions from.
func (m *VAT) Perturbation(s *graph.Scope, x, logits, from *graph.Node, net layer.Func) *graph.Node {
	shape := op.ShapeOf(x)
	unit := func(v *graph.Node) *graph.Node {
		flat := op.Normalize(op.Reshape(v, shape[0], shape.Size()/shape[0]), losses.Eps)
		return op.StopGradient(op.Reshape(flat, shape...))
	}
	// The gradient is about xi^2 over the batch and less where the network is certain: it is made larger, by a power of
	// two so that no bit changes, for unit not to take it for 0.
	larger := math.Exp2(math.Round(math.Log2(float64(shape[0]) / (m.Xi * m.Xi))))
	d := unit(from)
	for range m.Iterations {
		kl := Divergence(logits, net(op.Add(x, op.Scale(d, m.Xi))))
		d = unit(s.Gradients(op.Scale(kl, larger), []*graph.Node{d})[0])
	}
	return op.Scale(d, m.Epsilon)
}

// Divergence is the mean over rows of KL(p || q) in nats, p and q the distributions by logits [B,K]. No gradient
// reaches p.
func Divergence(p, q *graph.Node) *graph.Node {
	target := op.StopGradient(op.Softmax(p))
	return op.Sub(op.MeanAll(op.CrossEntropySoft(q, target)), op.StopGradient(losses.Entropy(target)))
}

// entropyOf is the mean entropy in nats of the distributions by logits [B,K], with its gradient.
func entropyOf(logits *graph.Node) *graph.Node {
	terms := op.Mul(op.Softmax(logits), op.LogSoftmax(logits))
	return op.Scale(op.SumAll(terms), -1/float64(op.ShapeOf(logits)[0]))
}
