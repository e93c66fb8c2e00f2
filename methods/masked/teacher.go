package masked

import (
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// teacherScope is where the encoder of a run is that is read and not trained.
const teacherScope = "target"

// teacherTokens is what a trained encoder says of the patches of images x, [B,T,D], on a grid of so many rows and
// columns. It has no gradient.
func teacherTokens(s *graph.Scope, b *methods.Batch, l methods.Lent, x *graph.Node, rows, columns int) *graph.Node {
	if l.Backbone == nil {
		b.Unfit("the targets are a trained encoder's: want teacher = the folder of its run")
	}
	f := b.Of("view0")
	if !slices.Equal(f.Shape, l.Input.Shape) {
		op.Fail("", "teacher: it was trained on images of %v, the views are %v; want views of that size", l.Input,
			methods.InputOf(f))
	}
	e := methods.Patches(s.In(teacherScope).Locked(), methods.EncoderOf(l.Backbone, f), b)
	if e.Rows != rows || e.Columns != columns {
		op.Fail("", "teacher: it has %dx%d patches of an image, the encoder %dx%d; want patches of one side", e.Rows,
			e.Columns, rows, columns)
	}
	x = op.StopGradient(x)
	return op.StopGradient(e.Last(e.Encode(e.Embed(x)), rows*columns))
}
