package methods

import (
	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
)

// Backbone is the scope, below the one it is given, in which an Encoder declares its parameters.
const Backbone = backbones.Scope

// Encoder is the backbone as methods see it. Its functions declare the parameters in s.In("backbone") and, in a twin's
// scope, give the teacher's. Called again in one scope they share them.
type Encoder struct {
	New    func(s *graph.Scope) layer.Func                        // a view -> features [B,Dim]
	Tokens func(s *graph.Scope) *backbones.TokenEncoder           // the same encoder in parts; nil: it has no tokens
	Maps   func(s *graph.Scope) func(x *graph.Node) []*graph.Node // feature maps, coarser and coarser; nil: it has none
	// the features and what they are made of where it lies, [B,h,w,C]: the last feature map of a convolutional
	// network, the encoded patches of a transformer; nil: it has none
	Places func(s *graph.Scope) func(x *graph.Node) (features, places *graph.Node)
	// the same encoder for images with hidden cells; nil: it has none that can be left out
	Masked  func(s *graph.Scope) *backbones.MaskedEncoder
	Pyramid func(s *graph.Scope) *backbones.PyramidEncoder // the same encoder in parts; nil: it is no pyramid
	// the same encoder in parts; nil: it has no tokens of columns
	Columns func(s *graph.Scope) *backbones.ColumnEncoder
	// the same encoder in parts; nil: it reads rows as a whole
	Subsets func(s *graph.Scope) *backbones.SubsetEncoder
	// the features of its two networks, side by side in New; nil: it is one network
	Halves func(s *graph.Scope) func(x *graph.Node) (a, b *graph.Node)
	// feature maps of each of the two networks; nil: it is one, or has none
	HalfMaps func(s *graph.Scope) func(x *graph.Node) (a, b []*graph.Node)
	// features of every frame of a clip, which has seen that frame alone, [B,T,Dim]; nil: it has none
	Frames func(s *graph.Scope) layer.Func
	// features of times of a clip, of every frame where it has Frames, [B,t,Dim]; nil: it has none
	Times func(s *graph.Scope) layer.Func
	// feature maps of images [N,H,W,C] as it sees each frame of a clip; nil: it has none
	FrameMaps func(s *graph.Scope) func(x *graph.Node) []*graph.Node
	// its layers of logistic units, from the first on; nil: it is none of such
	Stack func(s *graph.Scope) []*backbones.Units
	Steps func(s *graph.Scope) *backbones.StepEncoder // the same encoder of waves in parts; nil: it is none
	// the same encoder of waves, with tokens of steps; nil: it is none
	Speech func(s *graph.Scope) *backbones.SpeechEncoder
	Dim    int
	// Colourless says that all colours of one luminance are the same to it.
	Colourless bool
	// makes the projector behind the features as the recipe's [projector] has it; nil: as the method has it
	Projector *heads.Projector
}

