package views

import "selfsup/datasets/raster"

// Solarize inverts the values from threshold on; threshold 1 is full scale.
func Solarize(p Pixels, threshold float32) { raster.Solarize(p.Pix, threshold) }
