package masked

import (
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// PatchPrediction selects half of the patches, puts a mask token or another patch in place of most of them, and has
// one linear layer tell the colour of those that were selected, as a class.
//
//	loss = mean over selected patches of cross-entropy(logits, colour of the mean of the patch's pixels)
//
// Dosovitskiy et al., ICLR 2021, arXiv:2010.11929, appendix B.1.2, after BERT: 80 % of the selected are masked, 10 %
// become the embedding of another patch (here of the image, drawn anew in each step for every place), 10 % stay. A
// colour has so many levels of each channel, between black and white; "parts" tells 4x4 parts of a patch instead of
// the one mean, "pixels" regresses all pixels by their squared difference.
type PatchPrediction struct {
	Ratio  float64 `toml:"ratio"`  // probability of a patch to be selected
	Mask   float64 `toml:"mask"`   // share of the selected that the mask token replaces
	Random float64 `toml:"random"` // share of the selected that another patch replaces
	Target string  `toml:"target"` // mean | parts | pixels
	Levels int     `toml:"levels"` // of a channel; for 3 channels 8 are 3 bits each, 512 colours
}

// DefaultPatchPrediction has the paper's settings.
func DefaultPatchPrediction() *PatchPrediction {
	return &PatchPrediction{Ratio: 0.5, Mask: 0.8, Random: 0.1, Target: "mean", Levels: 8}
}

// Validate implements methods.Method.
func (m *PatchPrediction) Validate() error {
	switch {
	case !(m.Ratio > 0 && m.Ratio < 1):
		return setting.Bad("ratio", "%v: want a probability between 0 and 1", m.Ratio)
	case !(m.Mask >= 0 && m.Random >= 0 && m.Mask+m.Random <= 1):
		return setting.Bad("random", "%v: want shares of at least 0, with mask = %v together at most 1", m.Random,
			m.Mask)
	case m.Target != "mean" && m.Target != "parts" && m.Target != "pixels":
		return setting.Bad("target", "%q: want \"mean\", \"parts\" or \"pixels\"", m.Target)
	case m.Levels < 2 || m.Levels > 16:
		return setting.Bad("levels", "%d: want 2 to 16 of a channel", m.Levels)
	}
	return nil
}

// Build implements methods.Method. The features are of the image with its replaced patches.
func (m *PatchPrediction) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	n, t := b.Size(), e.Rows*e.Columns
	planes := b.Mask(&masks.BERT{Ratio: m.Ratio, Mask: m.Mask, Random: m.Random}, methods.GridOf(e)) // [B,3,T]
	plane := func(i int) *graph.Node { return op.Reshape(op.Slice(planes, 1, i, i+1), n, t, 1) }
	hidden, swapped := plane(1), plane(2)
	own := op.Affine(op.Add(hidden, swapped), -1, 1)

	y := e.Project(x) // [B,T,D]
	others := op.GatherTokens(y, op.Argsort(s.Random("others").Uniform(n, t)))
	y = op.Sum(op.Mul(y, own), op.Mul(methods.MaskToken(s, e.Dim), hidden), op.Mul(others, swapped))
	y = e.Encode(e.Place(y, x))
	features := e.Pool(y)

	loss := m.loss(s, b, e.Patch, x, e.Last(y, t), op.Reshape(plane(0), n, t), e.Dim)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "patches", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// loss is of encoded tokens y [B,T,dim] of x [B,H,W,C], over the selected [B,T].
func (m *PatchPrediction) loss(s *graph.Scope, b *methods.Batch, patch int, x, y, selected *graph.Node,
	dim int) *graph.Node {
	n, t := op.ShapeOf(y)[0], op.ShapeOf(y)[1]
	if m.Target == "pixels" {
		pixels := layer.Patchify(x, patch)
		return losses.PatchMSE(layer.Dense(s.In("tell"), dim, op.ShapeOf(pixels)[2])(y), pixels, s.AllRows(selected))
	}
	parts := 1
	if m.Target == "parts" {
		parts = 4
	}
	f := b.Of("view0")
	if f.Low == nil || patch%parts != 0 || f.Shape[2] > 3 {
		b.Unfit("this method tells colours of %dx%d parts of a patch: want images of at most 3 channels between "+
			"black and white, and patches of a multiple of %d pixels, not %d; the data have %v", parts, parts, parts,
			patch, f)
	}
	at := s.In("colours")
	colour := m.Colours(at, methods.InputOf(f).Unit(at, x), patch, parts) // [B*T*parts^2]
	classes := 1
	for range f.Shape[2] {
		classes *= m.Levels
	}
	told := layer.Dense(s.In("tell"), dim, parts*parts*classes)(y)
	entropy := op.CrossEntropy(op.Reshape(told, -1, classes), colour, 0) // [B*T*parts^2]
	each := op.Mean(op.Reshape(entropy, n, t, parts*parts), false, 2)
	return losses.MeanOver(each, s.AllRows(selected))
}

// Colours is the class, int32 [B*T*parts*parts], of the mean colour of each of parts x parts parts of the patches of x
// [B,H,W,C], between 0 and 1: the level of the first channel times Levels^(C-1), and so on. Patches go by rows, and so
// do the parts of each.
func (m *PatchPrediction) Colours(s *graph.Scope, x *graph.Node, patch, parts int) *graph.Node {
	side, c := patch/parts, op.ShapeOf(x)[3]
	means := op.AvgPool2D(op.StopGradient(x), op.Pool{Kernel: [2]int{side, side}}) // [B,h,w,C]
	rows := op.Reshape(layer.Patchify(means, parts), -1, c)                        // [B*T*parts^2,C]
	// a level is how many bounds a channel has reached
	bounds := make([]float64, m.Levels-1)
	for i := range bounds {
		bounds[i] = float64(i+1) / float64(m.Levels)
	}
	between := s.Floats("bounds", bounds, 1, len(bounds))
	number, classes := s.Constant(0), 1
	for i := range c {
		passed := op.Less(op.Slice(rows, 1, i, i+1), between) // 1 where it has not
		level := op.Affine(op.SumAxes(passed, true, 1), -1, float64(len(bounds)))
		number, classes = op.Add(op.Scale(number, float64(m.Levels)), level), classes*m.Levels
	}
	all := make([]float64, classes)
	for i := range all {
		all[i] = float64(i)
	}
	distance := op.Abs(op.Sub(s.Floats("classes", all, 1, classes), number)) // [B*T*parts^2,classes]
	return op.Argmax(op.Neg(distance))
}
