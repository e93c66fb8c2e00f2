// Package op is the set of operations that graphs are made of, one family a file. Each is a plain struct of attributes
// with a shape rule, a reference forward in plain loops and a symbolic gradient; the node function beside it puts it
// into a Gorgonia graph.
package op

import (
	"fmt"
	"hash"
	"hash/fnv"
	"reflect"
	"strings"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"selfsup/graph/ir"
)

// Node is a symbolic value: a node of a Gorgonia graph.
type Node = G.Node

// Differentiable is a Spec with a symbolic gradient.
type Differentiable interface {
	ir.Spec
	// Active says which operands the result can be differentiated by; always the same for one Spec and number of
	// operands.
	Active(n int) []bool
	// Grad returns the gradient for every operand that g.Need marks; other entries are ignored and may be nil.
	Grad(g Grad) []*Node
}

// Grad holds the values that a symbolic gradient is made from.
type Grad struct {
	In   []*Node // operands
	Out  *Node   // result
	Dy   *Node   // gradient of the loss by the result, of its shape
	Need []bool  // which operands' gradients are wanted
}

// Op makes a Spec a Gorgonia operation: a G.SDOp, so that gorgonia.Grad and the stock machines work on our graphs too.
// It returns fresh memory from Do always, since the stock machine corrupts views.
type Op struct {
	Spec ir.Spec
	in   []ir.Type
	out  ir.Type
	salt uint32
}

// Of returns the operation of a node, nil for inputs and foreign operations.
func Of(n *Node) *Op {
	o, _ := n.Op().(*Op)
	return o
}

// TypeOf is the type of a node's value.
func TypeOf(n *Node) ir.Type {
	if o := Of(n); o != nil {
		return o.out
	}
	t := ir.Type{Shape: ir.Shape(n.Shape().Clone())}
	switch n.Dtype() {
	case tensor.Float32:
		t.DType = ir.F32
	case tensor.Float64:
		t.DType = ir.F64
	case tensor.Int32:
		t.DType = ir.I32
	default:
		panic(fmt.Sprintf("graph: node %s has type %v; only float32, float64 and int32 exist here", n.Name(),
			n.Dtype()))
	}
	return t
}

// ShapeOf is the shape of a node's value; the caller may keep it.
func ShapeOf(n *Node) ir.Shape { return TypeOf(n).Shape }

// Dtype is the Gorgonia name of an element type.
func Dtype(d ir.DType) tensor.Dtype {
	return map[ir.DType]tensor.Dtype{ir.F32: tensor.Float32, ir.F64: tensor.Float64, ir.I32: tensor.Int32}[d]
}

// HMType is a fresh Gorgonia type; Gorgonia gives types back to a pool, so none may be kept.
func HMType(t ir.Type) hm.Type {
	if len(t.Shape) == 0 {
		return Dtype(t.DType)
	}
	return G.TensorType{Dims: len(t.Shape), Of: Dtype(t.DType)}
}

// BuildError is a mistake in a graph under construction. The builder turns the panic that carries it into an error.
type BuildError struct {
	Scope string // of the nearest named operand
	Op    string
	In    []ir.Type
	Msg   string
	At    string // the line that asked for it, see Caller
	Panic bool   // of what built the graph, which is no word about the graph
}

