package evaluations

import "selfsup/graph/device"

// exactProducts is how many multiply-adds W x may take before the two matrix products of the objective are done in
// float32. Everything else stays in float64.
const exactProducts = 1 << 20

// products are the matrix products of a large softmax in float32: logits X Wᵀ and gradient Rᵀ X, with the standardised
// features X kept.
type products struct {
	s       *softmax
	x       []float32 // [rows,F], standardised
	w, g    []float32 // [C,F]
	z       []float32 // [rows,C]: logits without bias, then probabilities minus labels
	scratch []float32
}

func newProducts(s *softmax) *products {
	n, dim, classes := len(s.rows), s.f.Dim, s.f.Classes
	p := &products{
		s: s, x: make([]float32, n*dim), w: make([]float32, classes*dim), g: make([]float32, classes*dim),
		z: make([]float32, n*classes),
		scratch: make([]float32, max(device.GemmScratch(false, true, n, classes, dim), device.GemmScratch(true, false,
			classes, dim, n))),
	}
	p.standardized(p.x, n, func(r int) []float32 { return s.f.TrainX[s.rows[r]*dim:][:dim] })
	return p
}

// standardized fills x [n,F] with rows.
func (p *products) standardized(x []float32, n int, row func(r int) []float32) {
	dim := p.s.f.Dim
	device.Parallel((n+softmaxRows-1)/softmaxRows, func(task int) {
		wide := make([]float64, dim)
		for r := task * softmaxRows; r < min((task+1)*softmaxRows, n); r++ {
			p.s.take(wide, row(r), 0, dim)
			for j, v := range wide {
				x[r*dim+j] = float32(v)
			}
		}
	})
}

// rankRows is how many rows are classified at once: their standardised features are a block of memory beside the set.
const rankRows = 1024

// ranks says how many classes stand before the label of other rows x [M,F].
func (p *products) ranks(out []int, params []float64, x []float32, y []int32) {
	dim, classes := p.s.f.Dim, p.s.f.Classes
	for i := range p.w {
		p.w[i] = float32(params[i])
	}
	block := min(rankRows, len(y))
	rows, z := make([]float32, block*dim), make([]float32, block*classes)
	scratch := make([]float32, device.GemmScratch(false, true, block, classes, dim))
	for from := 0; from < len(y); from += block {
		n := min(block, len(y)-from)
		p.standardized(rows, n, func(r int) []float32 { return x[(from+r)*dim:][:dim] })
		if need := device.GemmScratch(false, true, n, classes, dim); need > len(scratch) {
			scratch = make([]float32, need)
		}
		device.Gemm(false, true, n, classes, dim, rows, dim, p.w, dim, z, classes, 0, scratch)
		scores := make([]float64, classes)
		for r := range n {
			for c, v := range z[r*classes : (r+1)*classes] {
				scores[c] = float64(v) + params[classes*dim+c]
			}
			out[from+r] = rank(scores, y[from+r])
		}
	}
}

// logits fills z with X Wᵀ.
func (p *products) logits(params []float64) {
	n, dim, classes := len(p.s.rows), p.s.f.Dim, p.s.f.Classes
	for i := range p.w {
		p.w[i] = float32(params[i])
	}
	device.Gemm(false, true, n, classes, dim, p.x, dim, p.w, dim, p.z, classes, 0, p.scratch)
}

// row writes the logits of a row, with bias.
func (p *products) row(out, params []float64, r int) {
	classes := p.s.f.Classes
	bias := params[classes*p.s.f.Dim:]
	for c, v := range p.z[r*classes : (r+1)*classes] {
		out[c] = float64(v) + bias[c]
	}
}

// gradient fills dW from the objective's rest.
func (p *products) gradient(params, grad []float64) {
	n, dim, classes := len(p.s.rows), p.s.f.Dim, p.s.f.Classes
	for i, v := range p.s.rest {
		p.z[i] = float32(v)
	}
	device.Gemm(true, false, classes, dim, n, p.z, classes, p.x, dim, p.g, dim, 0, p.scratch)
	for i, v := range p.g {
		grad[i] = float64(v) + p.s.l2*params[i]
	}
}
