package views

import "selfsup/datasets/raster"

// Normalize subtracts the mean and divides by the standard deviation of each channel.
func Normalize(p Pixels, mean, std []float32) {
	var scale [3]float32
	for c, s := range std {
		scale[c] = 1 / s
	}
	raster.Normalize(p.Pix, mean, scale[:len(std)])
}

// Range is black and white of each channel as views have them, normalised.
func (p *Pipeline) Range() (low, high []float32) {
	for c, mean := range p.Mean {
		scale := 1 / p.Std[c]
		low, high = append(low, (0-mean)*scale), append(high, (1-mean)*scale)
	}
	return low, high
}