func (e *BuildError) Error() string {
	var b strings.Builder
	b.WriteString("graph: ")
	if e.Scope != "" {
		b.WriteString(e.Scope + ": ")
	}
	if e.Op != "" {
		b.WriteString(e.Op + " ")
		for i, t := range e.In {
			if i > 0 {
				b.WriteByte('x')
			}
			b.WriteString(t.String())
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.At != "" {
		b.WriteString(" (" + e.At + ")")
	}
	return b.String()
}

// Fail stops the construction of a graph with an error that names the caller's line.
func Fail(scope, format string, args ...any) {
	panic(&BuildError{Scope: scope, Msg: fmt.Sprintf(format, args...), At: Caller()})
}

// Apply puts an operation into the graph of its operands, or panics with a *BuildError if the shapes do not fit. The
// same operation on the same operands is the same node.
func Apply(s ir.Spec, in ...*Node) *Node {
	o := &Op{Spec: s, in: make([]ir.Type, len(in))}
	for i, n := range in {
		if n == nil {
			panic(&BuildError{Op: s.Name(), Msg: fmt.Sprintf("operand %d is nil", i), At: Caller()})
		}
		o.in[i] = TypeOf(n)
	}
	out, err := s.Infer(o.in)
	if err != nil {
		panic(&BuildError{Scope: scopeOf(in), Op: s.Name(), In: o.in, Msg: err.Error(), At: Caller()})
	}
	for i, t := range o.in {
		if t.DType == ir.I32 && !readsIntegers(s, i) {
			panic(&BuildError{Scope: scopeOf(in), Op: s.Name(), In: o.in,
				Msg: fmt.Sprintf("operand %d is int32; it must be floating point", i), At: Caller()})
		}
	}
	o.out = out
	// Gorgonia merges nodes by a 32-bit hash: make sure that we got our own operation on our own operands.
	for {
		n, err := G.ApplyOp(o, in...)
		if err != nil {
			panic(&BuildError{Scope: scopeOf(in), Op: s.Name(), In: o.in, Msg: err.Error(), At: Caller()})
		}
		if got := Of(n); got != nil && got.key() == o.key() && sameNodes(Operands(n), in) {
			return n
		}
		o.salt++
	}
}

// readsIntegers reports whether an operation takes int32 as operand k.
func readsIntegers(s ir.Spec, k int) bool {
	i, ok := s.(ir.Integers)
	return ok && i.Integers(k)
}

func sameNodes(a, b []*Node) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Operands returns the operands of a node in order.
func Operands(n *Node) []*Node {
	it := n.Graph().From(n.ID())
	if it == nil {
		return nil
	}
	var in []*Node
	for it.Next() {
		in = append(in, it.Node().(*Node))
	}
	return in
}

// scopeOf finds the scope that a group of operands belongs to: the folder of the nearest input's name.
func scopeOf(in []*Node) string {
	seen := map[int64]bool{}
	var next []*Node
	for level := append([]*Node(nil), in...); len(level) > 0; level, next = next, nil {
		for i := len(level) - 1; i >= 0; i-- { // parameters are the later operands
			n := level[i]
			if n == nil || seen[n.ID()] {
				continue
			}
			seen[n.ID()] = true
			if Of(n) == nil {
				if k := strings.LastIndexByte(n.Name(), '/'); k > 0 {
					return n.Name()[:k]
				}
				continue
			}
			next = append(next, Operands(n)...)
		}
	}
	return ""
}

// ScopeOf is the scope a node belongs to, as far as its operands tell.
func ScopeOf(n *Node) string { return scopeOf(Operands(n)) }

// Defines reports whether an operation is of this package: one of another package may have the same name.
func Defines(s ir.Spec) bool {
	return reflect.TypeOf(s).PkgPath() == reflect.TypeFor[Unary]().PkgPath()
}

// Key spells an operation with all its attributes.
func Key(s ir.Spec) string { return fmt.Sprintf("%s%+v", s.Name(), s) }

func (o *Op) key() string {
	return fmt.Sprintf("%s%v", Key(o.Spec), o.in)
}

// Arity is the number of operands.
func (o *Op) Arity() int { return len(o.in) }

// Type is the operation's Gorgonia type.
func (o *Op) Type() hm.Type {
	ts := make([]hm.Type, 0, len(o.in)+1)
	for _, t := range o.in {
		ts = append(ts, HMType(t))
	}
	return hm.NewFnType(append(ts, HMType(o.out))...)
}

// InferShape is the result's shape, known since the operation was made.
func (o *Op) InferShape(...G.DimSizer) (tensor.Shape, error) { return tensor.Shape(o.out.Shape), nil }

// Do runs the reference forward on Gorgonia values and returns fresh memory.
func (o *Op) Do(vs ...G.Value) (G.Value, error) {
	in := make([]ir.Tensor, len(vs))
	for i, v := range vs {
		in[i] = ir.Tensor{Shape: o.in[i].Shape, Data: toFloat64(v.Data())}
		if len(in[i].Data) != o.in[i].Shape.Size() {
			return nil, fmt.Errorf("graph: %s: operand %d has %d elements, want %v", o.Spec.Name(), i, len(in[i].Data),
				o.in[i])
		}
	}
	out := ir.Tensor{Shape: o.out.Shape, Data: make([]float64, o.out.Shape.Size())}
	o.Spec.Ref(in, out)
	return value(o.out, out.Data), nil
}

// NewValue makes a Gorgonia value of an array, to feed a stock machine with.
func NewValue(a ir.Array) G.Value {
	d := make([]float64, a.Shape.Size())
	for i := range d {
		d[i] = a.At(i)
	}
	return value(a.Type, d)
}

func value(t ir.Type, d []float64) G.Value {
	a := ir.NewArray(t)
	for i, v := range d {
		a.Set(i, v)
	}
	if len(t.Shape) == 0 {
		switch t.DType {
		case ir.F32:
			return G.NewF32(a.F32[0])
		case ir.F64:
			return G.NewF64(a.F64[0])
		}
		return G.NewI32(a.I32[0])
	}
	var back any = a.F32
	switch t.DType {
	case ir.F64:
		back = a.F64
	case ir.I32:
		back = a.I32
	}
	return tensor.New(tensor.WithShape(t.Shape...), tensor.WithBacking(back))
}

func toFloat64(data any) []float64 {
	switch d := data.(type) {
	case float64:
		return []float64{d}
	case float32:
		return []float64{float64(d)}
	case int32:
		return []float64{float64(d)}
	case []float64:
		return append([]float64(nil), d...)
	case []float32:
		f := make([]float64, len(d))
		for i, v := range d {
			f[i] = float64(v)
		}
		return f
	case []int32:
		f := make([]float64, len(d))
		for i, v := range d {
			f[i] = float64(v)
		}
		return f
	}
	return nil
}

// ReturnsPtr, CallsExtern and OverwritesInput make the stock machine keep every value in memory of its own.
func (o *Op) ReturnsPtr() bool     { return false }
func (o *Op) CallsExtern() bool    { return false }
func (o *Op) OverwritesInput() int { return -1 }

// WriteHash writes all attributes.
func (o *Op) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%s#%d", o.key(), o.salt) }

// Hashcode is the 32-bit hash that Gorgonia merges nodes by.
func (o *Op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *Op) String() string { return Key(o.Spec) }

// DiffWRT says which operands have a gradient.
func (o *Op) DiffWRT(n int) []bool {
	if d, ok := o.Spec.(Differentiable); ok {
		return d.Active(n)
	}
	return make([]bool, n)
}

// SymDiff is the gradient as gorgonia.Grad asks for it.
func (o *Op) SymDiff(in G.Nodes, out, dy *Node) (gs G.Nodes, err error) {
	defer func() {
		if r := recover(); r != nil {
			be, ok := r.(*BuildError)
			if !ok {
				panic(r)
			}
			err = be
		}
	}()
	d, ok := o.Spec.(Differentiable)
	if !ok {
		return make(G.Nodes, len(in)), nil
	}
	gs = d.Grad(Grad{In: in, Out: out, Dy: dy, Need: d.Active(len(in))})
	return gs, nil
}

// active returns Active for an operation whose first k of n operands have gradients.
func active(k, n int) []bool {
	a := make([]bool, n)
	for i := range min(k, n) {
		a[i] = true
	}
	return a
}
