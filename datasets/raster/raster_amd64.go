//go:build !noasm

package raster

import (
	"os"

	"golang.org/x/sys/cpu"
)

var fast = cpu.X86.HasAVX2 && os.Getenv("SELFSUP_CPU") != "generic"

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
	if !fast || n < 8 {
		return false
	}
	weighted256(&to[0], &from[0], uintptr(n&^7), &offset[0], &weight[0], uintptr(len(weight)))
	if n%8 != 0 {
		weighted256(&to[n-8], &from[n-8], 8, &offset[0], &weight[0], uintptr(len(weight)))
	}
	return true
}

func alongFast(to, from []float32, start, count []int, weight []float32, taps int) bool {
	if !fast {
		return false
	}
	along128(&to[0], &from[0], uintptr(len(start)), &start[0], &count[0], &weight[0], uintptr(taps))
	return true
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
