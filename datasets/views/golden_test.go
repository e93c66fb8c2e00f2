package views

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/raster"
	"selfsup/datasets/resample"
	"selfsup/internal/golden"
)

// fixture is one golden file of torchvision's numbers.
type fixture struct {
	*golden.Fixture
	Params params
}

// params are all settings that the files have; each file has some.
type params struct {
	Factor        float32   `json:"factor"`
	Kernel        int       `json:"kernel_size"`
	Sigma         float64   `json:"sigma"`
	Threshold     float32   `json:"threshold_float"`
	Mean          []float32 `json:"mean"`
	Std           []float32 `json:"std"`
	Size          [2]int    `json:"size"`
	Interpolation string    `json:"interpolation"`
	Top           int       `json:"top"`
	Left          int       `json:"left"`
	Height        int       `json:"height"`
	Width         int       `json:"width"`
	Padding       int       `json:"padding"`
	Order         [4]int    `json:"order"`
	Brightness    float32   `json:"brightness"`
	Contrast      float32   `json:"contrast"`
	Saturation    float32   `json:"saturation"`
	Hue           float32   `json:"hue"`
	HFlip         bool      `json:"hflip"`
	Grayscale     bool      `json:"grayscale"`
	BlurKernel    int       `json:"blur_kernel"`
	BlurSigma     float64   `json:"blur_sigma"`
	SolarizeFrom  *float32  `json:"solarize_threshold"` // null: none; above 1: a grey level
	Bits          int       `json:"bits"`
	Radius        float64   `json:"radius"`
	Angle         float64   `json:"angle"`
	Quarters      int       `json:"quarter_turns_counter_clockwise"`
}

func (f *fixture) image() *datasets.Image {
	t := f.Inputs["image"]
	m := &datasets.Image{H: t.Shape[0], W: t.Shape[1], C: t.Shape[2]}
	for _, v := range t.Data {
		m.Pix = append(m.Pix, byte(v))
	}
	return m
}

// whole is the image of the fixture as Pixels.
func (f *fixture) whole() Pixels {
	m := f.image()
	p := Pixels{H: m.H, W: m.W, C: m.C, Pix: make([]float32, len(m.Pix))}
	raster.Bytes(p.Pix, m.Pix)
	return p
}

// resized runs a resample job on the fixture's image.
func (f *fixture) resized(j resample.Job, h, w int) Pixels {
	m := f.image()
	j.Src, j.Width, j.Channels = m.Pix, m.W, m.C
	if f.Params.Interpolation == "bicubic" {
		j.Filter = resample.Bicubic
	}
	p := Pixels{H: h, W: w, C: m.C, Pix: make([]float32, h*w*m.C)}
	new(resample.Resampler).Run(p.Pix, j)
	return p
}

func (f *fixture) box() resample.Box {
	return resample.Box{Top: f.Params.Top, Left: f.Params.Left, Height: f.Params.Height, Width: f.Params.Width}
}

// change applies an operation to the whole image.
func change(op func(f *fixture, p Pixels)) func(*fixture) Pixels {
	return func(f *fixture) Pixels {
		p := f.whole()
		op(f, p)
		return p
	}
}

func resize(f *fixture) Pixels {
	m := f.image()
	return f.resized(resample.Job{Box: resample.Box{Height: m.H, Width: m.W}, Size: f.Params.Size}, f.Params.Size[0],
		f.Params.Size[1])
}

func resizedCrop(f *fixture) Pixels {
	return f.resized(resample.Job{Box: f.box(), Size: f.Params.Size}, f.Params.Size[0], f.Params.Size[1])
}

func blur(f *fixture, p Pixels) { new(Blurrer).GaussianBlur(p, f.Params.Kernel, f.Params.Sigma) }

// pipeline runs the whole plan of a view; as in the fixture, bicubic values are not clipped after the crop.
func pipeline(f *fixture) Pixels {
	q := f.Params
	m := f.image()
	p := &Pipeline{Height: q.Size[0], Width: q.Size[1], Channels: m.C, Mean: q.Mean, Std: q.Std,
		filter: resample.Bicubic,
		frames: []frame{{kernel: q.BlurKernel}}, settings: Settings{BlurFilter: gaussianFilter}}
	d := plan{box: f.box(), flip: q.HFlip, jitter: true, order: q.Order, brightness: q.Brightness, contrast: q.Contrast,
		saturation: q.Saturation, hue: q.Hue, grayscale: q.Grayscale, sigma: q.BlurSigma}
	if q.SolarizeFrom != nil {
		d.solarize, p.threshold = true, *q.SolarizeFrom
		if p.threshold > 1 {
			p.threshold /= 255
		}
	}
	v := Pixels{H: p.Height, W: p.Width, C: m.C, Pix: make([]float32, p.Size())}
	p.apply(v, m, &d, 0, new(Scratch))
	return v
}

func turned(f *fixture) Pixels {
	p := f.whole()
	q := Pixels{H: p.H, W: p.W, C: p.C, Pix: make([]float32, len(p.Pix))}
	if f.Params.Quarters%2 == 1 {
		q.H, q.W = p.W, p.H
	}
	Turn(q, p, f.Params.Quarters)
	return q
}

