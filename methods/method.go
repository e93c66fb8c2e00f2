// Package methods holds one self-supervised learning method a file: its settings, the paper's values, and its equations as a graph.
package methods

import (
	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Method is a method with its settings.
type Method interface {
	// Validate says what is wrong with the settings.
	Validate() error
	// Views is how many views of every image the method sees.
	Views() int
	// Build writes the method's graph for views x[v] [B,H,W,C] and returns what it asks to be minimised.
	Build(s *graph.Scope, enc Encoder, x []*graph.Node) Objective
}

// Masked is a Method that hides patches of its first view, drawn within its graph. Hidden is that part of the graph alone, for b images of t
// patches: [B,T], 1 where the training hides the patch.
type Masked interface {
	Method
	Hidden(s *graph.Scope, b, t int) *graph.Node
}

// Taught is a Method that learns from labels. Of a recipe with a subset of labelled images it sees these alone, and it is refused a
// training set without labels.
type Taught interface {
	Method
	LearnsFromLabels()
}

// Encoder is the backbone as methods see it. New in a twin scope gives the teacher.
type Encoder struct {
	New    func(s *graph.Scope) layer.Func              // images [B,H,W,C] -> features [B,Dim]
	Tokens func(s *graph.Scope) *backbones.TokenEncoder // the same encoder in parts; nil if the backbone has no tokens
	Dim    int

	Classes int // of the training set; 0 where it has no labels
}

// LabelsInput is the name of the input [B] int32 that holds the labels of the batch, -1 where an image has none, if a graph declares it.
const LabelsInput = "labels"

// Term is one summand of a loss.
type Term struct {
	Name   string
	Weight float64
	Value  *graph.Node // 0-d
}

// Metric is a number to watch that nothing is trained by.
type Metric struct {
	Name  string
	Value *graph.Node // 0-d
}

// Objective is what a method minimises, the sum of its weighted terms, and what is watched beside it.
type Objective struct {
	Features *graph.Node // [N,Dim] of the student's backbone, rows in the order of the first views; the online probe reads them
	Terms    []Term
	Metrics  []Metric
}

// Loss is the sum of the weighted terms.
func (o Objective) Loss() *graph.Node {
	var sum []*graph.Node
	for _, t := range o.Terms {
		if t.Weight != 0 {
			sum = append(sum, op.Scale(t.Value, t.Weight))
		}
	}
	return op.Sum(sum...)
}

// spread is the mean over dimensions of the standard deviation of unit rows z/|z| [B,D] over the batch, times sqrt(D): 1 for evenly
// spread embeddings, 0 for collapsed ones (Chen and He 2021, arXiv:2011.10566, section 4.1).
func spread(z *graph.Node) Metric {
	u := op.StopGradient(op.Normalize(z, normEps))
	d := op.ShapeOf(u).Last()
	return Metric{"spread", op.MeanAll(op.Sqrt(op.Scale(op.Row(op.BatchStats(u), 1), float64(d))))}
}

// normEps keeps unit rows finite, as in PyTorch's F.normalize.
const normEps = 1e-12

// oneSize stops the build of a method that puts all views into one batch where their sizes differ.
func oneSize(method string, x []*graph.Node) {
	for _, v := range x[1:] {
		if a, b := op.ShapeOf(x[0]), op.ShapeOf(v); a[1] != b[1] || a[2] != b[2] {
			op.Fail(method, "views of %dx%d and %dx%d pixels: this method takes views of one size, give the tables of views.crops the same", a[1], a[2], b[1], b[2])
		}
	}
}
