package equivariant

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// EquiMod predicts where an augmentation moves the embedding of an image, beside the loss of another method, which is
// to forget it.
//
//	loss = loss of the other method + equivariance * NT-Xent( y_v, u(y_0, t_v) ) over views v = 1, 2
//
// Devillers and Lefort, ICLR 2023, arXiv:2211.01244, eq. 2 to 4. y are embeddings by a projector of their own, y_0 of
// the image without augmentation, t_v what was drawn for a view, through a linear layer and a batch norm, and u a
// linear layer with a batch norm. The partner of a view's embedding is its prediction; the negatives are the embeddings
// and predictions of all other views, as in the authors' code. The image without augmentation is the last table of
// views.crops (area = [1.0, 1.0]) with the last probability of each augmentation 0, such as flip = [0.5, 0.5, 0.0];
// without tables it is a third view. t is the difference of what was drawn for the view and for the image, in units of
// its range; the authors' code also has the order of the colour operations, which our parameters do not tell, and
// whether there was jitter and blur.
type EquiMod struct {
	Base overlay.Choice[methods.Method] `toml:"base" overlay:"of=method"` // whose loss this is added to
	// widths of the projector of what follows the augmentations; the last is D
	Projector    []int   `toml:"projector"`
	Parameters   int     `toml:"parameters"`   // width of the layer that what was drawn goes through
	Temperature  float64 `toml:"temperature"`  // of the cosine similarities of embeddings and predictions
	Equivariance float64 `toml:"equivariance"` // weight of their NT-Xent
}

// DefaultEquiMod has the settings of the authors' code for ImageNet, on SimCLR.
func DefaultEquiMod() *EquiMod {
	return &EquiMod{Base: onSimCLR(), Projector: []int{2048, 2048, 128}, Parameters: 128, Temperature: 0.2,
		Equivariance: 1}
}

// Validate implements methods.Method.
func (m *EquiMod) Validate() error {
	return errors.Join(setting.Positive("temperature", m.Temperature), setting.Positive("equivariance", m.Equivariance),
		setting.Least("parameters", m.Parameters, 1), heads.CheckWidths("projector", m.Projector), checkBase(m.Base))
}

func (m *EquiMod) addsTerms() {}

// Build implements methods.Method. gain is by how much the prediction is nearer to a view's embedding than the image's
// is, in cosine: 0 where embeddings do not tell augmentations.
func (m *EquiMod) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	number, x := b.Aside()
	o, known := buildBase(m.Base, s, &enc, b)
	from, views, predicted := m.embed(s, enc, b, known, number, x) // [2B,D] each
	o.Terms = append(o.Terms, methods.Term{Name: "equivariance", Weight: m.Equivariance,
		Value: losses.NTXent(s, op.Concat(0, views, predicted), m.Temperature)})
	gain := op.Sub(losses.NegativeCosine(from, views), losses.NegativeCosine(predicted, views))
	o.Metrics = append(o.Metrics, methods.Metric{Name: "gain", Value: op.StopGradient(gain)})
	return o
}

// Follow implements methods.Following: the first view, from the image without augmentation.
func (m *EquiMod) Follow(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (predicted, followed *graph.Node) {
	number, x := b.Aside()
	_, views, guess := m.embed(s, enc, b, encoded{}, number, x)
	return op.Slice(guess, 0, 0, b.Size()), op.Slice(views, 0, 0, b.Size())
}

// embed is the embeddings of the image without augmentation, twice, of the two views, and of these as predicted, each
// [2B,D].
func (m *EquiMod) embed(s *graph.Scope, enc methods.Encoder, b *methods.Batch, known encoded, number int,
	x *graph.Node) (from, views, predicted *graph.Node) {
	encode := enc.New(s)
	project := heads.Normed(s.In("equivariant"), enc.Dim, false, m.Projector...)
	h := known.both(encode, s, b.Views(2))
	y := project(op.Concat(0, append(h, encode(x))...)) // [3B,D]
	n := b.Size()
	original, views := op.Slice(y, 0, 2*n, 3*n), op.Slice(y, 0, 0, 2*n)
	from = op.Concat(0, original, original)
	return from, views, m.predictor(s, op.ShapeOf(y)[1])(from, m.drawn(b, number))
}

// predictor is embeddings [N,D] and what was drawn [N,P] -> embeddings [N,D].
func (m *EquiMod) predictor(s *graph.Scope, d int) func(y, t *graph.Node) *graph.Node {
	return func(y, t *graph.Node) *graph.Node {
		t = heads.Normed(s.In("parameters"), op.ShapeOf(t)[1], true, m.Parameters)(t)
		return heads.Normed(s.In("predictor"), d+m.Parameters, false, d)(op.Concat(1, y, t))
	}
}

// drawn is what was drawn for the first two views beyond what was drawn for another one, [2B,P], of all columns that
// vary in the views, in units of their ranges. Views of which nothing varies stop the build.
func (m *EquiMod) drawn(b *methods.Batch, other int) *graph.Node {
	var rows []*graph.Node
	for v := range 2 {
		of := b.Of(fmt.Sprint("params", v))
		apart := op.Sub(b.Params(v), b.Params(other))
		var columns []*graph.Node
		for at := range of.Columns {
			if r := max(b.Of("params0").Range[at], b.Of("params1").Range[at]); r > 0 {
				columns = append(columns, op.Scale(op.Slice(apart, 1, at, at+1), 1/r))
			}
		}
		if len(columns) == 0 {
			op.Fail("", "the recipe's [views] never draw anything, so that there is nothing to follow: give them a "+
				"crop, a flip or jitter")
		}
		rows = append(rows, op.Concat(1, columns...))
	}
	return op.Concat(0, rows...)
}
