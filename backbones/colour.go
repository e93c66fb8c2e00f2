package backbones

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// HalfMaps is a Backbone of two Halves that gives the feature maps of each, coarser and coarser.
type HalfMaps interface {
	Halves
	NewHalfMaps(s *graph.Scope, in Input) func(x *graph.Node) (a, b []*graph.Node)
}

// Colourless is a Backbone to which all colours of one luminance are the same.
type Colourless interface {
	Backbone
	Colourless()
}

// Spaces of colours.
const (
	ydbdr = "ydbdr"
	lab   = "lab"
)

// LumaChroma sees a colour image by two networks of one kind, whose features are side by side: one sees luminance, the
// other the two differences of colour.
//
// The colour spaces are those of section 4.2 of Tian, Krishnan, Isola 2020, arXiv:1906.05849. YDbDr is made of the
// views as they are: only where their channels have one mean and deviation (views.statistics = "half") has grey no
// colour. Lab is made of the pixels; the networks see (L-50)/50, a/100 and b/100.
type LumaChroma struct {
	Tower overlay.Choice[Backbone] `toml:"tower" overlay:"of=backbone"` // of luminance, and another of colour
	Space string                   `toml:"space"`                       // ydbdr | lab
}

// DefaultLumaChroma has two convnets, and the space that was best for CMC.
func DefaultLumaChroma() *LumaChroma {
	return &LumaChroma{Tower: overlay.Choice[Backbone]{Name: "convnet", Value: DefaultConvNet()}, Space: ydbdr}
}

// Check implements Backbone.
func (l *LumaChroma) Check(in Input) error {
	h, w, err := in.coloured("luma_chroma", l.Space)
	if err != nil {
		return err
	}
	return errors.Join(l.Tower.Value.Check(Pixels(h, w, 1)), l.Tower.Value.Check(Pixels(h, w, 2)))
}

// Dim implements Backbone.
func (l *LumaChroma) Dim() int { return 2 * l.Tower.Value.Dim() }

// New implements Backbone.
func (l *LumaChroma) New(s *graph.Scope, in Input) layer.Func {
	halves := l.NewHalves(s, in)
	return func(x *graph.Node) *graph.Node {
		luma, chroma := halves(x)
		return op.Concat(1, luma, chroma)
	}
}

// NewHalves implements Halves: luminance, colour.
func (l *LumaChroma) NewHalves(s *graph.Scope, in Input) func(x *graph.Node) (luma, chroma *graph.Node) {
	h, w := in.Shape[0], in.Shape[1]
	light := l.Tower.Value.New(s.In("luma"), Pixels(h, w, 1))
	colour := l.Tower.Value.New(s.In("chroma"), Pixels(h, w, 2))
	convert := in.converter(s, l.Space)
	return func(x *graph.Node) (luma, chroma *graph.Node) {
		x = convert(x)
		return light(op.Slice(x, 3, 0, 1)), colour(op.Slice(x, 3, 1, 3))
	}
}

// NewHalfMaps implements HalfMaps: luminance, colour.
func (l *LumaChroma) NewHalfMaps(s *graph.Scope, in Input) func(x *graph.Node) (luma, chroma []*graph.Node) {
	h, w, tower := in.Shape[0], in.Shape[1], mapsFrom(s, l.Tower)
	light := tower.NewMaps(s.In("luma"), Pixels(h, w, 1))
	colour := tower.NewMaps(s.In("chroma"), Pixels(h, w, 2))
	convert := in.converter(s, l.Space)
	return func(x *graph.Node) (luma, chroma []*graph.Node) {
		x = convert(x)
		return light(op.Slice(x, 3, 0, 1)), colour(op.Slice(x, 3, 1, 3))
	}
}

// Luma sees the luminance of a colour image alone: the encoder of methods that paint the colours.
//
// In Lab the network sees (L-50)/50 of the pixels, as in Zhang, Isola, Efros 2016, arXiv:1603.08511; in YDbDr the Y of
// the views as they are.
type Luma struct {
	Tower overlay.Choice[Backbone] `toml:"tower" overlay:"of=backbone"` // of one channel
	Space string                   `toml:"space"`                       // lab | ydbdr
}

// DefaultLuma has a convnet.
func DefaultLuma() *Luma {
	return &Luma{Tower: overlay.Choice[Backbone]{Name: "convnet", Value: DefaultConvNet()}, Space: lab}
}

