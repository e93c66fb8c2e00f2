package spread

import (
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// choose finds the rule of an operation that keeps its samples apart, or sums over them; ok is false where it has none,
// or where none of its operands is rows.
func (s *spreader) choose(in ir.Instr) (c choice, ok bool) {
	out := s.vals[in.Out].Shape
	switch o := in.Spec.(type) {
	case op.Binary, op.AddN, op.Compare, op.Unary, op.UnaryGrad, op.AffineOp, op.LeakyReluOp, op.LeakyReluGrad,
		op.RoundOp, op.FloatOp, op.IntOp, op.StopOp, op.LerpOp:
		return s.elementwise(in, in.Spec)
	case op.BroadcastOp:
		c, ok := s.elementwise(in, nil)
		if ok {
			c.spec = op.BroadcastOp{To: op.DimsOf(s.local(out, cut{c.out, c.k, c.u}))}
		}
		return c, ok
	case op.SumToOp:
		return s.sumTo(in, o)
	case op.SumSq:
		at, ok := s.cut(in.In[0])
		return choice{spec: o, k: at.k, u: at.u, axes: []int{at.axis}, part: true}, ok
	case op.TransposeOp:
		at, ok := s.cut(in.In[0])
		if !ok {
			return c, false
		}
		to := slices.Index(o.Perm.Shape(), at.axis)
		return choice{spec: o, k: at.k, u: at.u, axes: []int{at.axis}, out: to}, true
	case op.SliceOp:
		return s.slice(in, o, func(o op.SliceOp) ir.Spec { return o })
	case op.LeadingSlice:
		return s.slice(in, o.SliceOp, func(o op.SliceOp) ir.Spec { return op.LeadingSlice{SliceOp: o} })
	case op.PadOp:
		return s.pad(in, o)
	case op.ConcatOp:
		return s.concat(in, o)
	case op.MatMulOp:
		return s.matmul(in, o)
	case op.GramOp:
		return s.gram(in, o)

	// Rows of the last axis, whatever is before it.
	case op.SoftmaxOp, op.NormalizeOp, op.LogSumExpOp, op.ArgmaxOp, op.ArgsortOp, op.TopKOp, op.LayerNormOp,
		op.BatchNormOp:
		return s.before(in, 1, false, 0)
	case op.SoftmaxGrad, op.NormalizeGrad, op.LayerNormBackward:
		return s.before(in, 1, false, 0, 1)
	case op.LayerNormSums, op.NormSums:
		return s.before(in, 1, true, 0, 1)
	case op.InverseCholeskyOp, op.MirrorOp, op.PolarOp, op.AssignOp:
		return s.before(in, 2, false, 0)

	// Samples of the first axis.
	case op.AttentionOp:
		return s.attention(in, 1, 0)
	case op.AttentionGrad:
		if o.Learned { // the gradient by the bias comes behind the other in one value
			return c, false
		}
		return s.attention(in, 2, 0, 1)
	case op.ConvForward, op.Recurrent, op.PoolForward:
		return s.leading(in, in.Spec, 0)
	case op.ConvBackwardData:
		o.X[0] /= s.Size
		return s.leading(in, o, 0)
	case op.PoolBackward:
		o.X[0] /= s.Size
		return s.leading(in, o, all(in)...)
	case op.ConvBackwardWeights:
		c, ok := s.leading(in, o, 0, 1)
		c.part = true
		return c, ok
	case op.CrossEntropyOp, op.CrossEntropyGrad, op.GatherTokensOp, op.ScatterTokens:
		return s.leading(in, in.Spec, all(in)...)
	case op.RecurrentGrad:
		return s.leading(in, o, 0, 1, 4)
	case op.ScatterAdd:
		c, ok := s.leading(in, o, 0, 1)
		c.part = true
		return c, ok
	case op.GatherOp: // of a table, by the ids of samples
		return s.leading(in, o, 1)
	case op.DiagonalOp:
		at, ok := s.cut(in.In[0])
		if !ok {
			return c, false
		}
		place := s.place(s.vals[in.In[0]].layout)
		return choice{spec: Diagonal{o, s.vals[in.In[0]].Shape[0], place}, k: at.k, u: at.u, axes: []int{at.axis},
			out: at.axis}, true
	}
	return c, false
}

// all is the numbers of an operation's operands.
func all(in ir.Instr) []int {
	list := make([]int, len(in.In))
	for i := range list {
		list[i] = i
	}
	return list
}

// axes is a list of axes, -1 for each operand.
func axes(in ir.Instr) []int {
	list := make([]int, len(in.In))
	for i := range list {
		list[i] = -1
	}
	return list
}

// elementwise is the rule of operations with broadcasting: axes are aligned at the end.
func (s *spreader) elementwise(in ir.Instr, spec ir.Spec) (choice, bool) {
	out := s.vals[in.Out].Shape
	for _, b := range in.In {
		at, ok := s.cut(b)
		if !ok {
			continue
		}
		to := at.axis + len(out) - len(s.vals[b].Shape)
		if out[to] != s.vals[b].Shape[at.axis] {
			continue
		}
		c := choice{spec: spec, k: at.k, u: at.u, axes: axes(in), out: to}
		for i, x := range in.In {
			shape := s.vals[x].Shape
			if a := to - (len(out) - len(shape)); a >= 0 && shape[a] != 1 {
				c.axes[i] = a
			}
		}
		return c, true
	}
	return choice{}, false
}

// sumTo sums a rank's rows where the samples are summed, else keeps them.
func (s *spreader) sumTo(in ir.Instr, o op.SumToOp) (choice, bool) {
	at, ok := s.cut(in.In[0])
	if !ok {
		return choice{}, false
	}
	to := o.To.Shape()
	c := choice{k: at.k, u: at.u, axes: []int{at.axis}, out: at.axis - (len(s.vals[in.In[0]].Shape) - len(to))}
	if c.part = c.out < 0 || to[c.out] == 1; !c.part {
		o.To = op.DimsOf(s.local(to, cut{c.out, c.k, c.u}))
	}
	c.spec = o
	return c, true
}

// before is the rule of operations that look at the last few axes together, and at nothing else of what is before them:
// the operands have the samples in the same axis as the result, or their sum is a part.
func (s *spreader) before(in ir.Instr, last int, part bool, operands ...int) (choice, bool) {
	for _, i := range operands {
		at, ok := s.cut(in.In[i])
		if !ok || at.axis >= len(s.vals[in.In[i]].Shape)-last {
			continue
		}
		c := choice{spec: in.Spec, k: at.k, u: at.u, axes: axes(in), out: at.axis, part: part}
		for _, x := range operands {
			c.axes[x] = at.axis
		}
		if bn, ok := in.Spec.(op.BatchNormOp); ok && bn.Residual {
			c.axes[len(in.In)-1] = at.axis
		}
		return c, true
	}
	return choice{}, false
}

// leading is the rule of operations whose result has the samples in its first axis, as the operands have them.
func (s *spreader) leading(in ir.Instr, spec ir.Spec, operands ...int) (choice, bool) {
	for _, i := range operands {
		at, ok := s.cut(in.In[i])
		if !ok || at.axis != 0 {
			continue
		}
		c := choice{spec: spec, k: at.k, u: at.u, axes: axes(in)}
		for _, x := range operands {
			c.axes[x] = 0
		}
		return c, true
	}
	return choice{}, false
}

// attention is leading for operands with biases [G,...] behind them, of which image b has bias b mod G: as many as
// there are images are dealt out with them, and those that repeat within a sample stay whole.
func (s *spreader) attention(in ir.Instr, biases int, operands ...int) (choice, bool) {
	c, ok := s.leading(in, in.Spec, operands...)
	if !ok {
		return c, false
	}
	images := s.vals[in.In[operands[0]]].Shape[0]
	for i := biases; i < len(in.In); i++ {
		switch g := s.vals[in.In[i]].Shape[0]; {
		case g == images && g > 1:
			c.axes[i] = 0
		case c.u%g != 0:
			return c, false
		}
	}
	return c, true
}

// inBlocks reports whether places of an axis lie between blocks of all samples, and returns them for a rank's rows.
func (s *spreader) inBlocks(at cut, places ...*int) bool {
	for _, p := range places {
		if *p%(s.n*at.u) != 0 {
			return false
		}
	}
	for _, p := range places {
		*p /= s.Size
	}
	return true
}

func (s *spreader) slice(in ir.Instr, o op.SliceOp, spec func(op.SliceOp) ir.Spec) (choice, bool) {
	at, ok := s.cut(in.In[0])
	if !ok || at.axis == o.Axis && !s.inBlocks(at, &o.From, &o.To) {
		return choice{}, false
	}
	return choice{spec: spec(o), k: at.k, u: at.u, axes: []int{at.axis}, out: at.axis}, true
}

func (s *spreader) pad(in ir.Instr, o op.PadOp) (choice, bool) {
	at, ok := s.cut(in.In[0])
	if !ok || at.axis == o.Axis && !s.inBlocks(at, &o.Before, &o.After) {
		return choice{}, false
	}
	return choice{spec: o, k: at.k, u: at.u, axes: []int{at.axis}, out: at.axis}, true
}

// concat keeps samples where the values are joined along another axis, or block behind block.
func (s *spreader) concat(in ir.Instr, o op.ConcatOp) (choice, bool) {
	for _, b := range in.In {
		at, ok := s.cut(b)
		if !ok {
			continue
		}
		c := choice{spec: o, k: at.k, u: at.u, axes: axes(in), out: at.axis}
		for i, x := range in.In {
			if at.axis == o.Axis && s.vals[x].Shape[o.Axis]%(s.n*at.u) != 0 {
				return choice{}, false
			}
			c.axes[i] = at.axis
		}
		return c, true
	}
	return choice{}, false
}

// matmul keeps the rows of the left matrix or the columns of the right one, and sums where the samples are contracted.
func (s *spreader) matmul(in ir.Instr, o op.MatMulOp) (choice, bool) {
	if len(in.In) > 2 {
		return choice{}, false
	}
	r := len(s.vals[in.Out].Shape)
	m, ka, kb, n := r-2, r-1, r-2, r-1
	if o.TransA {
		m, ka = ka, m
	}
	if o.TransB {
		kb, n = n, kb
	}
	a, isA := s.cut(in.In[0])
	b, isB := s.cut(in.In[1])
	pick := func(c cut, x, y, out int, part bool) (choice, bool) {
		return choice{spec: o, k: c.k, u: c.u, axes: []int{x, y}, out: out, part: part}, true
	}
	switch {
	case isA && a.axis < r-2:
		return pick(a, a.axis, a.axis, a.axis, false)
	case isB && b.axis < r-2:
		return pick(b, b.axis, b.axis, b.axis, false)
	case isA && a.axis == m:
		return pick(a, m, -1, r-2, false)
	case isA && isB && a.axis == ka && b.axis == kb && a.k == b.k && a.u == b.u:
		return pick(a, ka, kb, 0, true)
	case isB && b.axis == n:
		return pick(b, -1, n, r-1, false)
	case isA && a.axis == ka:
		return pick(a, ka, kb, 0, true)
	case isB && b.axis == kb:
		return pick(b, ka, kb, 0, true)
	}
	return choice{}, false
}

// gram sums over samples; the products of samples with each other are in special.
func (s *spreader) gram(in ir.Instr, o op.GramOp) (choice, bool) {
	at, ok := s.cut(in.In[0])
	if !ok || (at.axis == 0) != o.Columns {
		return choice{}, false
	}
	return choice{spec: o, k: at.k, u: at.u, axes: []int{at.axis}, part: true}, true
}

// symmetric reports whether an operation is (y + y') b, the gradient of products of samples with each other, where a
// rank has rows of the matrix y.
func (s *spreader) symmetric(in ir.Instr, o op.MatMulOp) (y int, ok bool) {
	sum, made := s.from[in.In[0]]
	if add, is := sum.Spec.(op.Binary); !made || !is || add.Fn != "add" || o.TransA || len(in.In) > 2 ||
		len(s.vals[in.Out].Shape) != 2 {
		return 0, false
	}
	y = sum.In[0]
	other, made := s.from[sum.In[1]]
	_, is := other.Spec.(op.TransposeOp)
	at, rows := s.cut(y)
	return y, made && is && other.In[0] == y && rows && at.axis == 0
}

// symmetricTimes is y b + y' b, from a rank's rows of y: nobody needs y', in which a rank has columns.
func (s *spreader) symmetricTimes(in ir.Instr, o op.MatMulOp, y int) error {
	out, node := s.vals[in.Out].Type, s.p.Bufs[in.Out].Node
	at, _ := s.cut(y)
	at.axis = 0
	b := s.vals[in.In[1]].Shape
	contracted := 0
	if o.TransB {
		contracted = 1
	}
	t, l := ir.Type{Shape: s.local(out.Shape, at), DType: out.DType}, s.flat(out.Shape, at)
	own := s.emit(o, t, node, s.vals[y].buf, s.whole(in.In[1]))
	o.TransA = true
	others := s.emit(o, out, node, s.vals[y].buf, s.rowsOf(in.In[1], s.flat(b, cut{contracted, at.k, at.u})))
	sum := s.emit(Scatter{s.place(l), op.DimsOf(t.Shape)}, t, node, others)
	return s.put(in, op.Binary{Fn: "add"}, t, l, []int{own, sum})
}

// special deals out operations that need more than a rule.
func (s *spreader) special(in ir.Instr) (done bool, err error) {
	out := s.vals[in.Out].Type
	at, ok := cut{}, false
	if len(in.In) > 0 {
		at, ok = s.cut(in.In[0])
	}
	switch o := in.Spec.(type) {
	case op.ReshapeOp:
		l := s.vals[in.In[0]].layout
		shape, fits := s.localOf(out.Shape, l)
		if l.form != rows || !fits {
			return false, nil
		}
		return true, s.put(in, op.ReshapeOp{To: op.DimsOf(shape)}, ir.Type{Shape: shape, DType: out.DType}, l,
			[]int{s.vals[in.In[0]].buf})

	case op.GramOp: // of samples: a rank's rows of the matrix
		if !ok || o.Columns || at.axis != 0 {
			return false, nil
		}
		shape := s.local(out.Shape, at)
		return true, s.put(in, op.MatMulOp{TransB: true}, ir.Type{Shape: shape, DType: out.DType},
			s.flat(out.Shape, at), []int{s.vals[in.In[0]].buf, s.whole(in.In[0])})

	case op.MatMulOp:
		if y, ok := s.symmetric(in, o); ok {
			return true, s.symmetricTimes(in, o, y)
		}

	case op.Stats: // of a rank's rows, which are as many on all ranks, and then of all
		if !ok || at.axis == len(s.vals[in.In[0]].Shape)-1 {
			return false, nil
		}
		v := s.vals[in.In[0]]
		node := s.p.Bufs[in.Out].Node
		own := s.emit(o, out, node, v.buf)
		each := ir.Type{Shape: append(ir.Shape{s.Size}, out.Shape...), DType: out.DType}
		place := Place{K: 1, N: s.Size, U: out.Shape.Size(), Rank: s.Rank, Size: s.Size}
		got := s.emit(Gather{place, op.DimsOf(each.Shape)}, each, node, own)
		return true, s.put(in, MergeStats{}, out, layout{form: whole}, []int{got})

	case op.NormBackward: // divides the sums over all rows by the number of its own
		c, ok := s.before(in, 1, false, 0, 1)
		if !ok || o.Frozen {
			if ok {
				return true, s.take(in, c)
			}
			return false, nil
		}
		sums := s.vals[in.In[3]].Type
		scaled := s.emit(op.AffineOp{A: 1 / float64(s.Size)}, sums, s.p.Bufs[in.Out].Node, s.whole(in.In[3]))
		bufs := make([]int, len(in.In))
		for i, b := range in.In {
			switch {
			case i == 3:
				bufs[i] = scaled
			case c.axes[i] >= 0:
				bufs[i] = s.rowsOf(b, s.flat(s.vals[b].Shape, cut{c.axes[i], c.k, c.u}))
			default:
				bufs[i] = s.whole(b)
			}
		}
		where := cut{c.out, c.k, c.u}
		return true, s.put(in, o, ir.Type{Shape: s.local(out.Shape, where), DType: out.DType}, s.flat(out.Shape, where),
			bufs)
	}
	return false, nil
}
