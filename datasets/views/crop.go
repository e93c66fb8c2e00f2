package views

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/raster"
	"selfsup/datasets/resample"
)

// randomBox draws the crop of an inception-style random resized crop: a fraction of the area, uniform; a ratio width /
// height, uniform in its logarithm; ten tries, then the largest central box within the ratios. torchvision
// RandomResizedCrop.get_params.
func randomBox(r *datasets.Rand, h, w int, area, ratio [2]float64) resample.Box {
	lo, hi := math.Log(ratio[0]), math.Log(ratio[1])
	for range 10 {
		a := float64(h*w) * r.Uniform(area[0], area[1])
		q := math.Exp(r.Uniform(lo, hi))
		bw := int(math.RoundToEven(math.Sqrt(a * q)))
		bh := int(math.RoundToEven(math.Sqrt(a / q)))
		if bw > 0 && bh > 0 && bw <= w && bh <= h {
			return resample.Box{Top: r.Intn(h - bh + 1), Left: r.Intn(w - bw + 1), Height: bh, Width: bw}
		}
	}
	b := resample.Box{Height: h, Width: w}
	if in := float64(w) / float64(h); in < ratio[0] {
		b.Height = max(int(math.RoundToEven(float64(w)/ratio[0])), 1)
	} else if in > ratio[1] {
		b.Width = max(int(math.RoundToEven(float64(h)*ratio[1])), 1)
	}
	b.Top, b.Left = (h-b.Height)/2, (w-b.Width)/2
	return b
}

// windowFits tells whether a window of outH x outW pixels can be cut from an image padded by pad reflected pixels on
// each side.
func windowFits(h, w, pad, outH, outW int) error {
	if pad >= min(h, w) {
		return fmt.Errorf("pad = %d, but an image of %dx%d reflects at most %d pixels", pad, h, w, min(h, w)-1)
	}
	if outH > h+2*pad || outW > w+2*pad {
		return fmt.Errorf("a window of %dx%d does not fit an image of %dx%d padded by %d", outH, outW, h, w, pad)
	}
	return nil
}

// shifted copies the window of p.H x p.W pixels at (top, left) of the image padded by reflection.
func shifted(p Pixels, img *datasets.Image, pad, top, left int) {
	for y := range p.H {
		row := img.Pix[mirror(top+y-pad, img.H)*img.W*img.C:]
		out := p.Pix[y*p.W*p.C:]
		for x := range p.W {
			from := mirror(left+x-pad, img.W) * p.C
			raster.Bytes(out[x*p.C:(x+1)*p.C], row[from:from+p.C])
		}
	}
}
