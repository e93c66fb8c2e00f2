package origins

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/setting"
)

// SplitBrain has two networks predict of each other's part of an image: one sees luminance and tells colours, the other
// sees colours and tells luminance.
//
//	classify: loss = CE(logits of the luminance's network, cell of ab) + luma CE(logits of the colours', level of L)
//	regress:  loss = 1/2 |ab' - ab|^2 + luma 1/2 |L' - L|^2, means over parts of an image; ab and L over 100
//
// Zhang, Isola, Efros, CVPR 2017, arXiv:1611.09842, section 3. The backbone is one of two halves,
// [backbone.luma_chroma], and the evaluation reads both, side by side. Each half's last map is painted from, at the
// size to which the decoder doubles it.
type SplitBrain struct {
	Loss   string  `toml:"loss"`   // classify | regress
	Widths []int   `toml:"widths"` // channels before each further doubling of the maps; []: they are doubled once
	Cell   float64 `toml:"cell"`   // side of a cell of colours, in units of L*a*b*, to classify
	Levels int     `toml:"levels"` // even parts of luminance, to classify
	Luma   float64 `toml:"luma"`   // weight of telling luminance
}

// DefaultSplitBrain classifies, by the cells of colorization.
func DefaultSplitBrain() *SplitBrain {
	return &SplitBrain{Loss: "classify", Cell: 10, Levels: 100, Luma: 1}
}

// Validate implements methods.Method.
func (m *SplitBrain) Validate() error {
	switch {
	case m.Loss != "classify" && m.Loss != "regress":
		return setting.Bad("loss", "%q: want \"classify\" or \"regress\"", m.Loss)
	case !(m.Cell >= 2 && m.Cell <= 50):
		return setting.Bad("cell", "%v: want a side from 2 to 50 units of L*a*b*", m.Cell)
	}
	return cmp.Or(heads.CheckHidden("widths", m.Widths), setting.Least("levels", m.Levels, 2),
		setting.Weight("luma", m.Luma))
}

// Build implements methods.Method.
func (m *SplitBrain) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	checkColours(b)
	if enc.HalfMaps == nil {
		b.Unfit("the two halves of this method's encoder see luminance and colour: choose [backbone.luma_chroma]")
	}
	x := b.View(0)
	luma, chroma := enc.HalfMaps(s)(x)
	o := methods.Objective{Features: enc.New(s)(x)} // [B,F]
	for _, half := range []struct {
		name     string
		maps     []*graph.Node
		weight   float64
		from, to int // channels of L*a*b* that are told
		centres  []float64
	}{
		{"colour", luma, 1, 1, 3, abCells(m.Cell)},
		{"luminance", chroma, m.Luma, 0, 1, levels(m.Levels)},
	} {
		d := half.to - half.from
		q := len(half.centres) / d
		if m.Loss == "regress" {
			q = d
		}
		y, h, w := paintMap(s.In("decoder").In(half.name), b, half.maps[len(half.maps)-1], m.Widths, q) // [N,Q]
		told := op.Slice(labOf(s, b, x, h, w), 1, half.from, half.to)                                   // [N,d]
		if m.Loss == "regress" {
			o.Terms = append(o.Terms, methods.Term{Name: half.name, Weight: half.weight,
				Value: HalfSquares(y, op.Scale(told, 1.0/100))})
			continue
		}
		cell := op.Argmax(nearness(told, s.Floats("const/"+half.name, half.centres, q, d))) // [N]
		o.Terms = append(o.Terms, methods.Term{Name: half.name, Weight: half.weight,
			Value: op.MeanAll(op.CrossEntropy(y, cell, 0))})
		o.Metrics = append(o.Metrics, methods.Metric{Name: half.name + "_accuracy", Value: op.Accuracy(y, cell)})
	}
	return o
}

// HalfSquares is half the squared distance of rows [N,D], the mean over rows.
func HalfSquares(a, b *graph.Node) *graph.Node {
	return op.Scale(op.SumAll(op.Square(op.Sub(a, b))), 0.5/float64(op.ShapeOf(a)[0]))
}
