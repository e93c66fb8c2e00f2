package cuda

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

var _ = add(map[string]lowering{
	"attention":      {takesAttention, nil, bindAttention},
	"attention_grad": {takesAttention, scratchAttentionGrad, bindAttentionGrad},
})

// widestHead is the most elements that a head of attention may have.
const widestHead = 128

// The bits of the flags of attention's kernels: see kernels/heads.h.
const (
	roundHeads = 1 << iota
	vectorHeads
	causalHeads
)

// heads are the sizes of attention over packed queries, keys and values.
type heads struct {
	b, t, n, d int
	padded     int // d as the kernels have it
	o          op.AttentionOp
	biases     []any // parameters of kernels that have biases: of the one that may be learned, and of another
}

func headsOf(qkv ir.Shape, o op.AttentionOp) heads {
	h := heads{b: qkv[0], t: qkv[1], n: qkv[3], d: qkv[4], padded: 32, o: o}
	for h.padded < h.d {
		h.padded *= 2
	}
	return h
}

func takesAttention(s ir.Spec, in []ir.Type) bool {
	qkv := in[0].Shape
	if _, gradient := s.(op.AttentionGrad); gradient {
		qkv = in[1].Shape
	}
	return qkv[4] <= widestHead
}

// withBiases is with the operands from number first on as biases, the last of which may be learned.
func (h heads) withBiases(c *call, first int) heads {
	for i := len(c.in) - 1; i >= first; i-- {
		s := c.in[i].Shape
		h.biases = append(h.biases, c.x[i], s[0], s[1], s[2])
	}
	if len(h.biases) == 0 && !h.o.Causal {
		return h
	}
	for len(h.biases) < 8 {
		h.biases = append(h.biases, Ptr(0), 1, 1, 1)
	}
	return h
}

// flags are those of kernels that read and write rows at such addresses.
func (h heads) flags(at ...Ptr) int {
	flags := vectorHeads
	for _, p := range at {
		if !matches(p, h.d, 0) {
			flags = 0
		}
	}
	if h.o.BF16 {
		flags |= roundHeads
	}
	if h.o.Causal {
		flags |= causalHeads
	}
	return flags
}

// factor makes products of queries and keys exponents of 2.
func (h heads) factor() float64 { return h.o.Scale * math.Log2E }

// grid is a block for every so many rows of every head.
func (h heads) grid(rows int) [3]int { return [3]int{h.b * h.n * ceil(h.t, rows), 1, 1} }

// The floats of shared memory of a kernel whose blocks have so many rows and walk along so many columns at a time: of
// rows that are held, of columns, and of columns as rows.
func (h heads) held(rows int) int { return h.padded * (rows + 4) }
func (h heads) walked(rows, cols int) int {
	return max(h.padded*(cols+4), cols*(rows+4))
}
func (h heads) lines(cols int) int { return cols * (h.padded + 4) }

func (h heads) forwardTile() (rows, cols, shared int) {
	rows, cols = 64, 64
	if h.padded > 64 {
		cols = 32
	}
	return rows, cols, 4 * (h.held(rows) + h.walked(rows, cols) + h.lines(cols))
}

// backwardTile is the tile of the gradient's kernels: smaller where heads are wide, or a block may have little shared
// memory.
func (h heads) backwardTile(limit int) (rows, cols, shared int) {
	rows, cols = 64, 32
	if h.padded > 64 {
		rows = 32
	}
	size := func() int { return 4 * (2*h.held(rows) + 2*h.walked(rows, cols) + 2*h.lines(cols)) }
	if h.padded > 32 && limit > 0 && size() > limit {
		rows /= 2
	}
	return rows, cols, size()
}

// engine is the suffix of the kernels of tensor cores, "" for those in float32, and of those with biases, in float32
// too. Those of tensor cores take 64 rows, without shared memory of a size that is asked for.
func (h heads) engine(fp precision) string {
	switch {
	case h.biases != nil:
		return "_biased"
	case h.o.BF16 && fp.sm80:
		return "_bf16"
	case fp.tf32 && fp.sm80 && !h.o.BF16 && h.padded <= 64:
		return "_tf32"
	}
	return ""
}

const tensorRows = 64

// forward adds the launch of a kernel that walks along keys.
func (h heads) forward(c *call, kernel string, args ...any) {
	rows, _, shared := h.forwardTile()
	engine := h.engine(c.fp)
	if engine != "" && h.biases == nil {
		rows, shared = tensorRows, 0
	}
	c.launch(fmt.Sprintf("%s%s_%d", kernel, engine, h.padded), h.grid(rows), 128, shared, append(args, h.biases...)...)
}

func bindAttention(c *call) {
	h := headsOf(c.in[0].Shape, c.spec.(op.AttentionOp)).withBiases(c, 1)
	h.forward(c, "attention", c.y, c.x[0], h.t, h.n, h.d, h.factor(), h.flags(c.y, c.x[0]))
}

func gradHeads(c *call) heads {
	return headsOf(c.in[1].Shape, op.AttentionOp(c.spec.(op.AttentionGrad)))
}

func (h heads) rowsBytes() int { return aligned(4 * h.b * h.n * h.t) }

func scratchAttentionGrad(c *call) int { return 2 * gradHeads(c).rowsBytes() }

func bindAttentionGrad(c *call) {
	h := gradHeads(c).withBiases(c, 2)
	dy, qkv, logs, sums := c.x[0], c.x[1], c.scratch, c.scratch+Ptr(h.rowsBytes())
	flags := h.flags(dy, qkv, c.y)
	h.forward(c, "attention_stats", logs, sums, qkv, dy, h.t, h.n, h.d, h.factor(), flags)
	for _, kernel := range []string{"attention_dq", "attention_dkv"} {
		rows, _, shared := h.backwardTile(c.fp.shared)
		name := fmt.Sprintf("%s_%d_%d", kernel, h.padded, rows)
		switch engine := h.engine(c.fp); {
		case h.biases != nil:
			name = fmt.Sprintf("%s%s_%d_%d", kernel, engine, h.padded, rows)
		case engine != "":
			rows, shared, name = tensorRows, 0, fmt.Sprintf("%s%s_%d", kernel, engine, h.padded)
		}
		args := []any{c.y, qkv, dy, logs, sums, h.t, h.n, h.d, h.factor(), h.o.Scale, flags}
		c.launch(name, h.grid(rows), 128, shared, append(args, h.biases...)...)
	}
	if !h.o.Learned {
		return
	}
	rows, cols, shared := h.backwardTile(c.fp.shared)
	groups := c.in[len(c.in)-1].Shape[0]
	args := []any{c.y + Ptr(4*c.in[1].Shape.Size()), qkv, dy, logs, sums, h.t, h.n, h.d, h.factor(), h.o.Scale, flags,
		h.b / groups}
	c.launch(fmt.Sprintf("attention_dbias_%d_%d", h.padded, rows),
		[3]int{groups * h.n * ceil(h.t, rows) * ceil(h.t, cols), 1, 1}, 128, shared, append(args, h.biases...)...)
}
