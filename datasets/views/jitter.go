package views

import "selfsup/datasets/raster"

// Brightness multiplies by factor and clips to [0,1].
func Brightness(p Pixels, factor float32) { raster.Scale(p.Pix, factor, 0) }

// Contrast moves every pixel away from the mean of the gray image by factor and clips to [0,1].
func Contrast(p Pixels, factor float32) {
	raster.Scale(p.Pix, factor, (1-factor)*float32(graySum(p)/float64(p.H*p.W)))
}

// graySum adds up the gray image in float64, so that the sum depends on no blocking.
func graySum(p Pixels) (sum float64) {
	if p.C != 3 {
		for _, v := range p.Pix {
			sum += float64(v)
		}
		return sum
	}
	var gray [512]float32
	for i := 0; i < len(p.Pix); i += 3 * len(gray) {
		part := p.Pix[i:min(i+3*len(gray), len(p.Pix))]
		raster.Grays(gray[:len(part)/3], part)
		for _, v := range gray[:len(part)/3] {
			sum += float64(v)
		}
	}
	return sum
}

// Saturation moves every pixel away from its gray by factor and clips to [0,1]; a grey image stays as it is.
func Saturation(p Pixels, factor float32) {
	if p.C == 3 {
		raster.Saturate(p.Pix, factor)
	}
}

// Hue turns the colour circle of HSV by shift turns, -0.5 to 0.5; a grey image stays as it is. Values have to be in
// [0,1].
func Hue(p Pixels, shift float32) {
	if p.C == 3 {
		raster.Hue(p.Pix, shift)
	}
}
