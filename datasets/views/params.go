package views

import (
	"math"

	"selfsup/datasets"
)

// paramNames are the columns of a view's parameters.
var paramNames = []string{
	"crop_top", "crop_left", "crop_height", "crop_width", // fractions of the image's height and width; with pad the window may begin below 0
	"flip", "vertical_flip", // 1: mirrored
	"quarter_turns",                                         // 0 to 3, counter-clockwise
	"degrees",                                               // of the rotation after them, counter-clockwise
	"jitter", "brightness", "contrast", "saturation", "hue", // 1: jittered; the factors (1 where it was not) and the shift in turns (0)
	"grayscale", "blur", "solarize", // 1 or 0; the blur is its sigma in pixels, 0 where there is none
	"erase_top", "erase_left", "erase_height", "erase_width", // fractions of the view
}

// ParamNames names the columns of Batch.Params, for methods that learn what was done to a view.
func ParamNames() []string { return append([]string(nil), paramNames...) }

// params writes a plan in the order of paramNames.
func (p *Pipeline) params(to []float32, d *plan, img *datasets.Image, f frame) {
	h, w := float32(img.H), float32(img.W)
	box := d.box
	if pad := p.settings.Pad; pad > 0 {
		box.Top, box.Left, box.Height, box.Width = box.Top-pad, box.Left-pad, f.h, f.w
	}
	factors := [4]float32{1, 1, 1, 0}
	if d.jitter {
		factors = [4]float32{d.brightness, d.contrast, d.saturation, d.hue}
	}
	sigma := d.sigma
	if d.toning.three == threeBlur {
		sigma = math.Hypot(sigma, d.toning.sigma) // of two Gaussians in turn
	}
	e := d.erasure.box
	values := [...]float32{
		float32(box.Top) / h, float32(box.Left) / w, float32(box.Height) / h, float32(box.Width) / w,
		indicator(d.flip), indicator(d.turning.flip),
		float32(d.turning.quarters),
		float32(d.turning.degrees),
		indicator(d.jitter), factors[0], factors[1], factors[2], factors[3],
		indicator(d.grayscale || d.toning.three == threeGrayscale), float32(sigma), indicator(d.solarize || d.toning.three == threeSolarize),
		float32(e.Top) / float32(f.h), float32(e.Left) / float32(f.w), float32(e.Height) / float32(f.h), float32(e.Width) / float32(f.w),
	}
	copy(to, values[:])
}

func indicator(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

// Point is where a point of a view comes from: (y, x) and the result are fractions of height and width, measured from the top left
// corner; the result may lie outside the image where the view was rotated. params are the view's, h and w its size in pixels.
// RandAugment's shears, translations and rotations are not followed.
func Point(params []float32, h, w int, y, x float64) (imageY, imageX float64) {
	at := func(column int) float64 { return float64(params[column]) }
	py, px := (y-0.5)*float64(h), (x-0.5)*float64(w)
	m := Rotation(at(7))
	px, py = m.A*px+m.B*py, m.D*px+m.E*py
	y, x = py/float64(h)+0.5, px/float64(w)+0.5
	for range int(at(6)) { // of a square view
		y, x = x, 1-y
	}
	if at(5) == 1 {
		y = 1 - y
	}
	if at(4) == 1 {
		x = 1 - x
	}
	return at(0) + y*at(2), at(1) + x*at(3)
}
