package video

import (
	"slices"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
)

// needFrames is the features [B,T,F] of n frames of the batch's clips, each of which has seen its frame alone, for
// methods that put frames into another order; other backbones stop the build.
func needFrames(s *graph.Scope, enc methods.Encoder, b *methods.Batch, n int, see layer.Func) *graph.Node {
	if enc.Frames == nil {
		b.Unfit("this backbone has no features of frames that have seen no other frame, by which order could be " +
			"told: choose [backbone.per_frame] and a dataset of clips")
	}
	x := b.View(0)
	if t := op.ShapeOf(x)[1]; t != n {
		op.Fail("", "views of %d frames; this method takes %d: want clips.frames = %d", t, n, n)
	}
	return enc.Frames(s)(see(x))
}

// oneChannel shows one channel of every frame of x [B,T,H,W,C], drawn for each, as all of its channels.
//
// Lee et al. 2017, arXiv:1708.01246, section 3.1 (channel splitting): frames are not to be ordered by their colours.
func oneChannel(s *graph.Scope, random *graph.Random, x *graph.Node) *graph.Node {
	at := op.ShapeOf(x)
	n, c := at[0]*at[1], at[4]
	channels := make([]int32, c)
	for i := range channels {
		channels[i] = int32(i)
	}
	drawn := op.Reshape(op.Argmax(random.Uniform(n, c)), n, 1)
	all := op.Reshape(s.Ints("const/channels", channels), 1, c)
	one := op.EqualInts(op.BroadcastTo(drawn, ir.Shape{n, c}), op.BroadcastTo(all, ir.Shape{n, c}), op.TypeOf(x).DType)
	kept := op.Mul(x, op.Reshape(one, at[0], at[1], 1, 1, c))
	return op.BroadcastTo(op.SumAxes(kept, true, 4), at)
}

// orders is every order of the numbers from 0 to n-1 of which the opposite one is not before it, n!/2 of them, the
// numbers' own first.
func orders(n int) (all [][]int) {
	var put func(order, left []int)
	put = func(order, left []int) {
		if len(left) == 0 {
			if order[0] < order[n-1] {
				all = append(all, slices.Clone(order))
			}
			return
		}
		for i, f := range left {
			put(append(slices.Clone(order), f), slices.Delete(slices.Clone(left), i, i+1))
		}
	}
	own := make([]int, n)
	for i := range own {
		own[i] = i
	}
	put(nil, own)
	return all
}

// table is lists of one length as int32 [N,k].
func table(s *graph.Scope, name string, lists [][]int) *graph.Node {
	var flat []int32
	for _, l := range lists {
		for _, v := range l {
			flat = append(flat, int32(v))
		}
	}
	return op.Reshape(s.Ints(name, flat), len(lists), len(lists[0]))
}
