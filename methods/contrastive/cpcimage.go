package contrastive

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// CPCImage predicts the patches of an image row by row: the context of the rows above tells the embeddings of the
// patches below from those of other columns and other images.
//
//	loss = mean over directions and k of -mean log( e^s_own / sum_(column, image) e^s ),  s = W_k c_rj . z_(r+k)
//
// van den Oord, Li, Vinyals 2018, arXiv:1807.03748, section 3.2 and eq. 4; Henaff et al. 2020, arXiv:1905.09272 (CPC
// v2), section 3.1. The patches overlap, each goes through the encoder by itself, and convolutions that see only
// patches of the row and above make the contexts. With directions = 1 contexts go down, as in CPC; with 4 also up, left
// and right, each with parameters of its own, as in CPC v2, which also draws tones for each patch. Candidates of a
// prediction are the patches of its row in all images; the papers draw some of all patches. What is evaluated is the
// encoder on a whole image, as in CPC v2; CPC takes the mean over patches.
type CPCImage struct {
	Patch       int `toml:"patch"`       // side of a patch, pixels
	Step        int `toml:"step"`        // pixels from a patch to the next; half a patch in the papers
	Predictions int `toml:"predictions"` // rows that are predicted, from the next on
	Context     int `toml:"context"`     // channels of the contexts
	Layers      int `toml:"layers"`      // of convolutions that make the contexts
	Width       int `toml:"width"`       // D of the embeddings of patches
	Directions  int `toml:"directions"`  // 1: down | 4: down, up, right and left
}

// DefaultCPCImage has the settings of CPC for ImageNet: patches of 64 pixels, a 7x7 grid, five rows.
func DefaultCPCImage() *CPCImage {
	return &CPCImage{Patch: 64, Step: 32, Predictions: 5, Context: 1024, Layers: 5, Width: 1024, Directions: 1}
}

// Validate implements methods.Method.
func (m *CPCImage) Validate() error {
	if m.Directions != 1 && m.Directions != 4 {
		return setting.Bad("directions", "%d: want 1, down, or 4", m.Directions)
	}
	return errors.Join(setting.Least("patch", m.Patch, 1), setting.Least("step", m.Step, 1),
		setting.Least("predictions", m.Predictions, 1), setting.Least("context", m.Context, 1),
		setting.Least("layers", m.Layers, 1), setting.Least("width", m.Width, 1))
}

// Build implements methods.Method. The features are the mean over patches.
func (m *CPCImage) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x := b.View(0)
	side, grid := min(op.ShapeOf(x)[1], op.ShapeOf(x)[2]), 0
	if side >= m.Patch {
		grid = (side-m.Patch)/m.Step + 1
	}
	if grid <= m.Predictions {
		op.Fail("", "images of %d pixels have %d rows of patches (patch = %d, step = %d); want more than "+
			"predictions = %d, by a smaller step or patch", side, grid, m.Patch, m.Step, m.Predictions)
	}
	n := b.Size()
	patches := methods.Grid{Count: grid, Side: m.Patch, Step: m.Step}.Cut(s, nil, x)
	h := enc.New(s)(op.Concat(0, patches...)) // [G*G*B,F], patch by patch
	z := layer.Linear(s.In("projector"), enc.Dim, m.Width, true)(h)
	z = op.Transpose(op.Reshape(z, grid, grid, n, m.Width), 2, 0, 1, 3) // [B,G,G,D]
	var loss, right []*graph.Node
	for i, turned := range m.turned(s, z) {
		l, a := m.down(s.In([...]string{"down", "up", "right", "left"}[i]), turned)
		loss, right = append(loss, l), append(right, a)
	}
	mean := func(x []*graph.Node) *graph.Node { return op.Scale(op.Sum(x...), 1/float64(len(x))) }
	features := op.Mean(op.Reshape(h, grid*grid, n, enc.Dim), false, 0) // [B,F]
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: mean(loss)}},
		Metrics: []methods.Metric{{Name: "next", Value: mean(right)},
			{Name: "spread", Value: losses.Spread(features)}},
	}
}

// turned is the grid z [B,G,G,D] so that each direction goes down.
func (m *CPCImage) turned(s *graph.Scope, z *graph.Node) []*graph.Node {
	if m.Directions == 1 {
		return []*graph.Node{z}
	}
	across := op.Transpose(z, 0, 2, 1, 3)
	return []*graph.Node{z, methods.UpsideDown(s, z), across, methods.UpsideDown(s, across)}
}

// down is the mean loss of predicting rows of z [B,G,G,D] from those above, and how many of the next row are right.
func (m *CPCImage) down(s *graph.Scope, z *graph.Node) (loss, right *graph.Node) {
	n, g := op.ShapeOf(z)[0], op.ShapeOf(z)[1]
	c := m.contexts(s.In("context"), z) // [B,G,G,C]
	own := make([]int32, n*g)
	for i := range own {
		own[i] = int32(i)
	}
	of := s.Ints(fmt.Sprintf("const/own%d", n*g), own)
	row := func(x *graph.Node, r int) *graph.Node { // [B*G,D]
		return op.Reshape(op.Slice(x, 1, r, r+1), n*g, op.ShapeOf(x)[3])
	}
	var terms, hits []*graph.Node
	for k := 1; k <= m.Predictions; k++ {
		predict := layer.Linear(s.In("predictor").In(fmt.Sprint(k)), m.Context, m.Width, false)
		for r := range g - k {
			scores := op.MatMul(predict(row(c, r)), row(z, r+k), false, true) // [B*G,B*G]
			terms = append(terms, op.MeanAll(op.CrossEntropy(scores, of, 0)))
			if k == 1 {
				hits = append(hits, op.Accuracy(scores, of))
			}
		}
	}
	return op.Scale(op.Sum(terms...), 1/float64(len(terms))), op.Scale(op.Sum(hits...), 1/float64(len(hits)))
}

// contexts are [B,G,G,C] of z [B,G,G,D], each by the patches of its row and above.
func (m *CPCImage) contexts(s *graph.Scope, z *graph.Node) *graph.Node {
	n, g := op.ShapeOf(z)[0], op.ShapeOf(z)[1]
	in := layer.Linear(s.In("in"), m.Width, m.Context, true)
	x := op.Reshape(in(op.Reshape(z, n*g*g, m.Width)), n, g, g, m.Context)
	for i := range m.Layers {
		at := s.In(fmt.Sprint(i))
		w := at.Param("weight", graph.KaimingNormal(2*3*m.Context), 2, 3, m.Context, m.Context)
		bias := at.Param("bias", graph.Fill(0), m.Context)
		above := op.Pad(x, 1, 1, 0) // a row of zeros
		x = op.Add(x, op.Add(op.Conv2D(op.Relu(above), w, op.Conv{Pad: [2]int{0, 1}, BF16: s.BF16()}), bias))
	}
	return x
}
