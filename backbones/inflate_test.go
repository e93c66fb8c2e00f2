package backbones_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// Weights of tubes are SlowFast's (mean) and ViViT's (central), and a clip that stands still gives what the image
// gives.
func TestGoldenInflation(t *testing.T) {
	f := golden.Load(t, "video/inflate_2d_to_3d")
	frames := golden.Param[int](t, f, "temporal_size")
	w := golden.Permute(f.Inputs["weight_2d"], 2, 3, 1, 0) // [k,k,in,out]
	k, in, out := w.Shape[0], w.Shape[2], w.Shape[3]
	patch := ir.NewArray(ir.Type{DType: ir.F64, Shape: ir.Shape{k * k * in, out}})
	ongraph.Hold(w)(patch, nil)
	tubes := map[backbones.Inflation]ir.Array{}
	for how, name := range map[backbones.Inflation]string{backbones.InflateMean: "weight_3d_mean",
		backbones.InflateCentral: "weight_3d_central"} {
		want := golden.Permute(f.Outputs[name], 2, 3, 4, 1, 0) // [t,k,k,in,out]
		tubes[how] = how.Tubes(patch, frames)
		var got []float64
		for i := range tubes[how].Shape.Size() {
			got = append(got, tubes[how].At(i))
		}
		golden.Compare(t, name, got, want, 1e-7)
	}

	// every place of the convolution is a clip of one tube
	image, want := golden.Permute(f.Inputs["image"], 1, 2, 0), golden.Permute(f.Outputs["response_static_clip"], 1, 2,
		0)
	rows, columns := want.Shape[0], want.Shape[1]
	still := golden.Tensor{Shape: []int{rows * columns, frames, k, k, in}}
	for place := range rows * columns {
		for range frames {
			for y := range k {
				at := ((place/columns+y)*image.Shape[1] + place%columns) * in
				still.Data = append(still.Data, image.Data[at:at+k*in]...)
			}
		}
	}
	for how, w := range tubes {
		p := compile(t, ref.Backend{}, graph.NewStore(1), graph.Options{DType: ir.F64}, func(s *graph.Scope) {
			x := s.State("x", ongraph.Hold(still), still.Shape...)
			weight := s.State("weight", func(a ir.Array, _ *rand.Rand) { a.Copy(w) }, w.Shape...)
			cut := op.Reshape(backbones.Tubes(x, frames, k), rows*columns, -1)
			s.Output("y", op.MatMul(cut, weight, false, false))
		})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, string(how)+": response_static_clip", ongraph.Read(t, p, "y"), want, 1e-7)
	}
}

// An image's features are those of the clip that shows it all the time, once a ViT is inflated.
func TestInflatedViTSeesStillClips(t *testing.T) {
	for _, o := range []struct {
		pool, position string
		class          bool
	}{{"mean", "learned", false}, {"class", "learned", false}, {"mean", "separable", false},
		{"class", "separable", true}, {"class", "learned", true}} {
		pool := o.pool
		t.Run(fmt.Sprint(o), func(t *testing.T) {
			image := small(func(v *backbones.ViT) { v.Pool = pool })
			clip := &backbones.ViT3D{Channels: 8, Depth: 2, Heads: 2, Patch: 2, Tube: 2, Position: o.position,
				Class: o.class}
			const side = 4
			frames := 6
			if o.class { // which attends to itself once and to every place as often as there are tubes: one here
				frames = 2
			}
			flat, moving := backbones.Pixels(side, side, 1), backbones.Input{Shape: []int{frames, side, side, 1}}
			tokens := func(b backbones.Tokens, in backbones.Input, st *graph.Store) []float64 {
				p := compile(t, cpu.Backend{}, st, graph.Options{}, func(s *graph.Scope) {
					e := b.NewTokens(s.In("backbone"), in)
					x := s.Input("x", append([]int{1}, in.Shape...)...)
					y := e.Embed(x)
					switch {
					case o.class:
						y = e.Pool(e.Encode(y))
					case pool == "mean":
						y = op.Mean(e.Encode(y), false, 1)
					default: // a class token is one of the others no longer
						y = op.Mean(y, false, 1)
					}
					s.Output("y", y)
				})
				x, err := p.Input("x")
				if err != nil {
					t.Fatal(err)
				}
				for i := range x.F32 {
					x.F32[i] = float32(math.Sin(float64(i % (side * side))))
				}
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				return ongraph.Read(t, p, "y")
			}
			from, to := graph.NewStore(1), graph.NewStore(2)
			want := tokens(image, flat, from)
			entries := map[string]ir.Array{}
			for _, name := range from.Names() {
				if rest, ok := strings.CutPrefix(name, "backbone/"); ok {
					entries[rest] = from.Get(name).Array
				}
			}
			if pool == "class" && !o.class { // which the tokens' embedding does not read
				entries["class"] = ir.NewArray(ir.Type{DType: ir.F32, Shape: ir.Shape{1, 8}})
			}
			inflated, err := clip.Inflate(backbones.InflateMean, entries, moving)
			if err != nil {
				t.Fatal(err)
			}
			tokens(clip, moving, to) // declares what is to be filled
			for _, name := range to.Names() {
				if rest, ok := strings.CutPrefix(name, "backbone/"); ok {
					if a, ok := inflated[rest]; ok {
						to.Get(name).Copy(a)
					}
				}
			}
			golden.Compare(t, "features", tokens(clip, moving, to), golden.Tensor{Shape: []int{len(want)}, Data: want},
				1e-5)
		})
	}
}

// What cannot be inflated is refused with what would be right.
func TestInflationRefusals(t *testing.T) {
	array := func(shape ...int) ir.Array { return ir.NewArray(ir.Type{DType: ir.F32, Shape: shape}) }
	moving := backbones.Input{Shape: []int{4, 4, 4, 1}}
	for _, c := range []struct {
		name, position, want string
		entries              map[string]ir.Array
	}{
		{"no ViT", "learned", "want one of [backbone.vit]", map[string]ir.Array{"stem/weight": array(3, 3, 1, 8)}},
		{"fixed positions", "sincos", `want backbone.vit3d.position = "learned"`,
			map[string]ir.Array{"patch/weight": array(4, 8), "position": array(4, 8)}},
		{"larger images", "learned", "9 positions, and a frame of 4x4 has 4 patches of side 2",
			map[string]ir.Array{"patch/weight": array(4, 8), "position": array(9, 8)}},
	} {
		v := &backbones.ViT3D{Channels: 8, Depth: 1, Heads: 2, Patch: 2, Tube: 2, Position: c.position}
		if _, err := v.Inflate(backbones.InflateMean, c.entries, moving); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
