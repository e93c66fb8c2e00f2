package scenes

import (
	"math"

	"selfsup/datasets"
)

// Frame is what is to be seen of a scene at a time, with what is known of it.
type Frame struct {
	Image     datasets.Image // [S,S,3]
	Instances []uint8        // [S,S]: 0 the ground, k+1 object k
	Depth     []float32      // [S,S], of what a pixel shows
	// [S,S,2] where what a pixel shows is after a time, less where it is: pixels to the right and down
	Motion []float32
}

// Draw draws the frame at a time, in seconds; motion is until the given time after it.
func (s *Set) Draw(w *Scene, t, after float64, f *Frame) {
	n := s.Size * s.Size
	if len(f.Instances) != n {
		f.Instances, f.Depth, f.Motion = make([]uint8, n), make([]float32, n), make([]float32, 2*n)
	}
	s.draw(w, t, &f.Image, f.Instances)
	var depth [mostObjects + 1]float32
	var motion [mostObjects + 1][2]float32
	depth[0] = float32(w.Depth)
	for axis, v := range w.Camera {
		motion[0][axis] = float32(-v / w.Depth * after * float64(s.Size))
	}
	for k, o := range w.Objects {
		x, y := w.At(k, t)
		nextX, nextY := w.At(k, t+after)
		depth[k+1] = float32(o.Depth)
		motion[k+1] = [2]float32{float32((nextX - x) * float64(s.Size)), float32((nextY - y) * float64(s.Size))}
	}
	for i, k := range f.Instances {
		f.Depth[i] = depth[k]
		f.Motion[2*i], f.Motion[2*i+1] = motion[k][0], motion[k][1]
	}
}

// draw draws the pixels, and where asked which object each shows.
func (s *Set) draw(w *Scene, t float64, dst *datasets.Image, instances []uint8) {
	dst.Reshape(s.Size, s.Size, 3)
	s.drawGround(w, t, dst)
	clear(instances)
	for k := len(w.Objects) - 1; k >= 0; k-- {
		s.drawObject(w, k, t, dst, instances)
	}
}

// blend is the share of the second of two neighbours, of 256, as a place between them falls to it.
type blend struct {
	a, b  int // of the neighbours
	share uint32
}

// along is the pixels of an axis [S] as neighbours on a photograph's axis of n pixels, of which they show a part that
// begins at from, step apart. The photograph goes on mirrored beyond its edges.
func along(dst []blend, from, step float64, n, stride int) {
	for i := range dst {
		v := from + (float64(i)+0.5)*step - 0.5
		lo := math.Floor(v)
		dst[i] = blend{mirrored(int(lo), n) * stride, mirrored(int(lo)+1, n) * stride, uint32((v - lo) * 256)}
	}
}

// mirrored is a place of an axis of n pixels that goes on mirrored.
func mirrored(i, n int) int {
	i %= 2 * n
	if i < 0 {
		i += 2 * n
	}
	if i >= n {
		i = 2*n - 1 - i
	}
	return i
}

// drawGround draws the photograph as the camera sees it.
func (s *Set) drawGround(w *Scene, t float64, dst *datasets.Image) {
	all := s.grounds[w.Ground].levels
	shorter := float64(min(all[0].h, all[0].w))
	p := level(all, float64(s.Size)/w.crop[2])
	scale := float64(min(p.h, p.w)) / shorter
	side := w.crop[2] * shorter * scale // of the part, in pixels of the level
	step := side / float64(s.Size)
	var of [2][]blend
	for axis, n := range [2]int{p.w, p.h} {
		start := w.crop[axis]*(float64(n)-side) + w.Camera[axis]/w.Depth*t*side
		of[axis] = make([]blend, s.Size)
		along(of[axis], start, step, n, [2]int{3, 3 * p.w}[axis])
	}
	if w.mirrored { // the photograph is turned over; the camera still moves as it does
		for i := range of[0] {
			v := &of[0][i]
			v.a, v.b = 3*(p.w-1)-v.a, 3*(p.w-1)-v.b
		}
	}
	at := 0
	for _, row := range of[1] {
		upper, lower := p.pix[row.a:row.a+3*p.w], p.pix[row.b:row.b+3*p.w]
		for _, c := range of[0] {
			for k := range 3 {
				u := uint32(upper[c.a+k])*(256-c.share) + uint32(upper[c.b+k])*c.share
				l := uint32(lower[c.a+k])*(256-c.share) + uint32(lower[c.b+k])*c.share
				dst.Pix[at+k] = byte((u*(256-row.share) + l*row.share + 1<<15) >> 16)
			}
			at += 3
		}
	}
}

