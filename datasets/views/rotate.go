package views

import "math"

// FlipVertical mirrors top and bottom.
func FlipVertical(p Pixels) {
	n := p.W * p.C
	for y := range p.H / 2 {
		a, b := p.Pix[y*n:(y+1)*n], p.Pix[(p.H-1-y)*n:(p.H-y)*n]
		for i := range a {
			a[i], b[i] = b[i], a[i]
		}
	}
}

// Turn writes src turned by quarters of a circle, counter-clockwise, to dst: an odd number needs dst.H = src.W and
// dst.W = src.H.
func Turn(dst, src Pixels, quarters int) {
	for y := range dst.H {
		for x := range dst.W {
			sy, sx := y, x
			switch quarters & 3 {
			case 1:
				sy, sx = x, src.W-1-y
			case 2:
				sy, sx = src.H-1-y, src.W-1-x
			case 3:
				sy, sx = src.H-1-x, y
			}
			copy(dst.Pix[(y*dst.W+x)*dst.C:][:dst.C], src.Pix[(sy*src.W+sx)*src.C:][:src.C])
		}
	}
}

// Affine is a map of the plane about the centre of an image: an output pixel at (x, y) takes the source at (A x + B y +
// C, D x + E y + F).
type Affine struct{ A, B, C, D, E, F float64 }

// Rotation turns the image counter-clockwise.
func Rotation(degrees float64) Affine {
	s, c := math.Sincos(degrees * math.Pi / 180)
	return Affine{A: c, B: -s, D: s, E: c}
}

// Warp writes src seen through an affine map to dst of the same size; what lies outside is 0 (black), and a border that
// is partly outside fades; nearest takes the nearest pixel, else four are mixed. torchvision's affine and rotate on
// float tensors without fill.
func Warp(dst, src Pixels, m Affine, nearest bool) {
	cy, cx := float64(src.H-1)/2, float64(src.W-1)/2
	for y := range dst.H {
		for x := range dst.W {
			px, py := float64(x)-cx, float64(y)-cy
			sx, sy := m.A*px+m.B*py+m.C+cx, m.D*px+m.E*py+m.F+cy
			out := dst.Pix[(y*dst.W+x)*dst.C:][:dst.C]
			clear(out)
			if nearest {
				src.add(out, math.RoundToEven(sx), math.RoundToEven(sy), 1)
				continue
			}
			x0, y0 := math.Floor(sx), math.Floor(sy)
			fx, fy := sx-x0, sy-y0
			src.add(out, x0, y0, (1-fx)*(1-fy))
			src.add(out, x0+1, y0, fx*(1-fy))
			src.add(out, x0, y0+1, (1-fx)*fy)
			src.add(out, x0+1, y0+1, fx*fy)
		}
	}
}

// add adds w times the pixel at (x, y) to out; outside there is nothing.
func (p Pixels) add(out []float32, x, y, w float64) {
	if x < 0 || y < 0 || x >= float64(p.W) || y >= float64(p.H) {
		return
	}
	for c, v := range p.Pix[(int(y)*p.W+int(x))*p.C:][:p.C] {
		out[c] += float32(w) * v
	}
}
