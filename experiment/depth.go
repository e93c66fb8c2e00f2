package experiment

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/encoder"
	"selfsup/graph"
	"selfsup/graph/op"
)

// depth is a representation on the way through the encoder and the projector: the mean over its places.
type depth struct {
	name   string // of the layer that makes it, as the parameters are called: blocks/3, projector/1
	output string // of the graph
	dim    int
	behind bool // the features: a layer of the projector
}

// passes are the nodes that everything from x to y goes through, x left out, in the order in which they were built: of
// a residual block the sum, not its branches.
func passes(x, y *graph.Node) []*graph.Node {
	var nodes []*graph.Node
	reached := map[*graph.Node]bool{x: true} // whether a node depends on x
	var visit func(n *graph.Node) bool
	visit = func(n *graph.Node) bool {
		depends, seen := reached[n]
		if seen || op.Of(n) == nil {
			return depends
		}
		reached[n] = false
		for _, o := range op.Operands(n) {
			depends = visit(o) || depends
		}
		if reached[n] = depends; depends {
			nodes = append(nodes, n)
		}
		return depends
	}
	visit(y)
	place := map[*graph.Node]int{x: -1}
	for i, n := range nodes { // a node comes after its operands
		place[n] = i
	}
	last := map[*graph.Node]int{} // that reads a node
	for i, n := range nodes {
		for _, o := range op.Operands(n) {
			if reached[o] {
				last[o] = i
			}
		}
	}
	var all []*graph.Node
	far := last[x]
	for i, n := range nodes {
		if far <= i {
			all = append(all, n)
		}
		far = max(far, last[n])
	}
	return all
}

// layerName is what the parameters between two passes have in common: their folder.
func layerName(names []string) string {
	common := ""
	for i, name := range names {
		dir := outer(name)
		if i == 0 {
			common = dir
			continue
		}
		for common != "" && dir != common && !strings.HasPrefix(dir, common+"/") {
			common = outer(common)
		}
	}
	if common == "" && len(names) > 0 {
		common, _, _ = strings.Cut(names[0], "/")
	}
	return common
}

// outer is the scope above a layer.
func outer(name string) string { return name[:max(strings.LastIndexByte(name, '/'), 0)] }

// isNorm reports whether a layer is a norm by its name.
func isNorm(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name[len(outer(name)):], "/"), "norm")
}

// deepGraph is the frozen encoder for EmbedBatch samples, and the method's projector where it is on it, with an output
// for every layer.
func (s *Setup) deepGraph() (*graph.Graph, []depth, error) {
	var all []depth
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		all = nil
		x := encoder.InputOf(g, s.Input, EmbedBatch)
		y := s.encoder().New(s.aboveEncoder(g))(x)
		s.outputDepths(g, &all, x, y)
		if path, widths := s.projector.Asked(); s.projectorOnEncoder() {
			for n := 1; n <= len(widths); n++ {
				z := s.projector.First(encoder.ScopeAt(g, path), n)(y)
				s.outputDepth(g, &all, depth{name: fmt.Sprintf("projector/%d", n), behind: true}, z)
			}
		}
	})
	return g, all, err
}

// projectorOnEncoder reports whether the projector that the method asked for is on the encoder that is evaluated, and
// works on one sample at a time.
func (s *Setup) projectorOnEncoder() bool {
	path, _ := s.projector.Asked()
	above, _ := backbones.ScopeAbove(s.encoderScope())
	return path != "" && strings.TrimSuffix(strings.TrimSuffix(path, "projector"), "/") == above &&
		s.encodedAt.student == "" && s.Recipe.Projector.Norm != "decorrelated"
}

// outputDepths gives every layer from x to y an output: the last pass before the parameters of the next layer.
func (s *Setup) outputDepths(g *graph.Scope, all *[]depth, x, y *graph.Node) {
	type layerEnd struct {
		name string
		node *graph.Node
	}
	var ends []layerEnd
	seen := map[*graph.Node]bool{x: true}
	for _, n := range passes(x, y) {
		var names []string
		var collect func(n *graph.Node)
		collect = func(n *graph.Node) {
			if seen[n] {
				return
			}
			if seen[n] = true; op.Of(n) != nil {
				for _, o := range op.Operands(n) {
					collect(o)
				}
			} else if name := g.Name(n); name != "" && len(op.ShapeOf(n)) > 0 {
				names = append(names, belowBackbone(name))
			}
		}
		collect(n)
		name := layerName(names)
		if k := len(ends) - 1; k >= 0 && isNorm(name) && outer(name) == outer(ends[k].name) && outer(name) != "" {
			name = outer(name) // a layer and its norm are one
			ends[k].name = name
		}
		if shape := op.ShapeOf(n); name != "" && (len(ends) == 0 || ends[len(ends)-1].name != name) {
			ends = append(ends, layerEnd{name, n})
		} else if len(ends) > 0 && shape[0] == EmbedBatch {
			ends[len(ends)-1].node = n
		}
	}
	for i, e := range ends {
		if i == len(ends)-1 {
			e.node = y
		}
		s.outputDepth(g, all, depth{name: e.name}, e.node)
	}
}

// widest is how many numbers a layer's mean has at most; wider ones are left out.
const widest = 8192

// outputDepth gives the mean over the places of n [B,...,F] an output.
func (s *Setup) outputDepth(g *graph.Scope, all *[]depth, d depth, n *graph.Node) {
	shape := op.ShapeOf(n)
	if len(shape) < 2 || shape[0] != EmbedBatch || shape.Last() > widest {
		return
	}
	if axes := len(shape) - 2; axes > 0 {
		over := make([]int, axes)
		for i := range over {
			over[i] = i + 1
		}
		n = op.Mean(n, false, over...)
	}
	d.output, d.dim = fmt.Sprintf("depth%d", len(*all)), shape.Last()
	g.Output(d.output, n)
	*all = append(*all, d)
}

// depthsOf runs a Store's layers over a set: features by layer.
func (s *Setup) depthsOf(ctx context.Context, st *graph.Store, sets ...datasets.Labelled) (all []depth,
	of [][]features, err error) {
	g, all, err := s.deepGraph()
	if err != nil {
		return nil, nil, err
	}
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return nil, nil, err
	}
	in, err := p.Input(s.Input.Name)
	if err != nil {
		return nil, nil, err
	}
	for _, set := range sets {
		own := make([]features, len(all))
		for k, d := range all {
			own[k] = features{x: make([]float32, 0, set.Len()*d.dim), dim: d.dim, y: labelsOf(set)}
		}
		maker := s.Kind.Evaluation(set)
		for rows := range slices.Chunk(upTo(set.Len()), EmbedBatch) {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			clear(in.F32)
			clear(in.I32)
			err := feed.Fill(maker, s.Input.Name, feed.Slot{F32: in.F32, I32: in.I32}, rows, uint64(s.Recipe.Seed))
			if err != nil {
				return nil, nil, &DataError{err}
			}
			if err := p.Run(); err != nil {
				return nil, nil, err
			}
			for k, d := range all {
				out, err := p.Output(d.output)
				if err != nil {
					return nil, nil, err
				}
				own[k].x = append(own[k].x, out.F32[:len(rows)*d.dim]...)
			}
		}
		of = append(of, own)
	}
	return all, of, nil
}

func labelsOf(set datasets.Labelled) []int32 {
	y := make([]int32, set.Len())
	for i := range y {
		y[i] = int32(set.Label(i))
	}
	return y
}

// upTo is 0 to n-1.
func upTo(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}
