package kern

import "unsafe"

// channelSum is one call of the channel-by-channel kernel of depthwise convolutions: for every pixel p and channel c <
// n
//
//	dst[p*dstStep + c] (+)= sum over t < terms of src[soff[t] + p*srcStep + c] * w[woff[t] + c]
//
// with steps and offsets in bytes. The assembly knows this layout.
type channelSum struct {
	dst     unsafe.Pointer
	src     unsafe.Pointer
	w       unsafe.Pointer
	soff    *uintptr
	woff    *uintptr
	terms   uintptr
	n       uintptr
	add     uintptr // 0 overwrites, 1 adds
	pixels  uintptr // at least 1
	dstStep uintptr
	srcStep uintptr
}

// generic is the kernel in plain Go.
func (l *channelSum) generic() {
	for p := range l.pixels {
		for c := range l.n {
			d := at(l.dst, p*l.dstStep+c*floatSize)
			var s float32
			if l.add != 0 {
				s = *d
			}
			for t := range l.terms {
				s += *at(l.src, offset(l.soff, t)+p*l.srcStep+c*floatSize) * *at(l.w, offset(l.woff, t)+c*floatSize)
			}
			*d = s
		}
	}
}

func addGeneric(y, x []float32) {
	for i, v := range x {
		y[i] += v
	}
}
