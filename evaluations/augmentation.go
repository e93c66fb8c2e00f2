package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"selfsup/setting"
)

// Augmentation is how much of what augmentations did to an image its features hold. It is the share of the variance of
// how two views of an image differ that a linear map of both views' features explains:
//
//	r2 = mean over numbers of 1 - sum (d - a h1 - b h2 - c)^2 / sum (d - mean d)^2
//
// over half of the images, with a, b and c of least squares on the other half, with a ridge on standardised features. 1
// is all, 0 no more than the mean, and less is possible. d are differences of what was drawn by the recipe's views, a
// metric for each kind that varies: crop (centre and size, mirrored where the view is), color (brightness, contrast,
// saturation, hue), flip, grayscale, blur, solarize, erase, degrees, and turn (sine and cosine of the quarter turns);
// r2 is the mean over kinds. As in Garrido et al. 2023, SIE, arXiv:2302.10283, section 5, of two views together; the
// paper's map for rotations has hidden layers. With [baselines] parts = true it says what each part of a method that
// splits its features holds. It needs no labels.
type Augmentation struct {
	Schedule
	Images int     `toml:"images"` // training images that it looks at, at most; each is seen in two views
	Ridge  float64 `toml:"ridge"`  // added to the variances, which are 1
}

// DefaultAugmentation looks at 4,096 images.
func DefaultAugmentation() *Augmentation { return &Augmentation{Images: 4096, Ridge: 0.1} }

// Validate checks the settings.
func (p *Augmentation) Validate() error {
	return errors.Join(setting.Least("images", p.Images, 8), setting.Positive("ridge", p.Ridge))
}

// Needs implements Protocol.
func (p *Augmentation) Needs() Needs { return Needs{Views: true, Drawn: true, Images: p.Images} }

// Drawn is what was drawn for two views of each of V images.
type Drawn struct {
	Columns []string  // P, see views.ParamNames
	Range   []float64 // of each column how far apart two draws can be; 0: it never varies
	A, B    []float32 // [V,P] of either view
}

// Kinds lists the kinds of what varies, in the order of the docs.
func (d *Drawn) Kinds() (kinds []string) {
	for _, k := range drawnKinds {
		if slices.ContainsFunc(k.columns, func(c string) bool { return d.varies(c) }) {
			kinds = append(kinds, k.name)
		}
	}
	return kinds
}

func (d *Drawn) varies(column string) bool {
	at := slices.Index(d.Columns, column)
	return at >= 0 && d.Range[at] > 0
}

// drawnKinds are kinds of what can differ between views, with the columns that say so.
var drawnKinds = []struct {
	name    string
	columns []string
}{
	{"crop", []string{"crop_top", "crop_left", "crop_height", "crop_width"}},
	{"color", []string{"brightness", "contrast", "saturation", "hue"}},
	{"flip", []string{"flip", "vertical_flip"}},
	{"grayscale", []string{"grayscale"}},
	{"blur", []string{"blur"}},
	{"solarize", []string{"solarize"}},
	{"erase", []string{"erase_top", "erase_left", "erase_height", "erase_width"}},
	{"degrees", []string{"degrees"}},
	{"turn", []string{"quarter_turns"}},
}

// differences are those of a kind between the views of image i.
func (d *Drawn) differences(kind string, columns []string, i int) (out []float64) {
	value := func(of []float32, column string) float64 {
		at := slices.Index(d.Columns, column)
		if at < 0 {
			return 0
		}
		return float64(of[i*len(d.Columns)+at])
	}
	switch kind {
	case "crop":
		box := func(of []float32) [4]float64 {
			centre := func(edge, size, flip string) float64 {
				c := value(of, edge) + value(of, size)/2
				return c + value(of, flip)*(1-2*c)
			}
			return [4]float64{centre("crop_top", "crop_height", "vertical_flip"),
				centre("crop_left", "crop_width", "flip"), value(of, "crop_height"), value(of, "crop_width")}
		}
		a, b := box(d.A), box(d.B)
		for k := range a {
			if k < 2 || d.varies(columns[k]) {
				out = append(out, a[k]-b[k])
			}
		}
	case "turn":
		angle := (value(d.A, columns[0]) - value(d.B, columns[0])) * math.Pi / 2
		out = append(out, math.Sin(angle), math.Cos(angle))
	default:
		for _, c := range columns {
			if d.varies(c) {
				out = append(out, value(d.A, c)-value(d.B, c))
			}
		}
	}
	return out
}