var counterparts = map[string]func(*fixture) Pixels{
	"adjust_brightness": change(func(f *fixture, p Pixels) { Brightness(p, f.Params.Factor) }),
	"adjust_contrast":   change(func(f *fixture, p Pixels) { Contrast(p, f.Params.Factor) }),
	"adjust_saturation": change(func(f *fixture, p Pixels) { Saturation(p, f.Params.Factor) }),
	"adjust_hue":        change(func(f *fixture, p Pixels) { Hue(p, f.Params.Factor) }),
	"color_jitter_sequence": change(func(f *fixture, p Pixels) {
		q := f.Params
		d := plan{jitter: true, order: q.Order, brightness: q.Brightness, contrast: q.Contrast,
			saturation: q.Saturation, hue: q.Hue}
		d.jitterInto(p)
	}),
	"gaussian_blur":     change(blur),
	"gaussian_blur_2":   change(blur),
	"grayscale3":        change(func(f *fixture, p Pixels) { Grayscale(p) }),
	"hflip":             change(func(f *fixture, p Pixels) { Flip(p) }),
	"normalize":         change(func(f *fixture, p Pixels) { Normalize(p, f.Params.Mean, f.Params.Std) }),
	"solarize":          change(func(f *fixture, p Pixels) { Solarize(p, f.Params.Threshold) }),
	"adjust_sharpness":  change(func(f *fixture, p Pixels) { new(Blurrer).Sharpness(p, f.Params.Factor) }),
	"autocontrast":      change(func(f *fixture, p Pixels) { Autocontrast(p) }),
	"equalize":          change(func(f *fixture, p Pixels) { Equalize(p) }),
	"gaussian_blur_pil": change(func(f *fixture, p Pixels) { new(Blurrer).BoxBlur(p, f.Params.Radius) }),
	"invert":            change(func(f *fixture, p Pixels) { Invert(p) }),
	"posterize":         change(func(f *fixture, p Pixels) { Posterize(p, f.Params.Bits) }),
	"vflip":             change(func(f *fixture, p Pixels) { FlipVertical(p) }),
	"rotate90":          turned,
	"rotate180":         turned,
	"rotate270":         turned,
	"rotate_bilinear": func(f *fixture) Pixels {
		p := f.whole()
		q := Pixels{H: p.H, W: p.W, C: p.C, Pix: make([]float32, len(p.Pix))}
		Warp(q, p, Rotation(f.Params.Angle), false)
		return q
	},
	"center_crop": func(f *fixture) Pixels {
		m, s := f.image(), f.Params.Size
		full := [2]int{m.H, m.W}
		return f.resized(resample.Job{Box: resample.Box{Height: m.H, Width: m.W}, Size: full,
			Window: resample.CenterWindow(full, s[0], s[1])}, s[0], s[1])
	},
	"pad_reflect_crop": func(f *fixture) Pixels {
		m, q := f.image(), f.Params
		p := Pixels{H: q.Height, W: q.Width, C: m.C, Pix: make([]float32, q.Height*q.Width*m.C)}
		shifted(p, m, q.Padding, q.Top, q.Left)
		return p
	},
	"resize_bilinear":       resize,
	"resize_bicubic":        resize,
	"resized_crop_bilinear": resizedCrop,
	"resized_crop_bicubic":  resizedCrop,
	"simclr_pipeline":       pipeline,
}

// pilOnly are the fixtures that exist on 8-bit images alone, and how many grey levels we may be off: equalize and
// posterize are defined on levels; the box blur rounds to 8 bits after each of its passes and ours does not.
var pilOnly = map[string]float64{"augment/equalize": 0, "augment/posterize": 0, "augment/gaussian_blur_pil": 2}

// pilToo are those whose 8-bit arithmetic is ours as well: only moved or inverted pixels.
var pilToo = []string{"center_crop", "hflip", "invert", "pad_reflect_crop", "rotate90", "rotate180", "rotate270",
	"vflip"}

// TestGoldenAugment compares every augmentation with torchvision's float tensor arithmetic, absolute 2e-5, and with
// PIL's on 8-bit images where that is the same definition.
func TestGoldenAugment(t *testing.T) {
	golden.Each(t, "augment", counterparts, func(t *testing.T, f *golden.Fixture, op func(*fixture) Pixels) {
		got := op(&fixture{f, golden.Params[params](t, f)})
		if levels, ok := pilOnly[f.Name]; ok {
			compare(t, got, planar(f.Outputs["pil"]), levels/255+2e-5)
			return
		}
		compare(t, got, f.Outputs["tensor"], 2e-5)
		if slices.Contains(pilToo, strings.TrimPrefix(f.Name, "augment/")) {
			compare(t, got, planar(f.Outputs["pil"]), 2e-5)
		}
	})
}

// planar is an 8-bit image [H,W,C] as [C,H,W] with 1 as full scale.
func planar(t golden.Tensor) golden.Tensor {
	t = golden.Permute(t, 2, 0, 1)
	for i := range t.Data {
		t.Data[i] /= 255
	}
	return t
}

// compare holds got [H,W,C] against want [C,H,W].
func compare(t *testing.T, got Pixels, want golden.Tensor, allowed float64) {
	t.Helper()
	if len(want.Shape) != 3 || want.Shape[0] != got.C || want.Shape[1] != got.H || want.Shape[2] != got.W {
		t.Fatalf("got [%d,%d,%d] as channels, height, width; want %v", got.C, got.H, got.W, want.Shape)
	}
	var worst float64
	var at int
	for i, w := range want.Data {
		c, y, x := i/(got.H*got.W), i/got.W%got.H, i%got.W
		if d := math.Abs(float64(got.Pix[(y*got.W+x)*got.C+c]) - w); !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= allowed) {
		c, y, x := at/(got.H*got.W), at/got.W%got.H, at%got.W
		t.Errorf("channel %d, row %d, column %d: got %v, want %v (off by %.2g, allowed %.2g)", c, y, x,
			got.Pix[(y*got.W+x)*got.C+c], want.Data[at], worst, allowed)
	}
}
