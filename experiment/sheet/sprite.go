package sheet

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
)

// spriteQuality is that of the JPEG file of a sprite: half of what 95 needs, and hardly to be told from it at a
// thumbnail's size.
const spriteQuality = 80

// Sprite draws cells of at most side x side pixels into one JPEG file, so many in a row, each in the middle of its
// square.
func Sprite(cells []Cell, side int) (file []byte, columns int, err error) {
	if len(cells) == 0 || side < 1 {
		return nil, 0, fmt.Errorf("sprite: %d cells of %d pixels; want at least one of each", len(cells), side)
	}
	columns = int(math.Ceil(math.Sqrt(float64(len(cells)))))
	m := image.NewRGBA(image.Rect(0, 0, columns*side, (len(cells)+columns-1)/columns*side))
	draw.Draw(m, m.Rect, image.NewUniform(color.Gray{128}), image.Point{}, draw.Src)
	for i, c := range cells {
		if c.H < 1 || c.W < 1 || c.H > side || c.W > side || c.C != 1 && c.C != 3 || len(c.Pix) != c.H*c.W*c.C {
			return nil, 0, fmt.Errorf("sprite: cell %d has %d values as an image of %dx%dx%d; want at most %dx%d of 1 "+
				"or 3 channels", i, len(c.Pix), c.H, c.W, c.C, side, side)
		}
		left, top := i%columns*side+(side-c.W)/2, i/columns*side+(side-c.H)/2
		for y := range c.H {
			for x := range c.W {
				p := c.Pix[(y*c.W+x)*c.C:][:c.C]
				m.SetRGBA(left+x, top+y, color.RGBA{grey(p[0]), grey(p[c.C/2]), grey(p[c.C-1]), 0xff})
			}
		}
	}
	var b bytes.Buffer
	err = jpeg.Encode(&b, m, &jpeg.Options{Quality: spriteQuality})
	return b.Bytes(), columns, err
}
