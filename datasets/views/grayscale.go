package views

import "selfsup/datasets/raster"

// Grayscale gives every channel the luma 0.2989 R + 0.587 G + 0.114 B; a grey image stays as it is.
func Grayscale(p Pixels) {
	if p.C == 3 {
		raster.Grayscale(p.Pix)
	}
}
