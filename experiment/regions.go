package experiment

import (
	"context"
	"math"

	"selfsup/datasets"
	"selfsup/graph"
	"selfsup/graph/ir"
)

// regions is what the frozen image tower of a Store makes of boxes of the test images, image after image. What it is
// shown of a box is a square around it, widened by a factor and moved into the image, as the evaluation shows an image.
func (s *Setup) regions(ctx context.Context, st *graph.Store, boxes [][]datasets.Box, widen float64) ([]float32,
	error) {
	_, set := s.Data.Images()
	image, _, err := s.tower(st, false)
	if err != nil {
		return nil, err
	}
	cut := &datasets.Memory{Origin: "boxes of the test set"}
	var whole datasets.Image
	for i, list := range boxes {
		if err := set.Image(i, &whole); err != nil {
			return nil, &DataError{err}
		}
		for _, b := range list {
			cut.Images = append(cut.Images, squareAround(&whole, b, widen))
		}
	}
	return image(ctx, cut.Len(), func(in ir.Array, from, to int) error {
		rows := make([]int32, to-from)
		for k := range rows {
			rows[k] = int32(from + k)
		}
		if err := s.Views.EvalBatch(in.F32[:len(rows)*s.Views.Size()], cut, rows); err != nil {
			return &DataError{err}
		}
		return nil
	})
}

// squareAround copies the pixels of a square around a box, its side the larger of the box's times a factor, at most the
// shorter side of the image.
func squareAround(m *datasets.Image, b datasets.Box, widen float64) (out datasets.Image) {
	h, w := float64(m.H), float64(m.W)
	side := int(math.Round(widen * max((b.X1-b.X0)*w, (b.Y1-b.Y0)*h)))
	side = min(max(side, 1), m.H, m.W)
	place := func(centre float64, n int) int {
		return min(max(int(math.Round(centre-float64(side)/2)), 0), n-side)
	}
	x, y := place((b.X0+b.X1)/2*w, m.W), place((b.Y0+b.Y1)/2*h, m.H)
	out.Reshape(side, side, m.C)
	for row := range side {
		copy(out.Pix[row*side*m.C:(row+1)*side*m.C], m.Pix[((y+row)*m.W+x)*m.C:])
	}
	return out
}
