package heads

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Detector is a small DETR: a transformer reads a feature map, and a fixed number of queries each say what is where.
//
// Carion et al. 2020, arXiv:2005.12872, with three of its successors' changes, which learn in a fraction of the steps:
// a query has a reference point, whose encoding is its position, and its box's centre is an offset from there
// (Deformable DETR, Zhu et al. 2021, arXiv:2010.04159, app. A.3; Anchor DETR, Wang et al. 2022, arXiv:2109.07107,
// section 3.3); and positions are sines of a temperature of 20 (DAB-DETR, Liu et al. 2022, arXiv:2201.12329, section
// 4.4). Attention is over the whole map, of one scale. Norms come before layers, as in DETR's variant normalize_before.
type Detector struct {
	Dim     int `toml:"dim"`     // D, of a token; a multiple of 4
	Heads   int `toml:"heads"`   // of attention
	Hidden  int `toml:"hidden"`  // width of the MLPs between
	Encoder int `toml:"encoder"` // layers of self-attention of the map; 0: none
	Decoder int `toml:"decoder"` // layers of queries
	Queries int `toml:"queries"` // Q, at least the boxes of an image
}

// DefaultDetector is for images of a few objects; DETR has 256, 8, 2048, 6, 6 and 100.
func DefaultDetector() Detector {
	return Detector{Dim: 64, Heads: 4, Hidden: 128, Encoder: 1, Decoder: 2, Queries: 16}
}

// Network is the settings themselves, of a method that embeds them.
func (d *Detector) Network() *Detector { return d }

// Check says what is wrong with the settings.
func (d *Detector) Check() error {
	bad := []error{setting.Least("heads", d.Heads, 1), setting.Least("hidden", d.Hidden, 1), setting.Least("encoder",
		d.Encoder, 0), setting.Least("decoder", d.Decoder, 1), setting.Least("queries", d.Queries, 1)}
	if d.Dim < 4 || d.Dim%4 != 0 {
		bad = append(bad, setting.Bad("dim", "%d: want a multiple of 4 above 0, such as %d", d.Dim, max(d.Dim/4*4, 4)))
	} else if d.Heads > 0 && d.Dim%d.Heads != 0 {
		bad = append(bad, setting.Bad("heads", "%d: want a divisor of dim = %d", d.Heads, d.Dim))
	}
	return errors.Join(bad...)
}

// Detecting is a Detector's layers over the feature maps of a backbone.
type Detecting struct {
	d *Detector
	s *graph.Scope

	from           int // channels of the map
	project        layer.Func
	encoder        []transformerLayer
	decoder        []transformerLayer
	norm           layer.Func
	content        *graph.Node // [Q,D]
	reference      *graph.Node // [Q,2] logits of the points
	box, placement layer.Func
}

// transformerLayer is attention of tokens to themselves, to a map, and an MLP.
type transformerLayer struct {
	self, cross  attention
	selfNorm     layer.Func
	crossNorm    layer.Func // nil: there is no map to read
	mlpNorm, mlp layer.Func
}

// New declares the parameters of a detector of maps with so many channels, below s.
func (d *Detector) New(s *graph.Scope, channels int) *Detecting {
	n := &Detecting{d: d, s: s, from: channels}
	proj := s.In("project")
	linear, norm := layer.Dense(proj, channels, d.Dim), layer.LayerNorm(proj.In("norm"), d.Dim)
	n.project = layer.Chain(linear, norm)
	for i := range d.Encoder {
		n.encoder = append(n.encoder, d.layer(s.In(fmt.Sprintf("encoder/%d", i)), false))
	}
	for i := range d.Decoder {
		n.decoder = append(n.decoder, d.layer(s.In(fmt.Sprintf("decoder/%d", i)), true))
	}
	n.norm = layer.LayerNorm(s.In("norm"), d.Dim)
	n.content = s.Param("content", graph.Normal(0.02), d.Queries, d.Dim)
	n.reference = s.Param("reference", spreadPoints(d.Queries), d.Queries, 2)
	n.placement = layer.Dense(s.In("placement"), d.Dim, d.Dim)
	box := s.In("box")
	n.box = layer.Chain(layer.Dense(box.In("0"), d.Dim, d.Dim), layer.Relu, layer.Dense(box.In("1"), d.Dim, d.Dim),
		layer.Relu, layer.DenseOf(box.In("2"), d.Dim, 4, graph.Fill(0)))
	return n
}

// spreadPoints are the logits of n points on a grid over the image, row by row. Rows have nearly the same number.
func spreadPoints(n int) graph.Init {
	rows := max(int(math.Round(math.Sqrt(float64(n)))), 1)
	logit := func(at float64) float64 { return math.Log(at / (1 - at)) }
	return func(a ir.Array, _ *rand.Rand) {
		for row := range rows {
			from, to := row*n/rows, (row+1)*n/rows
			for i := from; i < to; i++ {
				a.Set(2*i, logit((float64(i-from)+0.5)/float64(to-from)))
				a.Set(2*i+1, logit((float64(row)+0.5)/float64(rows)))
			}
		}
	}
}

