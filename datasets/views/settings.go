package views

import (
	"fmt"
	"math"

	"selfsup/recipes/overlay"
)

// Settings is the [views] table of a recipe: how an image becomes a training view, in the order of the fields.
//
// The settings that decode as PerView may differ between views (BYOL, MoCo v3). Colour operations follow torchvision's
// float tensor arithmetic; on grey images saturation, hue and grayscale change nothing.
type Settings struct {
	overlay.Optional
	Crop      int        `toml:"crop"`       // output side in pixels; 0: the size of the set's images
	CropArea  [2]float64 `toml:"crop_area"`  // smallest and largest fraction of the image area; [1, 1] with pad
	CropRatio [2]float64 `toml:"crop_ratio"` // smallest and largest width / height of the crop
	// pixels; above 0: reflect this many on each side and cut an unscaled random window instead
	Pad           int    `toml:"pad"`
	Interpolation string `toml:"interpolation"` // bilinear | bicubic, antialiased; bicubic is clipped to [0,1]
	// views of several sizes, instead of crop and crop_area; the first table's size is evaluated
	Crops []Crops `toml:"crops"`

	Copying

	Flip PerView `toml:"flip"` // probability of a left-right flip
	Turns
	RandAugment

	Jitter     PerView `toml:"jitter"`     // probability of colour jitter: the four below in random order
	Brightness PerView `toml:"brightness"` // factor uniform in 1 -/+ this, not below 0
	Contrast   PerView `toml:"contrast"`   // the same
	Saturation PerView `toml:"saturation"` // the same
	Hue        PerView `toml:"hue"`        // shift uniform in -/+ this, in turns of the colour circle, at most 0.5

	Grayscale PerView `toml:"grayscale"` // probability

	Blur       PerView    `toml:"blur"`        // probability of a Gaussian blur
	BlurSigma  [2]float64 `toml:"blur_sigma"`  // standard deviation uniform in this range, pixels
	BlurKernel int        `toml:"blur_kernel"` // odd pixels; 0: a tenth of the output side, made odd, at least 3
	// gaussian, cut to blur_kernel | boxes: PIL's three box filters, which need no kernel
	BlurFilter string `toml:"blur_filter"`

	Solarize          PerView `toml:"solarize"`           // probability
	SolarizeThreshold float64 `toml:"solarize_threshold"` // grey level 0 to 256 from which a pixel is inverted

	Tones

	More

	// measured on the training set | imagenet | cifar10 | cifar100 | clip | half; where mean is empty
	Statistics string    `toml:"statistics"`
	Mean       []float64 `toml:"mean"` // per channel, in units of full scale
	Std        []float64 `toml:"std"`  // the same

	Erasing
}

// Defaults is SimCLR for small images: no blur, jitter strength 0.5. Chen et al. 2020, arXiv:2002.05709, app. A and
// B.9.
func Defaults() Settings {
	return Settings{
		CropArea: [2]float64{0.08, 1}, CropRatio: [2]float64{0.75, 1.3333}, Interpolation: "bilinear",
		Copying: Copying{CopyPaste: PerView{0}}, Flip: PerView{0.5},
		Jitter: PerView{0.8}, Brightness: PerView{0.4}, Contrast: PerView{0.4}, Saturation: PerView{0.4},
		Hue:       PerView{0.1},
		Grayscale: PerView{0.2},
		Blur:      PerView{0}, BlurSigma: [2]float64{0.1, 2}, BlurFilter: gaussianFilter,
		Solarize: PerView{0}, SolarizeThreshold: 128,
		Turns: Turns{VerticalFlip: PerView{0}, QuarterTurn: PerView{0}, Rotate: PerView{0},
			RotateDegrees: [2]float64{-30, 30}},
		RandAugment: RandAugment{RandAugment: PerView{0}, Operations: 2, Magnitude: 9},
		Tones: Tones{ThreeAugment: PerView{0}, Posterize: PerView{0}, PosterizeBits: 4, Equalize: PerView{0},
			Autocontrast: PerView{0},
			Sharpen:      PerView{0}, SharpenFactor: 2, Invert: PerView{0}},
		Statistics: Measured,
		Erasing: Erasing{Erase: PerView{0}, EraseArea: [2]float64{0.02, 0.33}, EraseRatio: [2]float64{0.3, 3.3},
			EraseValue: []float64{0}},
	}
}

