package codec

import (
	"image"
	"image/draw"

	"selfsup/datasets"
)

// FromImage writes an image of the standard library to dst, whose memory it reuses, with 1 channel (grey) or 3. Alpha
// is dropped. What image/jpeg has decoded is made red, green and blue as image/color does it, which differs in last
// bits from Decoder.
func FromImage(dst *datasets.Image, src image.Image, channels int) error {
	b := src.Bounds()
	c := 3
	switch src.(type) {
	case *image.Gray, *image.Gray16:
		c = 1
	case *image.NRGBA, *image.RGBA:
	default:
		plain := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
		draw.Draw(plain, plain.Rect, src, b.Min, draw.Src)
		src = plain
	}
	dst.Reshape(b.Dy(), b.Dx(), c)
	if err := fill(dst, src, depth{}); err != nil {
		return err
	}
	dst.Convert(channels)
	return nil
}