func (d *Detector) layer(s *graph.Scope, cross bool) (l transformerLayer) {
	l.self, l.selfNorm = newAttention(s.In("self"), d.Dim, d.Heads), layer.LayerNorm(s.In("self_norm"), d.Dim)
	if cross {
		l.cross, l.crossNorm = newAttention(s.In("cross"), d.Dim, d.Heads), layer.LayerNorm(s.In("cross_norm"), d.Dim)
	}
	l.mlpNorm, l.mlp = layer.LayerNorm(s.In("mlp_norm"), d.Dim), layer.MLP(s.In("mlp"), d.Dim, d.Hidden)
	return l
}

// attention reads values [B,S,D] at keys [B,S,D] by queries [B,T,D] -> [B,T,D]. Keys and queries have positions, values
// have none.
type attention func(q, k, v *graph.Node, m layer.Mask) *graph.Node

func newAttention(s *graph.Scope, dim, heads int) attention {
	toQ, toK, toV, proj := layer.Dense(s.In("q"), dim, dim), layer.Dense(s.In("k"), dim, dim),
		layer.Dense(s.In("v"), dim, dim), layer.Dense(s.In("proj"), dim, dim)
	split := func(x *graph.Node) *graph.Node {
		return op.Reshape(x, op.ShapeOf(x)[0], op.ShapeOf(x)[1], heads, dim/heads)
	}
	return func(q, k, v *graph.Node, m layer.Mask) *graph.Node {
		return proj(layer.Attend(s, split(toQ(q)), split(toK(k)), split(toV(v)), m))
	}
}

// Memory is a feature map as queries read it.
type Memory struct {
	tokens, keys *graph.Node // [B,T,D], and with positions
}

// Read is a map [B,h,w,C] after the encoder's layers.
func (n *Detecting) Read(maps *graph.Node) Memory {
	at := op.ShapeOf(maps)
	if len(at) != 4 || at[3] != n.from {
		op.Fail(n.s.Path(), "a map of %v, want [B,h,w,%d]", at, n.from)
	}
	b, h, w := at[0], at[1], at[2]
	x := n.project(op.Reshape(maps, b, h*w, at[3]))
	var points []float64
	for i := range h * w {
		points = append(points, (float64(i%w)+0.5)/float64(w), (float64(i/w)+0.5)/float64(h))
	}
	place := n.encode(n.s.Floats(fmt.Sprintf("const/points%dx%d", h, w), points, h*w, 2)) // [T,D]
	for _, l := range n.encoder {
		y := l.selfNorm(x)
		placed := op.Add(y, place)
		x = op.Add(x, l.self(placed, placed, y, layer.Mask{}))
		x = op.Add(x, l.mlp(l.mlpNorm(x)))
	}
	return Memory{x, op.Add(x, place)}
}

// positionTemperature is the ratio of the longest wave of positions to the shortest, nearly.
const positionTemperature = 20.0

// encode is sines and cosines of points [N,2], x and y in [0,1]: [N,D], half of it of y and half of x.
func (n *Detecting) encode(points *graph.Node) *graph.Node {
	count, waves := op.ShapeOf(points)[0], n.d.Dim/4
	f := make([]float64, waves)
	for i := range f {
		f[i] = 2 * math.Pi * math.Pow(positionTemperature, -float64(i)/float64(waves))
	}
	angle := op.Mul(op.Reshape(points, count, 2, 1), n.s.Floats("const/waves", f, 1, 1, waves)) // [N,2,W]
	parts := op.Concat(2, op.Sin(angle), op.Cos(angle))                                         // [N,2,2W]
	return op.Reshape(parts, count, n.d.Dim)
}

// Decoded is what the queries are after each layer of the decoder.
type Decoded struct {
	Layers []*graph.Node // [B,Q,D] after the final norm, the last layer's at the end
	Boxes  []*graph.Node // [B,Q,4] of each: the centre's x and y, width and height, in shares of the image
}

// Decode reads a map by the queries. more [B,Q,D] is added to what they begin with, nil: nothing. A bias [Q,Q] is added
// to the scores of their attention to each other; nil: nothing.
func (n *Detecting) Decode(m Memory, more, bias *graph.Node) (out Decoded) {
	b, q, d := op.ShapeOf(m.tokens)[0], n.d.Queries, n.d.Dim
	x := op.BroadcastTo(op.Reshape(n.content, 1, q, d), []int{b, q, d})
	if more != nil {
		x = op.Add(x, more)
	}
	place := op.Reshape(n.placement(n.encode(op.Sigmoid(n.reference))), 1, q, d)
	for _, l := range n.decoder {
		y := l.selfNorm(x)
		placed := op.Add(y, place)
		x = op.Add(x, l.self(placed, placed, y, layer.Mask{Bias: bias}))
		x = op.Add(x, l.cross(op.Add(l.crossNorm(x), place), m.keys, m.tokens, layer.Mask{}))
		x = op.Add(x, l.mlp(l.mlpNorm(x)))
		y = n.norm(x)
		out.Layers = append(out.Layers, y)
		shift := op.Pad(op.Reshape(n.reference, 1, q, 2), 2, 0, 2) // [1,Q,4]
		size := n.s.Floats("const/size", []float64{0, 0, initialSize, initialSize}, 1, 1, 4)
		out.Boxes = append(out.Boxes, op.Sigmoid(op.Add(op.Add(n.box(y), shift), size)))
	}
	return out
}

// initialSize is the logit of the width and height of boxes before anything is learned: about a quarter of the image.
const initialSize = -1.1
