package images

import (
	"bytes"
	"fmt"
	"image/png"
)

// hues are the names of the hues that a drawing's colour can have, each from an angle of the colour circle to the next
// one's, in degrees; what is before the first and after the last is the last.
var hues = []struct {
	name string
	from float64
}{{"orange", 18}, {"yellow", 44}, {"green", 70}, {"blue", 170}, {"purple", 262}, {"red", 335}}

// greyShare is the mean chroma of a drawing, in [0,1], below which it counts as grey.
const greyShare = 0.12

// dominantHue is the hue of most of a drawing's colour, or grey. Every pixel votes for its hue with its chroma, the
// difference of its largest and its smallest channel; white and other greys do not vote. b is PNG.
func dominantHue(b []byte) (string, error) {
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return "", fmt.Errorf("its colour: %w", err)
	}
	votes, drawn := make([]float64, len(hues)), 0
	r := img.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := img.At(x, y)
			red, green, blue, _ := c.RGBA()
			if min(red, green, blue) > 0xf000 {
				continue // white ground
			}
			drawn++
			hue, chroma := hueOf(float64(red)/0xffff, float64(green)/0xffff, float64(blue)/0xffff)
			at := len(hues) - 1
			for i, h := range hues {
				if hue >= h.from {
					at = i
				}
			}
			votes[at] += chroma
		}
	}
	best, sum := 0, 0.0
	for i, v := range votes {
		sum += v
		if v > votes[best] {
			best = i
		}
	}
	if sum <= greyShare*float64(drawn) {
		return "grey", nil
	}
	return hues[best].name, nil
}

// hueOf is a colour's place on the colour circle, in degrees from red, and its chroma, of channels in [0,1].
func hueOf(r, g, b float64) (degrees, chroma float64) {
	top := max(r, g, b)
	chroma = top - min(r, g, b)
	switch {
	case chroma == 0:
		return 0, 0
	case top == r:
		degrees = 60 * (g - b) / chroma
	case top == g:
		degrees = 60*(b-r)/chroma + 120
	default:
		degrees = 60*(r-g)/chroma + 240
	}
	if degrees < 0 {
		degrees += 360
	}
	return degrees, chroma
}
