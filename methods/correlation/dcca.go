package correlation

import (
	"errors"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// DCCA trains two encoders, one for each part of a sample, whose embeddings correlate as much as linear maps of them
// can.
//
//	loss = -|S11^-1/2 S12 S22^-1/2|_* / D,  S the covariances of both parts' embeddings, S11 and S22 with r I added
//
// Andrew, Arora, Bilmes, Livescu, ICML 2013, eq. 10 to 13. The nuclear norm is the sum of the D canonical correlations;
// divided by D the loss is from -1 to 0. Inverse Cholesky factors stand for the inverse roots, which changes no
// singular value. The paper takes the whole training set as one batch, or large ones; here it is the batch of the step.
// Parts are the left and the right half of one view, two views, or an image and its caption. The encoder of the left
// half, of the first view or of the image is evaluated.
type DCCA struct {
	Parts     string  `toml:"parts"`     // halves | views | caption
	Projector []int   `toml:"projector"` // widths; the last is D
	Ridge     float64 `toml:"ridge"`     // r
	// the encoder of captions, for parts = "caption" alone
	Text overlay.Choice[backbones.Backbone] `toml:"text" overlay:"of=backbone,optional"`
}

// DefaultDCCA cuts images as the paper cuts MNIST; its widths and r were tuned, ours suit a batch of some hundreds.
func DefaultDCCA() *DCCA { return &DCCA{Parts: "halves", Projector: []int{512, 50}, Ridge: 1e-3} }

// Validate implements methods.Method.
func (m *DCCA) Validate() error {
	var err error
	switch text := m.Text.Value != nil; {
	case m.Parts != "halves" && m.Parts != "views" && m.Parts != "caption":
		err = setting.Bad("parts", "%q: want halves, views or caption", m.Parts)
	case m.Parts == "caption" && !text:
		err = setting.Bad("text", "parts = \"caption\" wants an encoder, such as [method.dcca.text.symbols]")
	case m.Parts != "caption" && text:
		err = setting.Bad("text", "%s is read with parts = \"caption\" alone; want that, or no text", m.Text.Name)
	}
	return errors.Join(err, setting.Weight("ridge", m.Ridge), heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *DCCA) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	_, h, z := m.embed(s, enc, b)
	return m.objective(s, h, z)
}

// embed is two parts x of every sample, the features h [B,F] that an encoder of its own has of each, and their
// embeddings z [B,D] over the rows of all ranks.
func (m *DCCA) embed(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (x, h, z [2]*graph.Node) {
	x = m.parts(b)
	encoders := [2]methods.Encoder{enc, enc}
	if m.Parts == "caption" {
		caption := b.Of("caption")
		if err := m.Text.Value.Check(methods.InputOf(caption)); err != nil {
			op.Fail("", "[method.dcca.text.%s] %v", m.Text.Name, err)
		}
		encoders[1] = methods.EncoderOf(m.Text.Value, caption)
		encoders[1].Projector = enc.Projector
	}
	for i, at := range []*graph.Scope{s, s.In("second")} {
		h[i] = encoders[i].New(at)(x[i])
		z[i] = s.AllRows(encoders[i].Projector.MLP(at.In("projector"), encoders[i].Dim, m.Projector...)(h[i]))
	}
	if n, d := op.ShapeOf(z[0])[0], op.ShapeOf(z[0])[1]; n <= d {
		op.Fail(s.Path(), "%d images of a step have too few for the correlations of %d dimensions; want a batch of at "+
			"least %d, or a last width of %d", n, d, 2*d, max(1, n/2))
	}
	return x, h, z
}

// parts are two halves of the first view, two views, or the first view and the caption.
func (m *DCCA) parts(b *methods.Batch) [2]*graph.Node {
	switch m.Parts {
	case "views":
		x := b.Views(2)
		return [2]*graph.Node{x[0], x[1]}
	case "caption":
		return [2]*graph.Node{b.View(0), b.Field("caption")}
	}
	x := b.View(0)
	shape := op.ShapeOf(x)
	if len(shape) != 4 || shape[2] < 2 {
		op.Fail("", "views of %v have no left and right half; want images, or parts = \"views\"", shape)
	}
	w := shape[2]
	return [2]*graph.Node{op.Slice(x, 2, 0, w/2), op.Slice(x, 2, w-w/2, w)}
}

// objective is minus the correlation.
func (m *DCCA) objective(s *graph.Scope, h, z [2]*graph.Node) methods.Objective {
	return methods.Objective{
		Features: h[0],
		Terms:    []methods.Term{{Name: "correlation", Weight: 1, Value: op.Neg(m.Correlation(s, z[0], z[1]))}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Correlation is the mean of the canonical correlations of x and y [B,D].
func (m *DCCA) Correlation(s *graph.Scope, x, y *graph.Node) *graph.Node {
	n, d := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
	whitener := func(z *graph.Node) *graph.Node { // [D,D]
		return op.InverseCholesky(op.Add(losses.Covariance(z), op.Scale(s.Identity(d), m.Ridge)))
	}
	cross := op.Scale(op.MatMul(losses.Centred(x), losses.Centred(y), true, false), 1/float64(n-1))
	t := op.MatMul(op.MatMul(whitener(x), cross, false, false), whitener(y), false, true)
	return op.Scale(losses.NuclearNorm(t), 1/float64(d))
}