// Validate checks the settings against images of h x w pixels (0 x 0 where sizes differ).
func (s *Settings) Validate(channels, h, w int) error {
	if err := s.validateCrop(h, w); err != nil {
		return fmt.Errorf("views: %w", err)
	}
	for _, p := range s.perView() {
		for _, v := range p.value {
			if v >= 0 && v <= p.max {
				continue
			}
			if p.max == math.MaxFloat64 {
				return fmt.Errorf("views: %s = %v, want %s of at least 0", p.key, v, p.what)
			}
			return fmt.Errorf("views: %s = %v, want %s from 0 to %v", p.key, v, p.what, p.max)
		}
	}
	outH, outW := s.size(h, w)
	for _, err := range []error{s.validateCrops(), s.Turns.validate(outH == outW), s.RandAugment.validate(),
		s.Tones.validate(), s.Erasing.validate(channels), s.validateStatistics(channels)} {
		if err != nil {
			return fmt.Errorf("views: %w", err)
		}
	}
	k := s.kernel(min(outH, outW))
	switch {
	case s.BlurFilter == boxesFilter && s.BlurKernel != 0:
		return fmt.Errorf("views: blur_kernel = %d with blur_filter = %q, which has no kernel; want blur_kernel = 0",
			s.BlurKernel, boxesFilter)
	case s.BlurFilter == boxesFilter && s.BlurSigma[1] > maxBoxSigma:
		return fmt.Errorf("views: blur_sigma = %v, want at most %v pixels with blur_filter = %q", s.BlurSigma,
			maxBoxSigma, boxesFilter)
	case s.BlurFilter != gaussianFilter && s.BlurFilter != boxesFilter:
		return fmt.Errorf("views: blur_filter = %q, want %q or %q", s.BlurFilter, gaussianFilter, boxesFilter)
	case !(s.BlurSigma[0] > 0 && s.BlurSigma[0] <= s.BlurSigma[1] && !math.IsInf(s.BlurSigma[1], 1)):
		return fmt.Errorf("views: blur_sigma = %v, want [smallest, largest] in pixels, above 0", s.BlurSigma)
	case s.BlurKernel < 0 || s.BlurKernel > 0 && s.BlurKernel%2 == 0:
		return fmt.Errorf("views: blur_kernel = %d, want an odd number of pixels, or 0 for a tenth of the side",
			s.BlurKernel)
	case s.blurs() && k/2 >= min(outH, outW):
		return fmt.Errorf("views: blur_kernel = %d reaches past a view of %dx%d, want at most %d", k, outH, outW,
			2*min(outH, outW)-1)
	case !(s.SolarizeThreshold >= 0 && s.SolarizeThreshold <= 256):
		return fmt.Errorf("views: solarize_threshold = %v, want a grey level from 0 to 256", s.SolarizeThreshold)
	case len(s.Mean) != len(s.Std):
		return fmt.Errorf("views: mean has %d values and std %d; give both or neither", len(s.Mean), len(s.Std))
	case len(s.Mean) != 0 && len(s.Mean) != channels:
		return fmt.Errorf("views: mean = %v, want %d values, one a channel", s.Mean, channels)
	}
	for i, v := range s.Std {
		if !(v > 0) || math.IsInf(v, 1) || math.IsNaN(s.Mean[i]) || math.IsInf(s.Mean[i], 0) {
			return fmt.Errorf("views: mean = %v, std = %v, want finite numbers, std above 0 (byte 255 is 1)", s.Mean,
				s.Std)
		}
	}
	return nil
}

// perViewSetting is a setting that may differ between views.
type perViewSetting struct {
	key   string
	value PerView
	max   float64 // the smallest is 0
	what  string
}

