package raster

// YCbCr writes the red, green and blue of pixels whose luma and chroma are given, one sample a pixel, to to
// [len(luma),3]: the conversion of JFIF 1.02, p. 3, in 16-bit fixed point.
func YCbCr(to, luma, cb, cr []byte) {
	n := len(luma)
	to, cb, cr = to[:3*n], cb[:n], cr[:n]
	for x := ycbcrFast(to, luma, cb, cr); x < n; x++ {
		y, b, r := int32(luma[x]), int32(cb[x])-128, int32(cr[x])-128
		p := to[3*x : 3*x+3 : 3*x+3]
		p[0] = saturate(y + (91881*r+1<<15)>>16)
		p[1] = saturate(y + (-22554*b-46802*r+1<<15)>>16)
		p[2] = saturate(y + (116130*b+1<<15)>>16)
	}
}

func saturate(v int32) byte {
	if uint32(v) > 255 {
		v = ^(v >> 31)
	}
	return byte(v)
}

// Double writes two samples to to for each of near[from:end], of which the first stands at to[2*from]: a triangle
// filter along the row, 3/4 the sample and 1/4 its neighbour, with the rounding of libjpeg's h2v1. The row's ends are
// their own neighbours.
func Double(to, near []byte, from, end int) {
	last := len(near) - 1
	to = to[:2*end]
	for i := from; i < end; i++ {
		if i > 0 {
			i += doubleFast(to, near, i, end)
			if i == end {
				break
			}
		}
		here := 3 * int(near[i])
		to[2*i] = byte((here + int(near[max(i-1, 0)]) + 1) >> 2)
		to[2*i+1] = byte((here + int(near[min(i+1, last)]) + 2) >> 2)
	}
}

// DoubleBetween is Double of a row that lies between two, 3/4 near and 1/4 far, with the rounding of libjpeg's h2v2.
func DoubleBetween(to, near, far []byte, from, end int) {
	last := len(near) - 1
	far, to = far[:len(near)], to[:2*end]
	at := func(i int) int { return 3*int(near[i]) + int(far[i]) }
	for i := from; i < end; i++ {
		if i > 0 {
			i += betweenFast(to, near, far, i, end)
			if i == end {
				break
			}
		}
		here := 3 * at(i)
		to[2*i] = byte((here + at(max(i-1, 0)) + 8) >> 4)
		to[2*i+1] = byte((here + at(min(i+1, last)) + 7) >> 4)
	}
}
