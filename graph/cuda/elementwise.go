package cuda

import (
	"fmt"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// access is how an operand, or the result, is walked over the space of a loop.
type access struct {
	steps []int // elements, by axis of the space
	start int   // the first element
	// Of a bounded access only coordinates from lo up to, not with, hi on an axis have an element; 0 stands elsewhere.
	bounded      bool
	axis, lo, hi int
}

// load is an access of an operand.
type load struct {
	operand int
	access
}

// elementwise is an operation whose every element is made of one element of each load.
type elementwise struct {
	space  ir.Shape
	loads  []load
	store  access
	body   func(e *emitter, x []string) string
	before func(c *call) Ptr // makes settings that the last loads read, on the device
	// placed says that the body reads the emitter's index, the element's place in the result.
	placed bool
	// several says that the instruction has other loops beside this one, which read what this one's chain may hold.
	several bool
}

// same is an access of a value of the space's own shape.
func same(space ir.Shape) access { return access{steps: op.Strides(space)} }

// repeated is an access of a value that is broadcast to the space.
func repeated(s, space ir.Shape) access { return access{steps: op.BroadcastStrides(s, space)} }

// scalar is an access of one number.
func scalar(space ir.Shape, at int) access { return access{steps: make([]int, len(space)), start: at} }

// over is an operation on operands of the result's shape or ones that broadcast to it.
func over(c *call, body func(e *emitter, x []string) string) elementwise {
	w := elementwise{space: c.out.Shape, store: same(c.out.Shape), body: body}
	for k, t := range c.in {
		w.loads = append(w.loads, load{k, repeated(t.Shape, w.space)})
	}
	return w
}

// elementwises are the operations that become generated kernels.
var elementwises = map[string]func(c *call) elementwise{
	"adam":             adam,
	"add_n":            addN,
	"affine":           affine,
	"binary":           binary,
	"broadcast":        moved,
	"compare":          compare,
	"copy":             moved,
	"descend":          descend,
	"descend_nesterov": nesterov,
	"float":            float,
	"int":              integer,
	"leaky_relu":       leaky,
	"leaky_relu_grad":  leakyGrad,
	"lerp":             lerp,
	"moment":           moment,
	"momentum":         momentum,
	"pad":              pad,
	"random":           random,
	"round":            func(c *call) elementwise { return unaryOf(c, "f_round") },
	"running_stats":    running,
	"slice":            slice,
	"transpose":        transpose,
	"unary":            func(c *call) elementwise { return unaryOf(c, "f_"+c.spec.(op.Unary).Fn) },
	"unary_grad":       unaryGrad,
}

func unaryOf(c *call, function string) elementwise {
	return over(c, func(e *emitter, x []string) string { return e.call(function, x[0]) })
}

func unaryGrad(c *call) elementwise {
	fn := c.spec.(op.UnaryGrad).Fn
	return over(c, func(e *emitter, x []string) string {
		if fn == "relu" {
			return e.where("gt.f32", x[1], immediate(0), x[0], immediate(0))
		}
		return e.op("mul.rn.f32", x[0], e.call("d_"+fn, x[1]))
	})
}

func moved(c *call) elementwise {
	return over(c, func(_ *emitter, x []string) string { return x[0] })
}

func affine(c *call) elementwise {
	o := c.spec.(op.AffineOp)
	return over(c, func(e *emitter, x []string) string {
		return e.op("fma.rn.f32", x[0], immediate(o.A), immediate(o.B))
	})
}

func binary(c *call) elementwise {
	o := c.spec.(op.Binary)
	name := map[string]string{"add": "add.rn.f32", "sub": "sub.rn.f32", "mul": "mul.rn.f32", "div": "div.rn.f32"}[o.Fn]
	return over(c, func(e *emitter, x []string) string {
		y := e.op(name, x[0], x[1])
		if o.Relu {
			y = e.relu(y)
		}
		if o.Rounded {
			y = e.call("f_round", y)
		}
		return y
	})
}

func compare(c *call) elementwise {
	o, ints := c.spec.(op.Compare), c.in[0].DType == ir.I32
	return over(c, func(e *emitter, x []string) string {
		one, zero := immediate(1), immediate(0)
		switch {
		case ints:
			return e.where("eq.s32", e.integer(x[0]), e.integer(x[1]), one, zero)
		case o.Fn == "less":
			return e.where("lt.f32", x[0], x[1], one, zero)
		}
		return e.where("eq.f32", x[0], x[1], one, zero)
	})
}

func float(c *call) elementwise {
	return over(c, func(e *emitter, x []string) string { return e.op("cvt.rn.f32.s32", e.integer(x[0])) })
}

// integer rounds down; NaN is 0 and what int32 cannot hold its nearest number.
func integer(c *call) elementwise {
	return over(c, func(e *emitter, x []string) string {
		w, y := e.word(), e.float()
		e.line("cvt.rmi.s32.f32 %s, %s;", w, x[0])
		e.line("mov.b32 %s, %s;", y, w)
		return y
	})
}

func addN(c *call) elementwise {
	w := over(c, func(e *emitter, x []string) string {
		y := x[0]
		for _, v := range x[1:] {
			y = e.op("add.rn.f32", y, v)
		}
		return y
	})
	for k, t := range c.in {
		s := t.Shape
		for len(s) > len(w.space) {
			s = s[1:] // axes of size 1 before a row
		}
		w.loads[k] = load{k, repeated(s, w.space)}
	}
	return w
}

func leaky(c *call) elementwise {
	slope := immediate(c.spec.(op.LeakyReluOp).Slope)
	return over(c, func(e *emitter, x []string) string {
		return e.where("lt.f32", x[0], immediate(0), e.op("mul.rn.f32", x[0], slope), x[0])
	})
}

func leakyGrad(c *call) elementwise {
	slope := immediate(c.spec.(op.LeakyReluGrad).Slope)
	return over(c, func(e *emitter, x []string) string {
		return e.where("gt.f32", x[1], immediate(0), x[0], e.op("mul.rn.f32", x[0], slope))
	})
}

func lerp(c *call) elementwise {
	return over(c, func(e *emitter, x []string) string {
		rest := e.op("sub.rn.f32", immediate(1), x[2])
		return e.op("fma.rn.f32", x[2], x[0], e.op("mul.rn.f32", rest, x[1]))
	})
}

func moment(c *call) elementwise {
	o := c.spec.(op.Moment)
	return over(c, func(e *emitter, x []string) string {
		g := x[1]
		if o.Square {
			g = e.op("mul.rn.f32", g, g)
		}
		return e.op("fma.rn.f32", immediate(o.Beta), x[0], e.op("mul.rn.f32", immediate(1-o.Beta), g))
	})
}

func momentum(c *call) elementwise {
	o := c.spec.(op.Momentum)
	return over(c, func(e *emitter, x []string) string {
		m, g, p, wd, ratio := x[0], x[1], x[2], x[3], x[4]
		u := e.op("mul.rn.f32", ratio, e.op("fma.rn.f32", wd, p, g))
		return e.op("fma.rn.f32", immediate(o.Mu), m, u)
	})
}

func descend(c *call) elementwise {
	return over(c, func(e *emitter, x []string) string {
		return e.op("fma.rn.f32", e.op("neg.f32", x[2]), x[1], x[0])
	})
}

func nesterov(c *call) elementwise {
	o := c.spec.(op.DescendNesterov)
	return over(c, func(e *emitter, x []string) string {
		p, m, g, lr, wd, ratio := x[0], x[1], x[2], x[3], x[4], x[5]
		u := e.op("mul.rn.f32", ratio, e.op("fma.rn.f32", wd, p, g))
		u = e.op("fma.rn.f32", immediate(o.Mu), m, u)
		return e.op("fma.rn.f32", e.op("neg.f32", lr), u, p)
	})
}

// adam reads its settings as adam_settings of math.cu prepares them, once for all parameters that share them.
func adam(c *call) elementwise {
	o, space := c.spec.(op.Adam), c.out.Shape
	w := elementwise{space: space, store: same(space)}
	for k := range 3 {
		w.loads = append(w.loads, load{k, same(space)})
	}
	for k := range 3 {
		w.loads = append(w.loads, load{settings, scalar(space, k)})
	}
	w.before = func(c *call) Ptr {
		return c.prepared(fmt.Sprint(o.Beta1, o.Beta2), []int{3, 4, 5}, 3, func(to Ptr) {
			c.launch("adam_settings", [3]int{1, 1, 1}, 32, 0, to, c.x[3], c.x[4], c.x[5], double(o.Beta1),
				double(o.Beta2))
		})
	}
	w.body = func(e *emitter, x []string) string {
		p, m, v, keep, rate, root := x[0], x[1], x[2], x[3], x[4], x[5]
		d := e.op("fma.rn.f32", e.op("sqrt.rn.f32", v), root, immediate(o.Eps))
		step := e.op("div.rn.f32", e.op("mul.rn.f32", rate, m), d)
		return e.op("sub.rn.f32", e.op("mul.rn.f32", p, keep), step)
	}
	return w
}

func running(c *call) elementwise {
	o := c.spec.(op.Running)
	channels := uint64(c.out.Shape.Last())
	w := over(c, func(e *emitter, x []string) string {
		p := e.pred()
		e.line("setp.ge.u64 %s, %s, %d;", p, e.index, channels)
		unbiased := e.op("mul.rn.f32", x[1], immediate(o.Unbias()))
		s := e.float()
		e.line("selp.f32 %s, %s, %s, %s;", s, unbiased, x[1], p)
		return e.op("fma.rn.f32", immediate(1-o.Momentum), x[0], e.op("mul.rn.f32", immediate(o.Momentum), s))
	})
	w.placed = true
	return w
}

func random(c *call) elementwise {
	o, space := c.spec.(op.RandomOp), c.out.Shape
	w := elementwise{space: space, store: same(space), placed: true}
	w.loads = []load{{0, scalar(space, 0)}, {0, scalar(space, 1)}, {1, scalar(space, 0)}}
	w.body = func(e *emitter, x []string) string {
		args := append(x[:3:3], fmt.Sprint(o.Draw), e.index)
		switch {
		case o.Law == "normal":
			return e.call("r_normal", args...)
		case o.Law == "bernoulli":
			return e.call("r_below", append(args, immediate64(o.P))...)
		case o.Keep == 0:
			return e.call("r_uniform", args...)
		}
		return e.op("mul.rn.f32", e.call("r_below", append(args, immediate64(o.Keep))...), immediate(1/o.Keep))
	}
	return w
}

func slice(c *call) elementwise {
	o, ok := c.spec.(op.SliceOp)
	if !ok {
		o = c.spec.(op.LeadingSlice).SliceOp
	}
	w := moved(c)
	st := op.Strides(c.in[0].Shape)
	w.loads[0].access = access{steps: st, start: o.From * st[o.Axis]}
	return w
}

func pad(c *call) elementwise {
	o, s := c.spec.(op.PadOp), c.in[0].Shape
	w := moved(c)
	st := op.Strides(s)
	w.loads[0].access = access{steps: st, start: -o.Before * st[o.Axis], bounded: true, axis: o.Axis, lo: o.Before,
		hi: o.Before + s[o.Axis]}
	return w
}

func transpose(c *call) elementwise {
	w := moved(c)
	w.loads[0].access = access{steps: c.spec.(op.TransposeOp).Steps(c.in[0].Shape)}
	return w
}

// concat is a loop for each operand, which is written to its place in the result.
func concat(c *call) (all []elementwise) {
	axis, st, at := c.spec.(op.ConcatOp).Axis, op.Strides(c.out.Shape), 0
	for k, t := range c.in {
		all = append(all, elementwise{
			space: t.Shape,
			loads: []load{{k, same(t.Shape)}},
			store: access{steps: st, start: at * st[axis]},
			body:  func(_ *emitter, x []string) string { return x[0] },

			several: len(c.in) > 1,
		})
		at += t.Shape[axis]
	}
	return all
}

// settings stands for the memory that before made, in place of an operand's number.
const settings = -1

// loops are the loops of an instruction, nil if it is no operation of this kind.
func loops(c *call) []elementwise {
	if _, ok := c.spec.(op.ConcatOp); ok {
		return concat(c)
	}
	if f, ok := elementwises[c.spec.Name()]; ok {
		return []elementwise{f(c)}
	}
	return nil
}

var _ = add(func() map[string]lowering {
	all := map[string]lowering{"concat": {bind: bindLoops}}
	for name := range elementwises {
		all[name] = lowering{bind: bindLoops}
	}
	return all
}())

// isLoop reports whether an operation is lowered to loops.
func isLoop(s ir.Spec) bool {
	_, concat := s.(op.ConcatOp)
	return concat || elementwises[s.Name()] != nil
}

// bindLoops lowers an instruction to loops, which the binder joins with its neighbours'.
func bindLoops(c *call) {
	for _, w := range loops(c) {
		c.b.join(c, w)
	}
}