// perView lists them.
func (s *Settings) perView() []perViewSetting {
	const probability = "a probability"
	return []perViewSetting{
		{"copy_paste", s.CopyPaste, 1, probability},
		{"flip", s.Flip, 1, probability},
		{"jitter", s.Jitter, 1, probability},
		{"grayscale", s.Grayscale, 1, probability},
		{"blur", s.Blur, 1, probability},
		{"solarize", s.Solarize, 1, probability},
		{"vertical_flip", s.VerticalFlip, 1, probability},
		{"quarter_turn", s.QuarterTurn, 1, probability},
		{"rotate", s.Rotate, 1, probability},
		{"rand_augment", s.RandAugment.RandAugment, 1, probability},
		{"three_augment", s.ThreeAugment, 1, probability},
		{"posterize", s.Posterize, 1, probability},
		{"equalize", s.Equalize, 1, probability},
		{"autocontrast", s.Autocontrast, 1, probability},
		{"sharpen", s.Sharpen, 1, probability},
		{"invert", s.Invert, 1, probability},
		{"erase", s.Erase, 1, probability},
		{"brightness", s.Brightness, math.MaxFloat64, "a strength"},
		{"contrast", s.Contrast, math.MaxFloat64, "a strength"},
		{"saturation", s.Saturation, math.MaxFloat64, "a strength"},
		{"hue", s.Hue, 0.5, "a strength in turns"},
	}
}

// Values of blur_filter.
const (
	gaussianFilter = "gaussian"
	boxesFilter    = "boxes"

	maxBoxSigma = 1000 // pixels: the boxes grow with it
)

// blurs tells whether some view is convolved with a kernel.
func (s *Settings) blurs() bool {
	return s.BlurFilter == gaussianFilter && (s.Blur.any() || s.ThreeAugment.any())
}

func (s *Settings) validateCrop(h, w int) error {
	switch {
	case s.Crop < 0:
		return fmt.Errorf("crop = %d, want pixels, or 0 for the size of the images", s.Crop)
	case s.Crop == 0 && len(s.Crops) == 0 && (h == 0 || w == 0):
		return fmt.Errorf("crop = 0, but the images differ in size; want the side of a view in pixels")
	case !(s.CropArea[0] > 0 && s.CropArea[0] <= s.CropArea[1] && s.CropArea[1] <= 1):
		return fmt.Errorf("crop_area = %v, want [smallest, largest] fraction of the area, above 0 and at most 1",
			s.CropArea)
	case !(s.CropRatio[0] > 0 && s.CropRatio[0] <= s.CropRatio[1] && !math.IsInf(s.CropRatio[1], 1)):
		return fmt.Errorf("crop_ratio = %v, want [smallest, largest] width / height, above 0", s.CropRatio)
	case s.Interpolation != "bilinear" && s.Interpolation != "bicubic":
		return fmt.Errorf("interpolation = %q, want \"bilinear\" or \"bicubic\"", s.Interpolation)
	case s.Pad < 0:
		return fmt.Errorf("pad = %d, want pixels, at least 0", s.Pad)
	case s.Pad > 0 && s.CropArea != [2]float64{1, 1}:
		return fmt.Errorf("pad = %d with crop_area = %v: a shifted window is not scaled, want crop_area = [1, 1]",
			s.Pad, s.CropArea)
	case s.Pad > 0 && h > 0 && w > 0:
		outH, outW := s.size(h, w)
		return windowFits(h, w, s.Pad, outH, outW)
	}
	return nil
}

// size is the height and width of the first view of images of h x w pixels.
func (s *Settings) size(h, w int) (int, int) {
	if len(s.Crops) > 0 {
		return s.Crops[0].Size, s.Crops[0].Size
	}
	if s.Crop > 0 {
		return s.Crop, s.Crop
	}
	return h, w
}

// kernel is the side of the blur for a view of this side, both in pixels.
func (s *Settings) kernel(side int) int {
	if s.BlurKernel > 0 {
		return s.BlurKernel
	}
	return max(side/10|1, 3)
}
