// Package views turns images into training views: one augmentation a file, and the pipeline that the loader draws from.
//
// What a view looks like depends on (seed, step, row, view) alone, never on threads or time. Views are float32,
// channels last.
package views

import (
	"errors"
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/raster"
	"selfsup/datasets/resample"
)

// Pipeline makes the views of an image. It is read-only after New and serves any number of goroutines.
type Pipeline struct {
	Height, Width, Channels int // of the first view, and of what is evaluated
	Views                   int
	Mean, Std               []float32 // per channel, in units of full scale
	// Finder makes what finds proposals of objects in an image, one for each worker; nil: the views have none.
	Finder func() Finder

	settings  Settings
	filter    resample.Filter
	frames    []frame // one a view
	threshold float32
}

// New checks the settings against the data and measures mean and std on the training set where the recipe leaves them
// open.
func New(s Settings, d *datasets.Data, views int) (*Pipeline, error) {
	if err := s.Validate(d.Channels, d.Height, d.Width); err != nil {
		return nil, err
	}
	if views < 1 {
		return nil, fmt.Errorf("views: %d views, want at least 1", views)
	}
	if err := s.lists(views); err != nil {
		return nil, err
	}
	train, ok := d.Train.(datasets.Set)
	if !ok {
		return nil, errors.New("views: the data are no images")
	}
	mean, std, err := s.normalization(train)
	if err != nil {
		return nil, err
	}
	p := &Pipeline{Channels: d.Channels, Views: views, settings: s, threshold: float32(s.SolarizeThreshold / 255)}
	p.Height, p.Width = s.size(d.Height, d.Width)
	if p.frames, err = s.frames(views, d.Height, d.Width); err != nil {
		return nil, err
	}
	if s.Interpolation == "bicubic" {
		p.filter = resample.Bicubic
	}
	for c := range mean {
		p.Mean, p.Std = append(p.Mean, float32(mean[c])), append(p.Std, float32(std[c]))
	}
	return p, nil
}

// lists checks that a setting per view has one value, or one a view.
func (s *Settings) lists(views int) error {
	for _, p := range s.perView() {
		if n := len(p.value); n > 1 && n != views {
			return fmt.Errorf("views: %s = %v has %d values, the method takes %d views; want one number, or one a view",
				p.key, p.value, n, views)
		}
	}
	return nil
}

// counted is how many views the settings are for; 1 where they do not say.
func (s *Settings) counted() int {
	n := 0
	for _, c := range s.Crops {
		n += c.Count
	}
	for _, p := range s.perView() {
		n = max(n, len(p.value))
	}
	return max(n, 1)
}

// Size is the number of floats of the first view, and of what is evaluated.
func (p *Pipeline) Size() int { return p.Height * p.Width * p.Channels }

// Shape is the height and width of a view.
func (p *Pipeline) Shape(view int) (h, w int) { return p.frames[view].h, p.frames[view].w }

// ViewSize is the number of floats of a view.
func (p *Pipeline) ViewSize(view int) int { return p.frames[view].h * p.frames[view].w * p.Channels }

// Scratch holds what one goroutine needs to make views; the zero value is ready.
type Scratch struct {
	image     datasets.Image
	resampler resample.Resampler
	blurrer   Blurrer
	other     []float32 // a copy of a view
}

// plan is every random choice of a view.
type plan struct {
	box                              resample.Box // with pad: only Top and Left count, in the padded image
	flip                             bool
	jitter                           bool
	order                            [4]int  // of brightness 0, contrast 1, saturation 2, hue 3
	brightness, contrast, saturation float32 // factors; 1 changes nothing
	hue                              float32 // turns
	grayscale                        bool
	sigma                            float64 // of the blur in pixels; 0: none
	solarize                         bool
	clip                             bool // to [0,1] after the crop

	turning  turning
	randomly randomly
	toning   toning
	erasure  erasure
	more     []datasets.Rand // streams of augmentations from outside
}

// draw makes the choices for a view of an h x w image. The crop comes last, for it takes a varying number of draws:
// changing a probability or a strength leaves every other choice as it was.
func (p *Pipeline) draw(r *datasets.Rand, view, h, w int) plan {
	s := &p.settings
	factor := func(strength float64) float32 { return float32(r.Uniform(max(0, 1-strength), 1+strength)) }
	d := plan{clip: p.filter == resample.Bicubic}
	d.flip = r.Chance(s.Flip.At(view))
	d.jitter = r.Chance(s.Jitter.At(view))
	d.brightness = factor(s.Brightness.At(view))
	d.contrast = factor(s.Contrast.At(view))
	d.saturation = factor(s.Saturation.At(view))
	hue := s.Hue.At(view)
	d.hue = float32(r.Uniform(-hue, hue))
	d.order = [4]int{0, 1, 2, 3}
	for i := 3; i > 0; i-- {
		j := r.Intn(i + 1)
		d.order[i], d.order[j] = d.order[j], d.order[i]
	}
	d.grayscale = r.Chance(s.Grayscale.At(view))
	blur, sigma := r.Chance(s.Blur.At(view)), r.Uniform(s.BlurSigma[0], s.BlurSigma[1])
	if blur {
		d.sigma = sigma
	}
	d.solarize = r.Chance(s.Solarize.At(view))
	if s.Pad > 0 {
		d.box.Top, d.box.Left = r.Intn(h+2*s.Pad-p.Height+1), r.Intn(w+2*s.Pad-p.Width+1)
	} else {
		d.box = randomBox(r, h, w, p.frames[view].area, s.CropRatio)
	}
	return d
}

