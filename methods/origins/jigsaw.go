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

// Jigsaw makes the encoder tell in which order the nine tiles of an image were put, one of a fixed set of orders.
//
//	loss = -log softmax(g(f(t_s(1)), ..., f(t_s(9))))_s
//
// Noroozi and Favaro, ECCV 2016, arXiv:1603.09246, sections 3.2 and 3.3. The orders are those of algorithm 1, far from
// each other; the first is the image's own, which the paper draws. A tile lies anywhere in its ninth of the view, and
// has mean 0 and deviation 1 in each channel, so that neither its edges nor its tone tell its place. An image has one
// order in a step. The vector of a tile is a linear map of its features, where the paper's fc6 has a ReLU; the layers
// behind the vectors have batch norm, where the paper's, of 2016, have dropout.
type Jigsaw struct {
	Permutations int   `toml:"permutations"` // orders to tell apart
	Tile         int   `toml:"tile"`         // side of a tile, pixels; at most a third of the view
	Width        int   `toml:"width"`        // of the vector of a tile
	Hidden       []int `toml:"hidden"`       // widths between the vectors of the nine tiles and the orders
}

// tilesASide is how many tiles an image has in each direction.
const tilesASide = 3

// DefaultJigsaw has the paper's settings for ImageNet: tiles of 64 pixels in cells of 75.
func DefaultJigsaw() *Jigsaw {
	return &Jigsaw{Permutations: 1000, Tile: 64, Width: 512, Hidden: []int{4096}}
}

// Validate implements methods.Method.
func (m *Jigsaw) Validate() error {
	if most := factorial(tilesASide * tilesASide); m.Permutations < 2 || m.Permutations > most {
		return setting.Bad("permutations", "%d: want from 2 to %d, which is all orders of nine", m.Permutations, most)
	}
	return errors.Join(setting.Least("tile", m.Tile, 1), setting.Least("width", m.Width, 1),
		heads.CheckHidden("hidden", m.Hidden))
}

// Build implements methods.Method. The features are the mean over tiles.
func (m *Jigsaw) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	const n = tilesASide * tilesASide
	x, side := b.Image()
	cell := side / tilesASide
	if cell < m.Tile {
		op.Fail("", "tile = %d: a third of the view is %d pixels; want a tile of at most that, or views.crop = %d",
			m.Tile, cell, tilesASide*m.Tile)
	}
	grid := methods.Grid{Count: tilesASide, Side: m.Tile, Step: cell, Play: cell - m.Tile}
	tiles := grid.Cut(s, s.Random("places"), x)
	for i, t := range tiles {
		tiles[i] = standardised(t)
	}
	h := enc.New(s)(op.Concat(0, tiles...)) // [9B,F], tile by tile
	labels := op.Argmax(s.Random("order").Uniform(b.Size(), m.Permutations))
	logits := m.logits(s, h, labels)
	features := op.Mean(op.Reshape(h, n, b.Size(), enc.Dim), false, 0)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "order", Weight: 1, Value: op.MeanAll(op.CrossEntropy(logits, labels, 0))}},
		Metrics: []methods.Metric{{Name: "order_accuracy", Value: op.Accuracy(logits, labels)},
			{Name: "spread", Value: losses.Spread(features)}},
	}
}

// logits are what the tiles' features h [9B,F] say of the order that labels [B] put them in, [B,permutations].
func (m *Jigsaw) logits(s *graph.Scope, h, labels *graph.Node) *graph.Node {
	const n = tilesASide * tilesASide
	size, features := op.ShapeOf(labels)[0], op.ShapeOf(h)[1]
	each := heads.MLP(s.In("tile"), features, m.Width)(h)
	each = op.Transpose(op.Reshape(each, n, size, m.Width), 1, 0, 2) // [B,9,W]
	put := op.GatherTokens(each, op.Gather(m.orders(s), labels))
	classify := heads.MLP(s.In("classifier"), n*m.Width, append(slices.Clone(m.Hidden), m.Permutations)...)
	return classify(op.Reshape(put, size, n*m.Width))
}

// orders is the fixed set, [permutations,9] int32.
func (m *Jigsaw) orders(s *graph.Scope) *graph.Node {
	const n = tilesASide * tilesASide
	own := make([]int, n)
	for i := range own {
		own[i] = i
	}
	var flat []int32
	for _, order := range permutations(own, m.Permutations) {
		for _, tile := range order {
			flat = append(flat, int32(tile))
		}
	}
	return op.Reshape(s.Ints("const/orders", flat), m.Permutations, n)
}

// flatVariance keeps a tile without any contrast from being divided by nothing.
const flatVariance = 1e-4

// standardised is tiles x [B,H,W,C] with mean 0 and deviation 1 in each channel.
func standardised(x *graph.Node) *graph.Node {
	x = op.Sub(x, op.Mean(x, true, 1, 2))
	return op.Mul(x, op.Rsqrt(op.Shift(op.Mean(op.Square(x), true, 1, 2), flatVariance)))
}
