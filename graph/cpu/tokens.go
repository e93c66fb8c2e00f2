package cpu

import (
	"cmp"
	"math"
	"slices"
	"unsafe"

	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

func bindRandom(c *call) func() {
	o, key, step, y := c.spec.(op.RandomOp), c.x[0], c.x[1], c.y
	var stream uint64
	fill := sweep(len(y), block, func(from, to int) {
		for i := from; i < to; i++ {
			y[i] = float32(o.At(stream, i))
		}
	})
	return func() {
		stream = o.Stream(float64(key[0]), float64(key[1]), float64(step[0]))
		fill()
	}
}

func scratchArgsort(c *call) int { return 2 * c.out.Shape.Size() }

// bindArgsort sorts whole numbers that hold an element's order above and its place below.
func bindArgsort(c *call) func() {
	x, xi, y, k := c.x[0], c.xi[0], c.yi, c.out.Shape.Last()
	keys := unsafe.Slice((*uint64)(unsafe.Pointer(&c.scratch[0])), len(y))
	return sweep(len(y)/k, rowsOf(16*k), func(from, to int) {
		for i := from * k; i < to*k; i += k {
			row := keys[i : i+k]
			for j := range row {
				var order uint32
				if xi != nil {
					order = uint32(xi[i+j]) ^ 1<<31
				} else {
					order = rising(x[i+j])
				}
				row[j] = uint64(order)<<32 | uint64(j)
			}
			slices.Sort(row)
			for j, key := range row {
				y[i+j] = int32(uint32(key))
			}
		}
	})
}

// rising maps floats to whole numbers of the same order; both zeros are one.
func rising(v float32) uint32 {
	b := math.Float32bits(v)
	if v == 0 {
		b = 0
	}
	if b>>31 == 1 {
		return ^b
	}
	return b | 1<<31
}

func scratchTopK(c *call) int { return 2 * c.out.Shape.Size() }

// bindTopK keeps the best so far in order, as whole numbers that hold an element's order above and how early it is
// below; most elements are beaten by the last of them.
func bindTopK(c *call) func() {
	x, xi, y, n, k := c.x[0], c.xi[0], c.yi, c.in[0].Shape.Last(), c.out.Shape.Last()
	keys := unsafe.Slice((*uint64)(unsafe.Pointer(&c.scratch[0])), len(y))
	return sweep(len(y)/k, rowsOf(2*n), func(from, to int) {
		for i := from; i < to; i++ {
			best, used := keys[i*k:(i+1)*k], 0
			for j := range n {
				var order uint32
				if xi != nil {
					order = uint32(xi[i*n+j]) ^ 1<<31
				} else if order = rising(x[i*n+j]); x[i*n+j] != x[i*n+j] {
					order = math.MaxUint32
				}
				key := uint64(order)<<32 | uint64(math.MaxUint32-uint32(j))
				if used == k && key < best[k-1] {
					continue
				}
				at, _ := slices.BinarySearchFunc(best[:used], key, func(a, b uint64) int { return cmp.Compare(b, a) })
				used = min(used+1, k)
				copy(best[at+1:used], best[at:])
				best[at] = key
			}
			for j, key := range best {
				y[i*k+j] = int32(math.MaxUint32 - uint32(key))
			}
		}
	})
}

func bindGatherTokens(c *call) func() {
	x, ids, y := c.bits(0), c.xi[1], c.outBits()
	t, k, d := c.in[0].Shape[1], c.out.Shape[1], c.out.Shape[2]
	return sweep(len(ids), rowsOf(d), func(from, to int) {
		for i := from; i < to; i++ {
			image := x[i/k*t*d:][:t*d]
			copy(y[i*d:(i+1)*d], image[int(ids[i])*d:][:d])
		}
	})
}

// bindScatterTokens takes whole images, so that tokens are added in their order.
func bindScatterTokens(c *call) func() {
	x, ids, y := c.x[0], c.xi[1], c.y
	k, t, d := c.in[0].Shape[1], c.out.Shape[1], c.out.Shape[2]
	return sweep(c.out.Shape[0], rowsOf(t*d), func(from, to int) {
		for b := from; b < to; b++ {
			image := y[b*t*d : (b+1)*t*d]
			clear(image)
			for i := b * k; i < (b+1)*k; i++ {
				row := image[int(ids[i])*d:][:d]
				kern.Add(row, row, x[i*d:(i+1)*d])
			}
		}
	})
}