// EncoderOf is a backbone for a field of the batch: the recipe's for view 0, or a second tower for another.
func EncoderOf(b backbones.Backbone, f feed.Field) Encoder {
	in := InputOf(f)
	enc := Encoder{Dim: b.Dim(), New: func(s *graph.Scope) layer.Func {
		return s.Cut(b.New(s.In(Backbone), in))
	}}
	if t, ok := b.(backbones.Tokens); ok {
		enc.Tokens = func(s *graph.Scope) *backbones.TokenEncoder { return t.NewTokens(s.In(Backbone), in) }
	}
	if m, ok := b.(backbones.Maps); ok {
		enc.Maps = func(s *graph.Scope) func(x *graph.Node) []*graph.Node { return m.NewMaps(s.In(Backbone), in) }
		enc.Places = func(s *graph.Scope) func(x *graph.Node) (features, places *graph.Node) {
			maps := enc.Maps(s)
			return func(x *graph.Node) (features, places *graph.Node) {
				all := maps(x)
				return op.GlobalAvgPool(all[len(all)-1]), all[len(all)-1]
			}
		}
	}
	if p, ok := b.(backbones.Places); ok {
		enc.Places = func(s *graph.Scope) func(x *graph.Node) (features, places *graph.Node) {
			return p.NewPlaces(s.In(Backbone), in)
		}
	}
	if m, ok := b.(backbones.Masked); ok {
		enc.Masked = func(s *graph.Scope) *backbones.MaskedEncoder { return m.NewMasked(s.In(Backbone), in) }
	}
	if p, ok := b.(backbones.Pyramid); ok {
		enc.Pyramid = func(s *graph.Scope) *backbones.PyramidEncoder { return p.NewPyramid(s.In(Backbone), in) }
	}
	if c, ok := b.(backbones.Columns); ok {
		enc.Columns = func(s *graph.Scope) *backbones.ColumnEncoder { return c.NewColumns(s.In(Backbone), in) }
	}
	if c, ok := b.(backbones.Subset); ok {
		enc.Subsets = func(s *graph.Scope) *backbones.SubsetEncoder { return c.NewSubsets(s.In(Backbone), in) }
	}
	if h, ok := b.(backbones.Halves); ok {
		enc.Halves = func(s *graph.Scope) func(x *graph.Node) (a, b *graph.Node) {
			return h.NewHalves(s.In(Backbone), in)
		}
	}
	if h, ok := b.(backbones.HalfMaps); ok {
		enc.HalfMaps = func(s *graph.Scope) func(x *graph.Node) (a, b []*graph.Node) {
			return h.NewHalfMaps(s.In(Backbone), in)
		}
	}
	_, enc.Colourless = b.(backbones.Colourless)
	if f, ok := b.(backbones.Frames); ok {
		enc.Frames = func(s *graph.Scope) layer.Func { return f.NewFrames(s.In(Backbone), in) }
		enc.Times = enc.Frames
	}
	if t, ok := b.(backbones.Times); ok {
		enc.Times = func(s *graph.Scope) layer.Func { return t.NewTimes(s.In(Backbone), in) }
	}
	if f, ok := b.(backbones.FrameMaps); ok && f.HasFrameMaps() == nil {
		enc.FrameMaps = func(s *graph.Scope) func(x *graph.Node) []*graph.Node {
			return f.NewFrameMaps(s.In(Backbone), in)
		}
	}
	if st, ok := b.(backbones.Stack); ok {
		enc.Stack = func(s *graph.Scope) []*backbones.Units { return st.NewStack(s.In(Backbone), in) }
	}
	if st, ok := b.(backbones.Steps); ok {
		enc.Steps = func(s *graph.Scope) *backbones.StepEncoder { return st.NewSteps(s.In(Backbone), in) }
	}
	if sp, ok := b.(backbones.Speech); ok {
		enc.Speech = func(s *graph.Scope) *backbones.SpeechEncoder { return sp.NewSpeech(s.In(Backbone), in) }
	}
	return enc
}

// NeedPlaces is the encoder's Places for methods that compare places; other backbones stop the build.
func (b *Batch) NeedPlaces(s *graph.Scope, enc Encoder) func(x *graph.Node) (features, places *graph.Node) {
	if enc.Places == nil {
		b.Unfit("the backbone has no feature maps, whose places are compared; want a convnet, a resnet or a vit")
	}
	return enc.Places(s)
}

// NeedFrameMaps is the encoder's FrameMaps for methods that tell something of every pixel of a frame; other backbones
// stop the build.
func (b *Batch) NeedFrameMaps(s *graph.Scope, enc Encoder) func(x *graph.Node) []*graph.Node {
	if enc.FrameMaps == nil {
		b.Unfit("the backbone has no feature maps of single frames: choose [backbone.per_frame] with a tower such as " +
			"convnet, and a dataset of clips")
	}
	return enc.FrameMaps(s)
}

// InputOf is a field as a backbone sees it.
func InputOf(f feed.Field) backbones.Input { return backbones.InputOf(f) }