// drawView is draw from the view's own stream.
func (p *Pipeline) drawView(seed uint64, step, row, view, h, w int) plan {
	r := datasets.NewRand(seed, "view", uint64(step), uint64(row), uint64(view))
	return p.draw(&r, view, h, w)
}

// reads is the part of an h x w image that the views of a row of a step are made of.
func (p *Pipeline) reads(seed uint64, step, row, h, w int) (all resample.Box) {
	if p.settings.Pad > 0 {
		return resample.Whole(h, w)
	}
	for view := range p.Views {
		all = all.Union(p.drawView(seed, step, row, view, h, w).box)
	}
	return all
}

// drawMore makes the choices of the settings that have streams of their own, so that none of them changes another
// choice.
func (p *Pipeline) drawMore(d *plan, stream func(name string) datasets.Rand, view int) {
	s, f := &p.settings, p.frames[view]
	if s.Turns.any() {
		r := stream("view/turns")
		d.turning = s.Turns.draw(&r, view)
	}
	if s.RandAugment.RandAugment.any() {
		r := stream("view/rand_augment")
		d.randomly = s.RandAugment.draw(&r, view)
	}
	if s.Tones.any() {
		r := stream("view/tones")
		d.toning = s.Tones.draw(&r, view, s.BlurSigma)
	}
	if s.Erase.any() {
		r := stream("view/erase")
		d.erasure = s.Erasing.draw(&r, view, f.h, f.w)
	}
	d.more = s.More.drawMany(stream)
}

// apply carries out a plan, in the order of Settings.
func (p *Pipeline) apply(v Pixels, img *datasets.Image, d *plan, view int, s *Scratch) {
	if pad := p.settings.Pad; pad > 0 {
		shifted(v, img, pad, d.box.Top, d.box.Left)
	} else {
		s.resampler.Run(v.Pix, resample.Job{Src: img.Pix, Width: img.W, Channels: img.C, Box: d.box,
			Size: [2]int{v.H, v.W}, Filter: p.filter})
	}
	if d.clip {
		raster.Scale(v.Pix, 1, 0)
	}
	if d.flip {
		Flip(v)
	}
	d.turning.apply(v, s)
	p.settings.RandAugment.apply(v, &d.randomly, s)
	if d.jitter {
		d.jitterInto(v)
	}
	if d.grayscale {
		Grayscale(v)
	}
	if d.sigma > 0 {
		p.blur(v, d.sigma, view, s)
	}
	if d.solarize {
		Solarize(v, p.threshold)
	}
	p.tone(v, &d.toning, view, s)
	p.settings.More.augment(v, d.more, view)
	Normalize(v, p.Mean, p.Std)
	p.settings.Erasing.apply(v, &d.erasure)
}

func (p *Pipeline) blur(v Pixels, sigma float64, view int, s *Scratch) {
	if p.settings.BlurFilter == boxesFilter {
		s.blurrer.BoxBlur(v, sigma)
		return
	}
	s.blurrer.GaussianBlur(v, p.frames[view].kernel, sigma)
}

// jitterInto applies the colour operations in the plan's order; those that change nothing are passed over.
func (d *plan) jitterInto(v Pixels) {
	for _, op := range d.order {
		switch {
		case op == 0 && d.brightness != 1:
			Brightness(v, d.brightness)
		case op == 1 && d.contrast != 1:
			Contrast(v, d.contrast)
		case op == 2 && d.saturation != 1:
			Saturation(v, d.saturation)
		case op == 3 && d.hue != 0:
			Hue(v, d.hue)
		}
	}
}

// View writes one view [h,w,Channels] of an image to dst, as (seed, step, row, view) decide; Shape has its h and w.
func (p *Pipeline) View(dst []float32, img *datasets.Image, seed uint64, step, row, view int, s *Scratch) error {
	return p.ViewParams(dst, nil, img, seed, step, row, view, s)
}

// ViewParams does what View does and writes what was drawn to params [len(ParamNames)], unless that is nil.
func (p *Pipeline) ViewParams(dst, params []float32, img *datasets.Image, seed uint64, step, row, view int,
	s *Scratch) error {
	if err := p.accepts(img); err != nil {
		return err
	}
	d := p.drawView(seed, step, row, view, img.H, img.W)
	p.drawMore(&d, func(name string) datasets.Rand {
		return datasets.NewRand(seed, name, uint64(step), uint64(row), uint64(view))
	}, view)
	f := p.frames[view]
	p.apply(Pixels{H: f.h, W: f.w, C: p.Channels, Pix: dst[:p.ViewSize(view)]}, img, &d, view, s)
	if params != nil {
		p.params(params, &d, img, f)
	}
	return nil
}

// accepts refuses an image that the settings were not checked against.
func (p *Pipeline) accepts(img *datasets.Image) error {
	if img.H < 1 || img.W < 1 || len(img.Pix) != img.H*img.W*img.C {
		return fmt.Errorf("%d bytes as an image of %dx%dx%d", len(img.Pix), img.H, img.W, img.C)
	}
	if img.C != p.Channels {
		return fmt.Errorf("%d channels, want %d", img.C, p.Channels)
	}
	if p.settings.Pad > 0 {
		return windowFits(img.H, img.W, p.settings.Pad, p.Height, p.Width)
	}
	return nil
}