// drawObject draws object k over what is there.
func (s *Set) drawObject(w *Scene, k int, t float64, dst *datasets.Image, instances []uint8) {
	o := &w.Objects[k]
	size := float64(s.Size)
	x, y := w.At(k, t)
	cx, cy, side := x*size, y*size, o.Side*size
	p := level(s.drawings[o.Class*s.perClass+o.Drawing].levels, side)
	n := float64(p.w - 2)
	sin, cos := math.Sincos(o.Angle)
	reach := side / 2 * (math.Abs(sin) + math.Abs(cos))
	x0, x1 := max(int(cx-reach), 0), min(int(cx+reach)+1, s.Size)
	y0, y1 := max(int(cy-reach), 0), min(int(cy+reach)+1, s.Size)
	flip := 1.0
	if o.Mirrored {
		flip = -1
	}
	perPixel := n / side
	end := n + 1
	for py := y0; py < y1; py++ {
		dy := float64(py) + 0.5 - cy
		for px := x0; px < x1; px++ {
			dx := float64(px) + 0.5 - cx
			// in pixels of the drawing, whose border is one of them
			u := flip*(dx*cos+dy*sin)*perPixel + n/2 + 0.5
			v := (dy*cos-dx*sin)*perPixel + n/2 + 0.5
			if u < 0 || v < 0 || u >= end || v >= end {
				continue
			}
			iu, iv := int(u), int(v)
			fu, fv := uint32((u-float64(iu))*256), uint32((v-float64(iv))*256)
			at := 4 * (iv*p.w + iu)
			a, b := p.pix[at:at+8:at+8], p.pix[at+4*p.w:at+4*p.w+8]
			var c [4]uint32
			for j := range 4 {
				upper := uint32(a[j])*(256-fu) + uint32(a[4+j])*fu
				lower := uint32(b[j])*(256-fu) + uint32(b[4+j])*fu
				c[j] = (upper*(256-fv) + lower*fv + 1<<15) >> 16
			}
			if c[3] == 0 {
				continue
			}
			i := py*s.Size + px
			under := dst.Pix[3*i : 3*i+3]
			for j := range under {
				under[j] = byte(min(c[j]+(uint32(under[j])*(255-c[3])+127)/255, 255))
			}
			if instances != nil && c[3] >= 128 {
				instances[i] = uint8(k + 1)
			}
		}
	}
}

// leastSeen is the share of its square that has to be seen of an object for a box.
const leastSeen = 0.1

// Boxes appends the boxes of what is to be seen of the objects, nearest first, with their classes. instances are of a
// frame.
func (s *Set) Boxes(w *Scene, instances []uint8, dst []datasets.ClassBox) []datasets.ClassBox {
	type extent struct{ x0, y0, x1, y1, n int }
	var of [mostObjects + 1]extent
	for k := range of {
		of[k] = extent{s.Size, s.Size, 0, 0, 0}
	}
	for i, k := range instances {
		x, y := i%s.Size, i/s.Size
		e := &of[k]
		e.x0, e.y0, e.x1, e.y1 = min(e.x0, x), min(e.y0, y), max(e.x1, x+1), max(e.y1, y+1)
		e.n++
	}
	size := float64(s.Size)
	for k, o := range w.Objects {
		if e := of[k+1]; float64(e.n) >= leastSeen*o.Side*o.Side*size*size && e.n > 0 {
			dst = append(dst, datasets.ClassBox{Class: o.Class, Box: datasets.Box{X0: float64(e.x0) / size,
				Y0: float64(e.y0) / size, X1: float64(e.x1) / size, Y1: float64(e.y1) / size}})
		}
	}
	return dst
}
