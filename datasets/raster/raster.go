// Package raster holds the arithmetic that views of images spend their time in: weighted sums of pixels and colour
// operations, over float32 with the channels last.
//
// Every function exists in plain Go, which defines it, and on amd64 in AVX2 or AVX-512 (generated, see internal/asmgen)
// with the same bits: products and sums are rounded one by one, in one order. SELFSUP_CPU=generic keeps to plain Go,
// SELFSUP_CPU=avx2 to AVX2.
package raster

//go:generate go run -C ../../internal/asmgen . -family raster -pkg raster -out ../../datasets/raster/raster_amd64.s -stubs ../../datasets/raster/raster_stubs_amd64.go

// Gray is luma with torchvision's rounded Rec. 601 weights.
func Gray(r, g, b float32) float32 { return 0.2989*r + 0.587*g + 0.114*b }

// Clip limits v to [0,1].
func Clip(v float32) float32 {
	if v < 0 {
		return 0
	}
	if v > 1 {
		return 1
	}
	return v
}

// Bytes writes from/255 to to.
func Bytes(to []float32, from []byte) {
	from = from[:len(to)]
	done := bytesFast(to, from)
	for i, b := range from[done:] {
		to[done+i] = unit[b]
	}
}

// unit is b/255, rounded once as a float32 division does.
var unit = func() (t [256]float32) {
	for b := range t {
		t[b] = float32(b) / 255
	}
	return t
}()

// Weighted makes to[i] the sum over k of weight[k]*from[offset[k]+i]. There is at least one weight, and from is long
// enough; to and from do not overlap.
func Weighted(to, from []float32, offset []int, weight []float32) {
	for _, o := range offset {
		_ = from[o : o+len(to)]
	}
	if weightedFast(to, from, offset, weight) {
		return
	}
	w := weight[0]
	for i, v := range from[offset[0]:][:len(to)] {
		to[i] = w * v
	}
	for k := 1; k < len(weight); k++ {
		w := weight[k]
		for i, v := range from[offset[k]:][:len(to)] {
			to[i] += w * v
		}
	}
}

// Scale makes every value v*factor + rest, limited to [0,1].
func Scale(p []float32, factor, rest float32) {
	done := scaleFast(p, factor, rest)
	for i, v := range p[done:] {
		p[done+i] = Clip(factor*v + rest)
	}
}

// Solarize inverts the values from threshold on.
func Solarize(p []float32, threshold float32) {
	done := solarizeFast(p, threshold)
	for i, v := range p[done:] {
		if v >= threshold {
			p[done+i] = 1 - v
		}
	}
}

// Normalize subtracts the mean of each of C channels, 1 or 3, and multiplies by its scale.
func Normalize(p, mean, scale []float32) {
	done := normalizeFast(p, mean, scale) // a multiple of 24
	c := len(mean)
	for i, v := range p[done:] {
		p[done+i] = (v - mean[i%c]) * scale[i%c]
	}
}

// The functions below take pixels of red, green and blue.

// Grays writes the gray of every pixel to to.
func Grays(to, p []float32) {
	done := graysFast(to, p)
	for i := done; i < len(to); i++ {
		to[i] = Gray(p[3*i], p[3*i+1], p[3*i+2])
	}
}

// Grayscale gives every channel of a pixel its gray.
func Grayscale(p []float32) {
	for i := 3 * grayscaleFast(p); i+2 < len(p); i += 3 {
		q := p[i : i+3 : i+3]
		v := Gray(q[0], q[1], q[2])
		q[0], q[1], q[2] = v, v, v
	}
}

// Saturate makes every value v*factor + gray*(1 - factor), limited to [0,1].
func Saturate(p []float32, factor float32) {
	for i := 3 * saturateFast(p, factor); i+2 < len(p); i += 3 {
		q := p[i : i+3 : i+3]
		rest := (1 - factor) * Gray(q[0], q[1], q[2])
		q[0], q[1], q[2] = Clip(factor*q[0]+rest), Clip(factor*q[1]+rest), Clip(factor*q[2]+rest)
	}
}