// Evaluate returns r2 of every kind, and their mean.
func (p *Augmentation) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	for _, x := range [][]float32{f.ViewA, f.ViewB} {
		if err := f.checkFeatures("augmentation", x); err != nil {
			return nil, err
		}
	}
	n, d := len(f.ViewA)/f.Dim, f.Drawn
	if len(f.ViewB) != len(f.ViewA) || d == nil || len(d.A) != n*len(d.Columns) || len(d.B) != len(d.A) || n < 8 {
		return nil, fmt.Errorf("evaluate: augmentation: %d and %d numbers as views of images and of what was drawn "+
			"for them; want at least 8 images in two views", len(f.ViewA), len(f.ViewB))
	}
	pairs := make([]float32, 0, 2*n*f.Dim)
	for i := range n {
		pairs = append(append(pairs, f.ViewA[i*f.Dim:(i+1)*f.Dim]...), f.ViewB[i*f.Dim:(i+1)*f.Dim]...)
	}
	half := n / 2
	x, test := standardized(pairs[:half*2*f.Dim], pairs[half*2*f.Dim:], 2*f.Dim)
	settings := map[string]any{"images": n, "ridge": p.Ridge}
	var all []Result
	mean := 0.0
	for _, k := range drawnKinds {
		if !slices.Contains(d.Kinds(), k.name) {
			continue
		}
		if err := f.goOn(ctx); err != nil {
			return nil, err
		}
		var wanted []float64
		for i := range n {
			wanted = append(wanted, d.differences(k.name, k.columns, i)...)
		}
		r2, err := p.explained(x, test, wanted)
		if err != nil {
			return nil, fmt.Errorf("evaluate: augmentation: %s: %w", k.name, err)
		}
		mean += r2
		all = append(all, Result{Protocol: "augmentation", Metric: k.name, Value: r2, Settings: settings})
	}
	if len(all) == 0 {
		return nil, errors.New("evaluate: augmentation: nothing that was drawn for the views varies")
	}
	first := Result{Protocol: "augmentation", Metric: "r2", Value: mean / float64(len(all)), Settings: settings}
	return append([]Result{first}, all...), nil
}

// explained is the share of the variance of numbers [n,K] of the last images that the features of these explain, with
// a map of the first images. Numbers that are the same in all images do not count.
func (p *Augmentation) explained(x, test *mat.Dense, numbers []float64) (float64, error) {
	half, _ := x.Dims()
	rest, _ := test.Dims()
	k := len(numbers) / (half + rest)
	wanted := mat.NewDense(half, k, slices.Clone(numbers[:half*k]))
	means, own := make([]float64, k), make([]float64, k)
	for i, v := range numbers {
		if i < half*k {
			means[i%k] += v / float64(half)
		} else {
			own[i%k] += v / float64(rest)
		}
	}
	wanted.Apply(func(_, j int, v float64) float64 { return v - means[j] }, wanted)
	w, err := ridgeFit(x, wanted, float64(half)*p.Ridge)
	if err != nil {
		return 0, err
	}
	var found mat.Dense
	found.Mul(test, w)
	r2, counted := 0.0, 0.0
	for j := range k {
		missed, all := 0.0, 0.0
		for i := range rest {
			v := numbers[(half+i)*k+j]
			missed += math.Pow(v-means[j]-found.At(i, j), 2)
			all += math.Pow(v-own[j], 2)
		}
		if all > 0 {
			r2, counted = r2+1-missed/all, counted+1
		}
	}
	if counted == 0 {
		return 0, errors.New("it is the same in both views of all images that are measured")
	}
	return r2 / counted, nil
}
