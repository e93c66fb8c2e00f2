package encoder

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Output names the output of a frozen encoder's graph: the features.
const Output = "features"

// Frozen is an encoder as the graph of its training step has it, without what trains it.
type Frozen struct {
	// New declares the encoder's parameters in at.In(backbones.Scope) and returns it, samples -> features.
	New     func(at *graph.Scope) layer.Func
	Field   feed.Field // that it reads
	Scope   string     // of its parameters; empty: backbones.Scope
	Student string     // the scope of the encoder whose teacher it is; empty: it is none
}

// Path is the scope of the encoder's parameters.
func (f Frozen) Path() string {
	if f.Scope == "" {
		return backbones.Scope
	}
	return f.Scope
}

// Graph is the encoder for so many samples: an input of the field's name [batch,...], the output Output [batch,F].
func (f Frozen) Graph(batch int) (*graph.Graph, error) {
	return graph.Build(graph.Options{}, func(g *graph.Scope) {
		g.Output(Output, f.New(f.Above(g))(InputOf(g, f.Field, batch)))
	})
}

// Above is the scope that the encoder is declared in. A teacher's is the twin of its student's, from whom it has what
// is not trained.
func (f Frozen) Above(g *graph.Scope) *graph.Scope {
	above, ok := backbones.ScopeAbove(f.Path())
	if !ok {
		op.Fail("", "Objective.Encoder is %q; want a scope that ends in /%s, where the encoder puts itself", f.Path(),
			backbones.Scope)
	}
	if f.Student == "" {
		return ScopeAt(g, above)
	}
	of, _ := backbones.ScopeAbove(f.Student)
	at := ScopeAt(g, of)
	f.New(at)
	return at.Twin(strings.TrimPrefix(strings.TrimPrefix(above, of), "/"), g.Constant(0))
}

// ScopeAt is the scope of a path below g.
func ScopeAt(g *graph.Scope, path string) *graph.Scope {
	if path == "" {
		return g
	}
	for _, name := range strings.Split(path, "/") {
		g = g.In(name)
	}
	return g
}

// InputOf declares n samples of a field.
func InputOf(g *graph.Scope, f feed.Field, n int) *graph.Node {
	shape := append([]int{n}, f.Shape...)
	if f.Int {
		return g.IntInput(f.Name, shape...)
	}
	return g.Input(f.Name, shape...)
}

// Check refuses a Store that lacks a part of the encoder, which compiling it would else fill with fresh values, or has
// it in another shape.
func (f Frozen) Check(st *graph.Store) error {
	g, err := f.Graph(1)
	if err != nil {
		return err
	}
	reads, err := g.Reads()
	if err != nil {
		return err
	}
	for _, l := range reads {
		e := st.Get(l.Name)
		switch {
		case e == nil:
			return fmt.Errorf("%s is missing, this recipe builds %v", l.Name, l.Type)
		case !e.Shape.Equal(l.Shape) || e.DType != l.DType:
			return fmt.Errorf("%s is %v, this recipe builds %v", l.Name, e.Type, l.Type)
		}
	}
	return nil
}

// categoryOf is the number of a category in a column, NaN where the training rows have none of that name.
func categoryOf(c *datasets.Column, word string) float64 {
	if k := slices.Index(c.Categories, word); k >= 0 {
		return float64(k)
	}
	return math.NaN()
}
