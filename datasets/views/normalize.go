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
