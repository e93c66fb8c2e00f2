package evaluations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/graph/device"
	"selfsup/setting"
)

// AttentionSegmentation is how well a vision transformer tells objects from their background by where it looks: of the
// last block's attention of the class token to the patches, or of all patches where there is none, the largest weights
// that have a share of the mass together are the object. It measures the Jaccard index, intersection over union of
// objects and attention, averaged over the test images in which there are objects; pixels of no class count nowhere.
//
// Caron et al. 2021, arXiv:2104.14294, section 5.2 and figure 4, which has the head that is best. "jaccard" is of the
// head that is best on training masks, "jaccard best head" takes the best of each image, by its mask, and "jaccard
// mean" is of the mean of all heads. A weight is that of every pixel of its patch. Of other backbones there is no
// attention.
type AttentionSegmentation struct {
	AtEnd
	Mass       float64  `toml:"mass"`       // share of the attention that is kept
	Background []string `toml:"background"` // classes of pixels that are no objects; empty: the first
	Images     int      `toml:"images"`     // training masks by which the head is chosen, at most
}

// DefaultAttentionSegmentation keeps 60 % of the mass, as the paper.
func DefaultAttentionSegmentation() *AttentionSegmentation {
	return &AttentionSegmentation{Mass: 0.6, Images: 200}
}

// Validate checks the settings.
func (p *AttentionSegmentation) Validate() error {
	var bad []error
	if !(p.Mass > 0 && p.Mass < 1) {
		bad = append(bad, setting.Bad("mass", "%v: want a share above 0 and below 1", p.Mass))
	}
	return errors.Join(append(bad, setting.Least("images", p.Images, 1))...)
}

// Needs implements Protocol.
func (p *AttentionSegmentation) Needs() Needs { return Needs{Gaze: true, Images: p.Images} }

// Gaze is how much each patch of images is looked at, and their masks.
type Gaze struct {
	Heads, H, W  int
	Choice, Test []float32 // [N,Heads,H,W] of training images and [M,Heads,H,W]
	ChoiceMasks  []byte    // [N,MaskH,MaskW]
	Masks        []byte    // [M,MaskH,MaskW]
	MaskH, MaskW int
	Ignored      byte
	ClassNames   []string
}

// Evaluate returns three Jaccard indices.
func (p *AttentionSegmentation) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	g := f.Gaze
	if g == nil || g.Heads < 1 || g.H*g.W == 0 || len(g.Test) == 0 {
		return nil, errors.New("evaluate: attention_segmentation: no attention of images with masks")
	}
	ground := map[byte]bool{}
	for _, name := range p.Background {
		i := slices.Index(g.ClassNames, name)
		if i < 0 {
			return nil, fmt.Errorf("evaluate: attention_segmentation: background = %q is no class of pixels; want one "+
				"of %q", name, g.ClassNames)
		}
		ground[byte(i)] = true
	}
	if len(p.Background) == 0 {
		ground[0] = true
	}
	choice, err := p.indices(ctx, f, g, g.Choice, g.ChoiceMasks, ground)
	if err != nil {
		return nil, err
	}
	test, err := p.indices(ctx, f, g, g.Test, g.Masks, ground)
	if err != nil {
		return nil, err
	}
	if len(choice) == 0 || len(test) == 0 {
		return nil, fmt.Errorf("evaluate: attention_segmentation: no object in the masks, whose background is %q",
			p.Background)
	}
	mean := func(rows [][]float64, of func(row []float64) float64) (v float64) {
		for _, row := range rows {
			v += of(row) / float64(len(rows))
		}
		return v
	}
	best, most := 0, -1.
	for h := range g.Heads {
		if v := mean(choice, func(row []float64) float64 { return row[h] }); v > most {
			best, most = h, v
		}
	}
	settings := map[string]any{"mass": p.Mass, "head": best + 1, "heads": g.Heads, "images": len(choice)}
	one := func(metric string, of func(row []float64) float64) Result {
		return Result{Protocol: "attention_segmentation", Metric: metric, Value: mean(test, of), Settings: settings}
	}
	return []Result{one("jaccard", func(row []float64) float64 { return row[best] }),
		one("jaccard best head", func(row []float64) float64 { return slices.Max(row[:g.Heads]) }),
		one("jaccard mean", func(row []float64) float64 { return row[g.Heads] })}, nil
}

// indices are the Jaccard indices of each image with an object: of every head, and of the mean of the heads.
func (p *AttentionSegmentation) indices(ctx context.Context, f Features, g *Gaze, gaze []float32, masks []byte,
	ground map[byte]bool) ([][]float64, error) {
	patches, pixels := g.H*g.W, g.MaskH*g.MaskW
	n := len(gaze) / (g.Heads * patches)
	rows := make([][]float64, n)
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	device.Parallel(n, func(i int) {
		mask := masks[i*pixels : (i+1)*pixels]
		if !slices.ContainsFunc(mask, func(c byte) bool { return c != g.Ignored && !ground[c] }) {
			return
		}
		mean := make([]float32, patches)
		for h := range g.Heads {
			own := gaze[(i*g.Heads+h)*patches:][:patches]
			for k, v := range own {
				mean[k] += v / float32(g.Heads)
			}
			rows[i] = append(rows[i], g.jaccard(kept(own, p.Mass), mask, ground))
		}
		rows[i] = append(rows[i], g.jaccard(kept(mean, p.Mass), mask, ground))
	})
	return slices.DeleteFunc(rows, func(row []float64) bool { return row == nil }), nil
}

// jaccard is the intersection over union of patches and the objects of a mask.
func (g *Gaze) jaccard(seen []bool, mask []byte, ground map[byte]bool) float64 {
	var both, any float64
	for i, c := range mask {
		if c == g.Ignored {
			continue
		}
		y, x := i/g.MaskW*g.H/g.MaskH, i%g.MaskW*g.W/g.MaskW
		looked, object := seen[y*g.W+x], !ground[c]
		if looked && object {
			both++
		}
		if looked || object {
			any++
		}
	}
	return both / any
}

// kept are the fewest largest weights whose sum is at least a share of that of all.
func kept(w []float32, share float64) []bool {
	order := make([]int, len(w))
	var all, sum float64
	for i, v := range w {
		order[i], all = i, all+float64(v)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case w[a] > w[b]:
			return -1
		case w[a] < w[b]:
			return 1
		}
		return 0
	})
	out := make([]bool, len(w))
	for _, i := range order {
		if sum >= share*all {
			break
		}
		out[i], sum = true, sum+float64(w[i])
	}
	return out
}
