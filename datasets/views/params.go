package views

import (
	"math"

	"selfsup/datasets"
)

// Columns of a view's parameters.
const (
	paramCropTop = iota // with pad the window may begin below 0
	paramCropLeft
	paramCropHeight
	paramCropWidth
	paramFlipped
	paramFlippedVertically
	paramQuarterTurns
	paramDegrees
	paramJittered
	paramBrightness
	paramContrast
	paramSaturation
	paramHue
	paramGrayscaled
	paramBlurred
	paramSolarized
	paramEraseTop
	paramEraseLeft
	paramEraseHeight
	paramEraseWidth
	paramCount
)

var paramNames = [paramCount]string{
	paramCropTop: "crop_top", paramCropLeft: "crop_left", paramCropHeight: "crop_height", paramCropWidth: "crop_width",
	paramFlipped: "flip", paramFlippedVertically: "vertical_flip", paramQuarterTurns: "quarter_turns",
	paramDegrees:  "degrees",
	paramJittered: "jitter", paramBrightness: "brightness", paramContrast: "contrast", paramSaturation: "saturation",
	paramHue:        "hue",
	paramGrayscaled: "grayscale", paramBlurred: "blur", paramSolarized: "solarize",
	paramEraseTop: "erase_top", paramEraseLeft: "erase_left", paramEraseHeight: "erase_height",
	paramEraseWidth: "erase_width",
}

// ParamNames names the columns of Batch.Params, for methods that learn what was done to a view. The crop is in
// fractions of the image's height and width, the erased rectangle in fractions of the view's; turns and degrees are
// counter-clockwise; a choice is 1 or 0; the factors of the jitter are 1 and its hue, in turns, 0 where there was none;
// blur is its sigma in pixels, or 0.
func ParamNames() []string { return append([]string(nil), paramNames[:]...) }

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
	values := [paramCount]float32{
		paramCropTop: float32(box.Top) / h, paramCropLeft: float32(box.Left) / w,
		paramCropHeight: float32(box.Height) / h, paramCropWidth: float32(box.Width) / w,
		paramFlipped: indicator(d.flip), paramFlippedVertically: indicator(d.turning.flip),
		paramQuarterTurns: float32(d.turning.quarters), paramDegrees: float32(d.turning.degrees),
		paramJittered: indicator(d.jitter), paramBrightness: factors[0], paramContrast: factors[1],
		paramSaturation: factors[2], paramHue: factors[3],
		paramGrayscaled: indicator(d.grayscale || d.toning.three == threeGrayscale),
		paramBlurred:    float32(sigma),
		paramSolarized:  indicator(d.solarize || d.toning.three == threeSolarize),
		paramEraseTop:   float32(e.Top) / float32(f.h), paramEraseLeft: float32(e.Left) / float32(f.w),
		paramEraseHeight: float32(e.Height) / float32(f.h), paramEraseWidth: float32(e.Width) / float32(f.w),
	}
	copy(to, values[:])
}

func indicator(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

// Point is where a point of a view comes from: (y, x) and the result are fractions of height and width, measured from
// the top left corner; the result may lie outside the image where the view was rotated. params are the view's, h and w
// its size in pixels. RandAugment's shears, translations and rotations are not followed.
func Point(params []float32, h, w int, y, x float64) (imageY, imageX float64) {
	at := func(column int) float64 { return float64(params[column]) }
	py, px := (y-0.5)*float64(h), (x-0.5)*float64(w)
	m := Rotation(at(paramDegrees))
	px, py = m.A*px+m.B*py, m.D*px+m.E*py
	y, x = py/float64(h)+0.5, px/float64(w)+0.5
	for range int(at(paramQuarterTurns)) { // of a square view
		y, x = x, 1-y
	}
	if at(paramFlippedVertically) == 1 {
		y = 1 - y
	}
	if at(paramFlipped) == 1 {
		x = 1 - x
	}
	return at(paramCropTop) + y*at(paramCropHeight), at(paramCropLeft) + x*at(paramCropWidth)
}

// Magnified is by what a view of these parameters multiplies what moves in its image, to the right and down, in shares
// of width and height: below 0 where it is mirrored. Rotations and shears are not followed.
func Magnified(params []float32) [2]float64 {
	m := [2]float64{1 / float64(params[paramCropWidth]), 1 / float64(params[paramCropHeight])}
	if params[paramFlipped] == 1 {
		m[0] = -m[0]
	}
	if params[paramFlippedVertically] == 1 {
		m[1] = -m[1]
	}
	return m
}

// ranges says of each column of a view's parameters how far apart two draws can be.
func (p *Pipeline) ranges(view int) []float64 {
	s, r := &p.settings, make([]float64, paramCount)
	choice := func(column int, probability float64, most float64) {
		if probability > 0 {
			r[column] = most
		}
	}
	if s.Pad > 0 || s.CropArea != [2]float64{1, 1} || len(s.Crops) > 0 {
		r[paramCropTop], r[paramCropLeft] = 1, 1
	}
	if s.Pad == 0 && r[paramCropTop] > 0 {
		r[paramCropHeight], r[paramCropWidth] = 1, 1
	}
	choice(paramFlipped, s.Flip.At(view), 1)
	choice(paramFlippedVertically, s.VerticalFlip.At(view), 1)
	choice(paramQuarterTurns, s.QuarterTurn.At(view), 3)
	choice(paramDegrees, s.Rotate.At(view), max(s.RotateDegrees[1], 0)-min(s.RotateDegrees[0], 0))
	choice(paramJittered, s.Jitter.At(view), 1)
	factor := func(strength float64) float64 { return 1 + strength - max(0, 1-strength) }
	choice(paramBrightness, s.Jitter.At(view), factor(s.Brightness.At(view)))
	choice(paramContrast, s.Jitter.At(view), factor(s.Contrast.At(view)))
	if p.Channels == 3 {
		choice(paramSaturation, s.Jitter.At(view), factor(s.Saturation.At(view)))
		choice(paramHue, s.Jitter.At(view), 2*s.Hue.At(view))
		choice(paramGrayscaled, s.Grayscale.At(view)+s.ThreeAugment.At(view), 1)
	}
	// at most one after the other
	choice(paramBlurred, s.Blur.At(view)+s.ThreeAugment.At(view), math.Hypot(s.BlurSigma[1], s.BlurSigma[1]))
	choice(paramSolarized, s.Solarize.At(view)+s.ThreeAugment.At(view), 1)
	choice(paramEraseTop, s.Erase.At(view), 1)
	choice(paramEraseLeft, s.Erase.At(view), 1)
	choice(paramEraseHeight, s.Erase.At(view), 1)
	choice(paramEraseWidth, s.Erase.At(view), 1)
	return r
}
