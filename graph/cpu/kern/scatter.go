package kern

import "unsafe"

// scatter copies rows of 32 floats, the sums of a tile: row p*images + i to dst + p*pixelStep + i*imageStep, in bytes.
// The assembly knows this layout.
type scatter struct {
	dst, src             unsafe.Pointer
	images, pixels       uintptr // at least 1
	imageStep, pixelStep uintptr
}

const scatterRow = 32 // floats

func (s *scatter) generic() {
	src := s.src
	for p := range s.pixels {
		for i := range s.images {
			*(*[scatterRow]float32)(unsafe.Add(s.dst, p*s.pixelStep+i*s.imageStep)) = *(*[scatterRow]float32)(src)
			src = unsafe.Add(src, scatterRow*floatSize)
		}
	}
}
