package evaluations

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/setting"
)

// gazeAt is attention of two heads in 4x4 patches of masks of 8x8: the second looks at the object, a square of 4x4
// pixels whose place differs between the images, the first away from it.
func gazeAt(n int) *Gaze {
	g := &Gaze{Heads: 2, H: 4, W: 4, MaskH: 8, MaskW: 8, Ignored: 255, ClassNames: []string{"ground", "thing"}}
	for i := range n {
		top, left := i%3, i/3%3 // patches
		mask, heads := make([]byte, 64), make([]float32, 32)
		for k := range 16 {
			heads[k], heads[16+k] = 0.08, 0.01
			if y, x := k/4, k%4; y >= top && y < top+2 && x >= left && x < left+2 {
				heads[k], heads[16+k] = 0.01, 0.22
				for p := range 4 {
					mask[(2*y+p/2)*8+2*x+p%2] = 1
				}
			}
		}
		g.Test, g.Masks = append(g.Test, heads...), append(g.Masks, mask...)
	}
	g.Choice, g.ChoiceMasks = g.Test, g.Masks
	return g
}

// A head that looks at the object is found on the training masks and has its mask; images without an object do not
// count, nor do pixels of no class.
func TestAttentionSegmentation(t *testing.T) {
	p := DefaultAttentionSegmentation()
	measure := func(g *Gaze) map[string]float64 {
		t.Helper()
		rs, err := p.Evaluate(context.Background(), Features{Gaze: g})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, r := range rs {
			got[r.Metric] = r.Value
		}
		return got
	}
	g := gazeAt(5)
	// 0.6 of the mass are three of the object's four patches
	if got := measure(g); math.Abs(got["jaccard"]-0.75) > 1e-9 || got["jaccard best head"] != got["jaccard"] {
		t.Errorf("got %v, want three patches of four", got)
	}
	p.Mass = 0.85
	// the mean of the heads has 0.46 of its mass on the object, and reaches 0.85 with nine patches more
	if got := measure(g); got["jaccard"] != 1 || math.Abs(got["jaccard mean"]-4./13) > 1e-9 {
		t.Errorf("with more mass %v, want the object, and 4 patches of 13 by the mean", got)
	}
	g.Test, g.Masks = append(slices.Clone(g.Test), make([]float32, 32)...), append(slices.Clone(g.Masks),
		make([]byte, 64)...)
	if got := measure(g); got["jaccard"] != 1 {
		t.Errorf("with an image without an object %v, want 1", got)
	}
	for i, c := range g.Masks {
		if c == 0 && i%8 == 7 {
			g.Masks[i] = 255
		}
	}
	if got := measure(g); got["jaccard"] != 1 {
		t.Errorf("with pixels of no class %v, want 1", got)
	}
	p.Background = []string{"ground", "thing"}
	if _, err := p.Evaluate(context.Background(), Features{Gaze: g}); err == nil || !strings.Contains(err.Error(),
		"no object in the masks") {
		t.Errorf("all is background: %v", err)
	}
	p.Background = []string{"sky"}
	if _, err := p.Evaluate(context.Background(), Features{Gaze: g}); err == nil || !strings.Contains(err.Error(),
		`want one of ["ground" "thing"]`) {
		t.Errorf("an unknown background: %v", err)
	}
}

// Places of classes that point apart find their own; rare classes count as much as frequent ones.
func TestPatchRetrieval(t *testing.T) {
	f := Features{Dim: 2, Classes: 2}
	for i := range 40 {
		c := int32(0)
		x := []float32{1, 0.01 * float32(i)}
		if i%10 == 0 {
			c, x = 1, []float32{-0.01 * float32(i), 1}
		}
		f.TrainX, f.TrainY = append(f.TrainX, x...), append(f.TrainY, c)
	}
	f.TestX, f.TestY = f.TrainX, f.TrainY
	p := &PatchRetrieval{K: 4, Places: 1}
	measure := func(f Features) (precision, top float64) {
		t.Helper()
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		return rs[0].Value, rs[1].Value
	}
	if a, b := measure(f); a != 1 || b != 1 {
		t.Errorf("classes apart: %v and %v, want 1", a, b)
	}
	p.K = 8 // of which 4 of the rare class are others
	if a, b := measure(f); a != 0.75 || b != 0.5 {
		t.Errorf("twice as many neighbours as there are: %v and %v, want 0.75 and, as equal votes are of the first "+
			"class, 0.5", a, b)
	}
}

// A decoder's pixels are compared with the masks, those of no class left out.
func TestDecoder(t *testing.T) {
	f := Features{Classes: 2, Maps: &Maps{Masks: []byte{0, 0, 1, 1, 255, 1}, MaskH: 2, MaskW: 3, Ignored: 255,
		ClassNames: []string{"ground", "thing"}}}
	f.Decoded = func(context.Context, *Decoding) ([]byte, error) { return []byte{0, 1, 1, 1, 0, 0}, nil }
	rs, err := DefaultSegmentationDecoder().Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"mean_iou": (1./3 + 2./4) / 2, "iou ground": 1. / 3, "iou thing": 0.5, "pixels": 0.6}
	for _, r := range rs {
		if math.Abs(r.Value-want[r.Metric]) > 1e-12 || r.Protocol != "segmentation_decoder" {
			t.Errorf("%s %s is %v, want %v", r.Protocol, r.Metric, r.Value, want[r.Metric])
		}
	}
	for want, change := range map[string]func(p, q *Decoder){
		"want [evaluate.segmentation_finetune]": nil,
		"backbone_rate: 0: want":                func(_, q *Decoder) { q.BackboneRate = 0 },
		"width: 0: want":                        func(_, q *Decoder) { q.Width = 0 },
		"length: \"50%\": want a length":        func(_, q *Decoder) { q.Length = setting.Percent(50) },
	} {
		p, q := DefaultSegmentationDecoder(), DefaultSegmentationFinetune()
		bad := q
		if change == nil {
			p.BackboneRate, bad = 0.1, p
		} else {
			change(p, q)
		}
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(want, "want ")) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, p := range []Protocol{DefaultSegmentationDecoder(), DefaultSegmentationFinetune(),
		DefaultAttentionSegmentation(), DefaultPatchRetrieval()} {
		if err := p.Validate(); err != nil {
			t.Error(err)
		}
	}
}