// Check implements Backbone.
func (l *Luma) Check(in Input) error {
	h, w, err := in.coloured("luma", l.Space)
	if err != nil {
		return err
	}
	return l.Tower.Value.Check(Pixels(h, w, 1))
}

// Dim implements Backbone.
func (l *Luma) Dim() int { return l.Tower.Value.Dim() }

// Colourless implements Colourless.
func (l *Luma) Colourless() {}

// New implements Backbone.
func (l *Luma) New(s *graph.Scope, in Input) layer.Func {
	convert := in.converter(s, l.Space)
	see := l.Tower.Value.New(s, Pixels(in.Shape[0], in.Shape[1], 1))
	return func(x *graph.Node) *graph.Node { return see(op.Slice(convert(x), 3, 0, 1)) }
}

// NewMaps implements Maps.
func (l *Luma) NewMaps(s *graph.Scope, in Input) func(x *graph.Node) []*graph.Node {
	convert := in.converter(s, l.Space)
	see := mapsFrom(s, l.Tower).NewMaps(s, Pixels(in.Shape[0], in.Shape[1], 1))
	return func(x *graph.Node) []*graph.Node { return see(op.Slice(convert(x), 3, 0, 1)) }
}

// mapsFrom is a tower that has feature maps; another stops the build.
func mapsFrom(s *graph.Scope, tower overlay.Choice[Backbone]) Maps {
	m, ok := tower.Value.(Maps)
	if !ok {
		op.Fail(s.Path(), "tower = %q has no feature maps, which the method reads: choose convnet or resnet",
			tower.Name)
	}
	return m
}

// coloured is the sides of images of three channels; other data, and pixels that a space cannot be made of, are an
// error.
func (in Input) coloured(backbone, space string) (h, w int, err error) {
	h, w, c, err := in.image(backbone)
	switch {
	case err != nil:
		return 0, 0, err
	case space != ydbdr && space != lab:
		return 0, 0, setting.Bad("space", "%q: want %q or %q", space, ydbdr, lab)
	case c != 3:
		return 0, 0, fmt.Errorf("a %s splits colours, and images of %v have %d channel; want 3", backbone, in, c)
	case space == lab && len(in.Low) != 3:
		return 0, 0, setting.Bad("space", "%q: is made of pixels between black and white, and nobody knows these "+
			"bounds of %v; want %q", space, in, ydbdr)
	}
	return h, w, nil
}

// converter makes x [B,H,W,3] of the colour space: luminance first.
func (in Input) converter(s *graph.Scope, space string) layer.Func {
	if space == lab {
		return func(x *graph.Node) *graph.Node {
			x = layer.Lab(s, in.Unit(s, x))
			return op.Add(op.Mul(x, s.Floats("const/lab_scale", []float64{1.0 / 50, 1.0 / 100, 1.0 / 100}, 3)),
				s.Floats("const/lab_shift", []float64{-1, 0, 0}, 3))
		}
	}
	toYDbDr := s.Floats("const/ydbdr", []float64{
		0.299, -0.450, -1.333,
		0.587, -0.883, 1.116,
		0.114, 1.333, 0.217,
	}, 3, 3)
	return func(x *graph.Node) *graph.Node {
		at := op.ShapeOf(x)
		return op.Reshape(op.MatMul(op.Reshape(x, -1, 3), toYDbDr, false, false), at...)
	}
}

// Unit is x [...,C] on the scale from 0, the least value of each channel, to 1, the largest.
func (in Input) Unit(s *graph.Scope, x *graph.Node) *graph.Node {
	low, span := in.bounds(s)
	return op.Div(op.Sub(x, low), span)
}

// FromUnit is the way back from Unit.
func (in Input) FromUnit(s *graph.Scope, x *graph.Node) *graph.Node {
	low, span := in.bounds(s)
	return op.Add(op.Mul(x, span), low)
}

func (in Input) bounds(s *graph.Scope) (low, span *graph.Node) {
	from, by := make([]float64, len(in.Low)), make([]float64, len(in.Low))
	for i := range in.Low {
		from[i], by[i] = float64(in.Low[i]), float64(in.High[i])-float64(in.Low[i])
	}
	at := s.In("bounds")
	return at.Floats("low", from, len(from)), at.Floats("span", by, len(by))
}
