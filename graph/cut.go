package graph

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/spread"
)

// Cutting is how a graph is built of which a part is run for some samples at a time: the functions that are given to
// Scope.Cut. The part is a graph for so many samples, in which their results are noted. The rest is a graph for the
// whole batch, in which their results are inputs; its gradients with respect to these are what the part goes back from.
// Both have the same cuts in the same order.
type Cutting struct {
	Rows int  // samples of the graph
	Rest bool // it is the rest, whose cuts are inputs
	// of the batch, of each of which a rank has rows; the rest needs to know, see Ranks of Options
	Parts int
	Cuts  []Cut
	// what compares the samples of a part, or takes statistics of them, by the scopes of what does it
	Meets []string

	inside int
	within map[string]bool // state that the functions update
}

// Cut is one result of a function.
type Cut struct {
	Name   string // of the input in the rest
	Node   *Node  // [Blocks*Rows,...]
	Blocks int    // one after another, each with a row for each sample: views that went through as one batch
}

// Cut is f, of which each row of the result depends on the same row of x alone, as a place where the graph may be cut
// in two, see Cutting.
func (s *Scope) Cut(f func(x *Node) *Node) func(x *Node) *Node {
	c := s.g.cutting
	if c == nil {
		return f
	}
	return func(x *Node) *Node {
		if c.inside > 0 {
			return f(x)
		}
		blocks := c.blocks(s, x)
		before := s.g.updated()
		c.inside++
		y := f(x)
		c.inside--
		for d, value := range s.g.updated() {
			if before[d] != value {
				c.within[d.name] = true
			}
		}
		if rows := op.ShapeOf(y)[0]; rows != blocks*c.Rows {
			op.Fail(s.Path(), "grad_cache: %d rows of %d views of %d samples; want a row for each", rows, blocks,
				c.Rows)
		}
		cut := Cut{Name: fmt.Sprintf("cut/%d", len(c.Cuts)), Node: y, Blocks: blocks}
		if c.Rest {
			cut.Node = s.g.cutInput(cut, op.ShapeOf(y))
		}
		c.Cuts = append(c.Cuts, cut)
		return cut.Node
	}
}

// cutInput is the input of the rest in place of a cut: every rank is given all of it.
func (g *Graph) cutInput(c Cut, shape ir.Shape) *Node {
	return (&Scope{g: g}).declare(&decl{name: c.Name, class: isInput, typ: ir.Type{Shape: shape, DType: g.dtype},
		given: spread.Given{Blocks: c.Blocks, Whole: true}}).node
}

// blocks is how many rows of x belong to each sample, as whole batches one after another. x is an input of the batch,
// the result of a cut, or made of such by joining and taking apart batches.
func (c *Cutting) blocks(s *Scope, x *Node) int {
	for _, cut := range c.Cuts {
		if cut.Node == x {
			return cut.Blocks
		}
	}
	if d := s.g.declOf(x); d != nil && d.class == isInput && len(d.typ.Shape) > 0 && d.typ.Shape[0] == c.Rows {
		return 1
	}
	if o := op.Of(x); o != nil {
		in := op.Operands(x)
		switch spec := o.Spec.(type) {
		case op.StopOp:
			return c.blocks(s, in[0])
		case op.SliceOp: // of another axis
			return c.blocks(s, in[0])
		case op.LeadingSlice:
			c.blocks(s, in[0])
			if spec.From%c.Rows == 0 && spec.To%c.Rows == 0 {
				return (spec.To - spec.From) / c.Rows
			}
		case op.ConcatOp:
			if spec.Axis == 0 {
				n := 0
				for _, one := range in {
					n += c.blocks(s, one)
				}
				return n
			}
		}
		op.Fail(s.Path(), "train.grad_cache: the encoder takes what the operation %s makes of the batch; want views "+
			"as "+
			"they are, so that a part of the batch can go through it alone", o.Spec.Name())
	}
	op.Fail(s.Path(), "train.grad_cache: the encoder takes %s; want views of the %d samples", describe(x), c.Rows)
	return 0
}

// meets notes that samples meet in a value: in a graph that is cut, whether that is in a part of it; in one of Options
// Meets, the value, which is returned under another number.
func (g *Graph) meets(s *Scope, x *Node, what string) *Node {
	if g.cutting != nil && g.cutting.inside > 0 {
		where := s.Path()
		if what != "" {
			where += ": " + what
		}
		g.cutting.Meets = append(g.cutting.Meets, where)
	}
	if g.noted == nil {
		return x
	}
	y := op.Apply(noteOp{N: len(*g.noted)}, x)
	*g.noted = append(*g.noted, Meeting{y, s.Path(), what})
	return y
}

// Meeting is a value in which samples of a batch meet.
type Meeting struct {
	node  *Node
	Scope string
	What  string // "batch norm"; empty: samples are compared, or counted together
}

// Meets finds what the values need in which samples meet: without any, each is a sum or a mean over the samples of what
// depends on one sample alone. The graph is built with Options.Meets, and is none to be run.
func (s *Scope) Meets(values ...*Node) (found []Meeting) {
	seen := map[*Node]bool{}
	var visit func(n *Node)
	visit = func(n *Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if i := slices.IndexFunc(*s.g.noted, func(m Meeting) bool { return m.node == n }); i >= 0 {
			found = append(found, (*s.g.noted)[i])
		}
		for _, x := range op.Operands(n) {
			visit(x)
		}
	}
	for _, v := range values {
		visit(v)
	}
	return found
}

// Changes lists what state will hold by the updates so far that do not belong to the norms.
func (s *Scope) Changes() (values []*Node) {
	for _, u := range s.g.updates {
		values = append(values, u.value)
	}
	return values
}

// noteOp is its operand.
type noteOp struct {
	op.StopOp
	N int
}

// Name implements ir.Spec.
func (o noteOp) Name() string { return fmt.Sprintf("meeting%d", o.N) }

// Active implements op.Differentiable.
func (o noteOp) Active(int) []bool { return []bool{true} }

// Grad implements op.Differentiable.
func (o noteOp) Grad(g op.Grad) []*Node { return []*Node{g.Dy} }

// updated is what state will hold by the updates so far.
func (g *Graph) updated() map[*decl]*Node {
	all := map[*decl]*Node{}
	for _, u := range g.updates {
		all[u.state] = u.value
	}
	return all
}

// KeepWithin drops the updates that cut functions did not declare, and DropWithin those that they did.
func (s *Scope) KeepWithin() {
	s.dropUpdates(func(name string) bool { return !s.g.cutting.within[name] })
}

// DropWithin drops the updates that cut functions declared.
func (s *Scope) DropWithin() {
	s.dropUpdates(func(name string) bool { return s.g.cutting.within[name] })
}

// DropUpdates drops all updates so far.
func (s *Scope) DropUpdates() { s.dropUpdates(func(string) bool { return true }) }

func (s *Scope) dropUpdates(which func(name string) bool) {
	s.g.updates = slices.DeleteFunc(s.g.updates, func(u update) bool { return which(u.state.name) })
}
