package graph

import (
	"fmt"
	"sort"
	"strings"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/spread"
)

// lower turns everything that outputs and updates need into a program, in order of creation: forward passes as written,
// then gradients from the last layer to the first, then updates. What nothing needs is left out.
func (g *Graph) lower() (*ir.Program, []*decl, error) {
	var nodes []*Node
	seen := map[*Node]bool{}
	var foreign []string
	var visit func(n *Node)
	visit = func(n *Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		nodes = append(nodes, n)
		if op.Of(n) == nil {
			if g.declOf(n) == nil {
				foreign = append(foreign, n.Name())
			}
			return
		}
		for _, x := range op.Operands(n) {
			visit(x)
		}
	}
	for _, o := range g.outputs {
		visit(o.node)
	}
	for _, u := range g.updates {
		visit(u.state.node)
		visit(u.value)
	}
	if foreign != nil {
		return nil, nil, fmt.Errorf("graph: values of another graph, or of operations that are not of package op: %s",
			strings.Join(foreign, ", "))
	}
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].ID() < nodes[j].ID() })

	p := &ir.Program{}
	index := make(map[*Node]int, len(nodes))
	state := make([]*decl, len(nodes))
	for i, n := range nodes {
		index[n] = i
		b := ir.Buf{Type: op.TypeOf(n), Root: i, Viewed: -1, Node: n.ID()}
		o := op.Of(n)
		if o == nil {
			d := g.declOf(n)
			b.Name = d.name
			switch d.class {
			case isInput:
				b.Class = ir.Input
			case isState:
				b.Class, state[i] = ir.State, d
			case isConst:
				b.Class, b.Data = ir.Const, d.data
			}
		} else {
			b.Name = o.Spec.Name()
			in := op.Operands(n)
			instr := ir.Instr{Spec: o.Spec, Out: i, In: make([]int, len(in)), Scope: op.ScopeOf(n)}
			for k, x := range in {
				instr.In[k] = index[x]
			}
			p.Instrs = append(p.Instrs, instr)
		}
		p.Bufs = append(p.Bufs, b)
	}
	for _, u := range g.updates {
		p.Updates = append(p.Updates, ir.Update{State: index[u.state.node], New: index[u.value]})
	}
	for _, o := range g.outputs {
		p.Outputs = append(p.Outputs, ir.Output{Name: o.name, Buf: index[o.node]})
	}
	if g.ranks.Size > 1 {
		p, err := spread.Program(p, g.ranks, func(buf int) spread.Given {
			if d := g.decls[p.Bufs[buf].Name]; d != nil && d.class == isInput {
				return d.given
			}
			return spread.Given{}
		})
		if err != nil {
			return nil, nil, fmt.Errorf("graph: on %d ranks: %w", g.ranks.Size, err)
		}
		return p, state, nil
	}
	return p, state, nil
}

// Lower is the graph as a straight list of operations, as written: nothing is fused or placed. Exporters read it.
func (g *Graph) Lower() (*ir.Program, error) {
	p, _, err := g.lower()
	return p, err
}
