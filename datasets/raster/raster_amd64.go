//go:build !noasm

package raster

import (
	"os"

	"golang.org/x/sys/cpu"
)

var (
	fast = cpu.X86.HasAVX2 && os.Getenv("SELFSUP_CPU") != "generic"
	wide = fast && cpu.X86.HasAVX512F && os.Getenv("SELFSUP_CPU") != "avx2"
)

// The functions below do the part of the work that comes in whole vectors and return how much that is.

func bytesFast(to []float32, from []byte) int {
	n := len(to) / 8
	if !fast || n == 0 {
		return 0
	}
	bytes256(&to[0], &from[0], uintptr(n))
	return 8 * n
}

// weightedFast ends with a vector that overlaps the one before: all of to, or nothing.
func weightedFast(to, from []float32, offset []int, weight []float32) bool {
	n := len(to)
	if wide && n >= 16 {
		weighted512(&to[0], &from[0], uintptr(n&^15), &offset[0], &weight[0], uintptr(len(weight)))
		if n%16 != 0 {
			weighted512(&to[n-16], &from[n-16], 16, &offset[0], &weight[0], uintptr(len(weight)))
		}
		return true
	}
	if !fast || n < 8 {
		return false
	}
	weighted256(&to[0], &from[0], uintptr(n&^7), &offset[0], &weight[0], uintptr(len(weight)))
	if n%8 != 0 {
		weighted256(&to[n-8], &from[n-8], 8, &offset[0], &weight[0], uintptr(len(weight)))
	}
	return true
}

// alongFast takes four rows at a time.
func alongFast(to, from []float32, rows, toRow, fromRow int, t *Taps) bool {
	if !fast {
		return false
	}
	n, start, count, weight, most := uintptr(len(t.Start)), &t.Start[0], &t.Count[0], &t.Weight[0], uintptr(t.Most)
	y := 0
	for ; y+4 <= rows; y += 4 {
		along4(&to[y*toRow], &from[y*fromRow], n, start, count, weight, most, uintptr(toRow), uintptr(fromRow))
	}
	for ; y < rows; y++ {
		along128(&to[y*toRow], &from[y*fromRow], n, start, count, weight, most)
	}
	return true
}

func ycbcrFast(to, luma, cb, cr []byte) int {
	n := len(luma) / 16
	if !fast || n == 0 {
		return 0
	}
	ycbcr256(&to[0], &luma[0], &cb[0], &cr[0], uintptr(n))
	return 16 * n
}

// inner is how many blocks of sixteen samples from from, which is above 0, have a neighbour after them.
func inner(from, end, n int) int {
	if !fast {
		return 0
	}
	return (min(end, n-1) - from) / 16
}

func doubleFast(to, near []byte, from, end int) int {
	n := inner(from, end, len(near))
	if n <= 0 {
		return 0
	}
	double256(&to[2*from], &near[from], uintptr(n))
	return 16 * n
}

func betweenFast(to, near, far []byte, from, end int) int {
	n := inner(from, end, len(near))
	if n <= 0 {
		return 0
	}
	between256(&to[2*from], &near[from], &far[from], uintptr(n))
	return 16 * n
}

func scaleFast(p []float32, factor, rest float32) int {
	n := len(p) / 8
	if !fast || n == 0 {
		return 0
	}
	scale256(&p[0], uintptr(n), factor, rest)
	return 8 * n
}

func solarizeFast(p []float32, threshold float32) int {
	n := len(p) / 8
	if !fast || n == 0 {
		return 0
	}
	solarize256(&p[0], uintptr(n), threshold)
	return 8 * n
}

func normalizeFast(p, mean, scale []float32) int {
	n := len(p) / 24
	if !fast || n == 0 {
		return 0
	}
	var m, s [24]float32 // 24 values hold whole pixels of 1 and of 3 channels
	for i := range m {
		m[i], s[i] = mean[i%len(mean)], scale[i%len(mean)]
	}
	normalize256(&p[0], uintptr(n), &m[0], &s[0])
	return 24 * n
}

// whole is the number of blocks of eight pixels.
func whole(p []float32) uintptr {
	if !fast {
		return 0
	}
	return uintptr(len(p) / 24)
}

func graysFast(to, p []float32) int {
	n := whole(p[:3*len(to)])
	if n > 0 {
		grays256(&to[0], &p[0], n)
	}
	return int(8 * n)
}

func grayscaleFast(p []float32) int {
	n := whole(p)
	if n > 0 {
		grayscale256(&p[0], n)
	}
	return int(8 * n)
}

func saturateFast(p []float32, factor float32) int {
	n := whole(p)
	if n > 0 {
		saturate256(&p[0], n, factor, 1-factor)
	}
	return int(8 * n)
}

func hueFast(p []float32, shift float32) int {
	n := whole(p)
	if n > 0 {
		hue256(&p[0], n, shift)
	}
	return int(8 * n)
}
