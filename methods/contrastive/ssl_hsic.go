package contrastive

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SSLHSIC makes embeddings depend on which image they are of, measured by kernels, and on as little else as can be.
//
// Li, Pogodin, Sutherland, Gretton, NeurIPS 2021, arXiv:2106.08320, section 3: of M views of B images with
// the kernel k(a,b) = c / sqrt(c^2 + |a-b|^2) on unit rows, N = BM,
//
//	-HSIC(Z,Y) + regularization sqrt(HSIC(Z,Z)),
//	HSIC(Z,Y) = sum_{one image} k / (BM(M-1)) - sum_all k / N^2 - 1/(M-1),   HSIC(Z,Z) = |HKH|^2 / N^2,
//
// H centring rows and columns. The root is the larger the smaller the batch, about as 1/sqrt(B). The authors
// approximate k by 512 random Fourier features, learn c, and compare a student's predictions with a teacher's; here k
// is exact, c a setting, and there is one network, the paper's ablation.
type SSLHSIC struct {
	Projector      []int   `toml:"projector"`      // widths; the last is D; [] is none
	Regularization float64 `toml:"regularization"` // gamma, weight of the root of HSIC(Z,Z)
	Scale          float64 `toml:"scale"`          // c, of distances in the kernel
}

// DefaultSSLHSIC has the paper's settings for ImageNet.
func DefaultSSLHSIC() *SSLHSIC {
	return &SSLHSIC{Projector: []int{4096, 256}, Regularization: 3, Scale: 1}
}

// Validate implements methods.Method.
func (m *SSLHSIC) Validate() error {
	if !(m.Regularization >= 0) {
		return setting.Bad("regularization", "%v: want a weight of 0 or more", m.Regularization)
	}
	return cmp.Or(setting.Positive("scale", m.Scale), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *SSLHSIC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, _ := embed(s, enc, b, m.Projector)
	zy, zz := m.terms(s, z)
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{{Name: "hsic_zy", Weight: -1, Value: zy},
			{Name: "root_hsic_zz", Weight: m.Regularization, Value: op.Sqrt(zz)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// terms are HSIC(Z,Y) and HSIC(Z,Z) of the embeddings of M views, each [B,D].
func (m *SSLHSIC) terms(s *graph.Scope, z []*graph.Node) (zy, zz *graph.Node) {
	u := allViews(s, z) // [N,D]
	n, views := op.ShapeOf(u)[0], float64(len(z))
	squares := op.Relu(op.Affine(op.Gram(u), -2, 2))
	k := op.Scale(op.Rsqrt(op.Shift(squares, m.Scale*m.Scale)), m.Scale) // [N,N]
	own := op.SumAll(op.Mul(k, losses.SameInts(s, losses.ImageOf(s, n, len(z)))))
	all := op.SumAll(k)
	size := float64(n)
	zy = op.Shift(op.Sub(op.Scale(own, 1/(size*(views-1))), op.Scale(all, 1/(size*size))), -1/(views-1))
	rows := op.Sub(k, op.Mean(k, true, 1))
	return zy, op.Scale(op.SumAll(op.Square(op.Sub(rows, op.Mean(rows, true, 0)))), 1/(size*size))
}
