package contrastive

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// PIRL gives an image and its nine tiles in another order one embedding, told from those of other images by a bank.
//
//	loss = share NCE(m_i, g(tiles)) + (1-share) NCE(m_i, f(image))
//
// Misra, van der Maaten, CVPR 2020, arXiv:1912.01991, eq. 5: m is the bank, which holds a moving mean of f(image). The
// tiles go through the encoder one by one, each to a vector, and the vectors in their drawn order to the embedding
// (figure 3). The order is any of the 9!, drawn for each image and step; the paper has a fixed set of them. NCE is the
// cross-entropy of the own row among it and the noise, as in VISSL; the paper's eq. 4 adds the noise's own terms.
// The first epoch fills the bank and trains nothing.
type PIRL struct {
	Width       int     `toml:"width"`       // D of the embeddings, and of a tile's vector
	Noise       int     `toml:"noise"`       // rows of the bank to tell an image from; 0: all
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Momentum    float64 `toml:"momentum"`    // of the bank's rows
	Share       float64 `toml:"share"`       // of the loss that the tiles have
}

// tilesASide is how many tiles an image has in each direction.
const tilesASide = 3

// DefaultPIRL has the paper's settings for ImageNet.
func DefaultPIRL() *PIRL {
	return &PIRL{Width: 128, Noise: 32000, Temperature: 0.07, Momentum: 0.5, Share: 0.5}
}

// Validate implements methods.Method.
func (m *PIRL) Validate() error {
	return errors.Join(setting.Least("width", m.Width, 1), setting.Least("noise", m.Noise, 0),
		setting.Positive("temperature", m.Temperature), setting.Within("momentum", m.Momentum, 0, 1),
		setting.Within("share", m.Share, 0, 1))
}

// Build implements methods.Method.
func (m *PIRL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, encode := b.Views(2), enc.New(s)
	image := heads.Plain(s.In("image"), enc.Dim, m.Width)
	h := encode(x[0])                                                // [B,F]
	f := op.Normalize(image(h), losses.Eps)                          // [B,D]
	g := op.Normalize(m.tiles(s, enc.Dim, encode, x[1]), losses.Eps) // [B,D]
	bank := losses.NewBank(s, b.SetSize(), m.Width, m.Noise, m.Temperature)
	bank.Softmax = true
	own, others := bank.Of(b.Rows()), bank.Draw()
	terms := []methods.Term{
		{Name: "tiles", Weight: m.Share, Value: bank.Loss("log_z_tiles", g, own, others, b.Rows())},
		{Name: "image", Weight: 1 - m.Share, Value: bank.Loss("log_z_image", f, own, others, b.Rows())},
	}
	bank.Remember(b.Rows(), f, m.Momentum)
	return methods.Objective{Features: h, Terms: terms, Tune: whileBankFills("image", "tile", "tiles"),
		Metrics: []methods.Metric{
			{Name: "spread", Value: losses.Spread(f)},
			{Name: "agreement", Value: op.Neg(losses.NegativeCosine(op.StopGradient(f), op.StopGradient(g)))},
		}}
}

// tiles is the embedding of an image's tiles in a drawn order, [B,H,W,C] -> [B,D].
func (m *PIRL) tiles(s *graph.Scope, features int, encode layer.Func, x *graph.Node) *graph.Node {
	const n = tilesASide * tilesASide
	at := op.ShapeOf(x)
	b, side := at[0], min(at[1], at[2])/tilesASide
	x = op.Slice(op.Slice(x, 1, 0, side*tilesASide), 2, 0, side*tilesASide)
	parts := op.Reshape(layer.Patchify(x, side), b*n, side, side, at[3])
	tile, all := heads.Plain(s.In("tile"), features, m.Width), heads.Plain(s.In("tiles"), n*m.Width, m.Width)
	each := op.Reshape(tile(encode(parts)), b, n, m.Width)
	order := op.Argsort(s.Random("order").Uniform(b, n))
	return all(op.Reshape(op.GatherTokens(each, order), b, n*m.Width))
}
