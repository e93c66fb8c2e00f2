package origins

import (
	"errors"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// RelativePatch makes the encoder tell where a patch of an image lies beside another: one of the eight places around
// it.
//
//	loss = mean over the places k of -log softmax(g(f(middle), f(patch k)))_k
//
// Doersch, Gupta, Efros, ICCV 2015, arXiv:1505.05192, section 3. The patches are a 3x3 grid in the middle of the view
// with gaps between them, each moved at random in both directions, so that lines across an edge do not tell the place;
// an image gives all eight pairs with its middle patch. The paper samples grids all over an image. It also keeps colour
// fringes of lenses from telling the place, by dropping colours: here the views may be grey (views.grayscale). The
// layers behind a pair of features have batch norm.
type RelativePatch struct {
	Patch  int   `toml:"patch"`  // side of a patch, pixels
	Gap    int   `toml:"gap"`    // pixels between patches
	Jitter int   `toml:"jitter"` // pixels by which a patch is moved at most, up or down, left or right
	Hidden []int `toml:"hidden"` // widths between the features of a pair and the eight places
}

// around is how many places there are around a patch.
const around = 8

// DefaultRelativePatch has the paper's settings for ImageNet: patches of 96 pixels, half a patch apart.
func DefaultRelativePatch() *RelativePatch {
	return &RelativePatch{Patch: 96, Gap: 48, Jitter: 7, Hidden: []int{4096, 4096}}
}

// Validate implements methods.Method.
func (m *RelativePatch) Validate() error {
	return errors.Join(setting.Least("patch", m.Patch, 1), setting.Least("gap", m.Gap, 0),
		setting.Least("jitter", m.Jitter, 0), heads.CheckHidden("hidden", m.Hidden))
}

// Build implements methods.Method. The features are the mean over patches.
func (m *RelativePatch) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, side := b.Image()
	grid := methods.Grid{Count: 3, Side: m.Patch, Step: m.Patch + m.Gap, Play: 2 * m.Jitter}
	if side < grid.Span() {
		op.Fail("", "patch = %d, gap = %d, jitter = %d: three patches in a row take %d pixels and the view has %d; "+
			"want smaller ones, or views.crop = %d", m.Patch, m.Gap, m.Jitter, grid.Span(), side, grid.Span())
	}
	patches := grid.Cut(s, s.Random("places"), x)
	h := enc.New(s)(op.Concat(0, patches...)) // [9B,F], patch by patch
	var pairs []*graph.Node
	var places []int32
	of := func(i int) *graph.Node { return op.Slice(h, 0, i*b.Size(), (i+1)*b.Size()) }
	const middle = 4
	for i := range patches {
		if i == middle {
			continue
		}
		places = append(places, slices.Repeat([]int32{int32(len(pairs))}, b.Size())...)
		pairs = append(pairs, op.Concat(1, of(middle), of(i))) // [B,2F]
	}
	labels := s.Ints("const/places", places)
	classify := heads.MLP(s.In("classifier"), 2*enc.Dim, append(slices.Clone(m.Hidden), around)...)
	logits := classify(op.Concat(0, pairs...)) // [8B,8]
	features := op.Mean(op.Reshape(h, len(patches), b.Size(), enc.Dim), false, 0)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "place", Weight: 1, Value: op.MeanAll(op.CrossEntropy(logits, labels, 0))}},
		Metrics: []methods.Metric{{Name: "place_accuracy", Value: op.Accuracy(logits, labels)},
			{Name: "spread", Value: losses.Spread(features)}},
	}
}
