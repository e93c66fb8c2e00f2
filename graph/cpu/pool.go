package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

func bindPool(c *call) func() {
	o := c.spec.(op.PoolForward).Pool
	x, y, in, out := c.x[0], c.y, c.in[0].Shape, c.out.Shape
	h, w, oh, ow, ch := in[1], in[2], out[1], out[2], in[3]
	rows := max(1, rowsOf(ow*ch*o.Kernel[0]))
	return sweep(out[0]*oh, rows, func(from, to int) {
		for i := from; i < to; i++ {
			image := x[i/oh*h*w*ch:][:h*w*ch]
			r0, r1, nr := o.Window(0, i%oh, h)
			for j := range ow {
				c0, c1, nc := o.Window(1, j, w)
				pool(y[(i*ow+j)*ch:][:ch], image, w, r0, r1, c0, c1, o.Max)
				if !o.Max {
					p := y[(i*ow+j)*ch:][:ch]
					kern.Scale(p, p, 1/float32(nr*nc))
				}
			}
		}
	})
}

// pool is the sum or the maximum of a window of an image of w columns and len(y) channels.
func pool(y, image []float32, w, r0, r1, c0, c1 int, largest bool) {
	ch := len(y)
	copy(y, image[(r0*w+c0)*ch:])
	for r := r0; r < r1; r++ {
		for k := c0; k < c1; k++ {
			if r == r0 && k == c0 {
				continue
			}
			p := image[(r*w+k)*ch:][:ch]
			if largest {
				maximum(y, p)
			} else {
				kern.Add(y, y, p)
			}
		}
	}
}

func bindPoolGrad(c *call) func() {
	o := c.spec.(op.PoolBackward)
	dy, dx, out := c.x[0], c.y, c.in[0].Shape
	h, w, oh, ow, ch := o.X[1], o.X[2], out[1], out[2], out[3]
	var x []float32
	var places [][]int
	if o.Max {
		x, places = c.x[1], windowPlaces(o.Pool, h, w, oh, ow, ch)
	}
	return sweep(o.X[0], 1, func(b, _ int) {
		dx := dx[b*h*w*ch:][:h*w*ch]
		clear(dx)
		for i := range oh {
			r0, r1, nr := o.Window(0, i, h)
			for j := range ow {
				c0, c1, nc := o.Window(1, j, w)
				d := dy[((b*oh+i)*ow+j)*ch:][:ch]
				if o.Max {
					first := (r0*w + c0) * ch
					kern.GiveLargest(dx[first:], x[b*h*w*ch:][first:h*w*ch], d, places[i*ow+j])
				} else {
					giveAll(dx, d, 1/float32(nr*nc), w, r0, r1, c0, c1)
				}
			}
		}
	})
}

// windowPlaces lists where the pixels of each output's window are, in elements from its first.
func windowPlaces(o op.Pool, h, w, oh, ow, ch int) [][]int {
	places := make([][]int, oh*ow)
	kinds := map[[2]int][]int{} // by the window's size
	for i := range places {
		r0, r1, _ := o.Window(0, i/ow, h)
		c0, c1, _ := o.Window(1, i%ow, w)
		size := [2]int{r1 - r0, c1 - c0}
		if kinds[size] == nil {
			for p := range size[0] * size[1] {
				kinds[size] = append(kinds[size], (p/size[1]*w+p%size[1])*ch)
			}
		}
		places[i] = kinds[size]
	}
	return places
}

// giveAll adds s*d to every pixel of a window of dx.
func giveAll(dx, d []float32, s float32, w, r0, r1, c0, c1 int) {
	for r := r0; r < r1; r++ {
		for k := c0; k < c1; k++ {
			p := dx[(r*w+k)*len(d):][:len(d)]
			for i, v := range d {
				p[i] += s * v
			}
		}
	}
}
