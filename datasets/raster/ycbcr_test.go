//go:build amd64 && !noasm

package raster

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// Bytes divides every byte as float32 does.
func TestBytesDivide(t *testing.T) {
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	got, want := make([]float32, 256), make([]float32, 256)
	Bytes(got, all[:])
	for i := range want {
		want[i] = float32(i) / 255
	}
	same(t, got, want)
}

// The conversion gives the bytes of the plain Go for every luma, blue and red.
func TestYCbCr(t *testing.T) {
	if !fast {
		t.Skip("this processor has no AVX2")
	}
	const n = 256 * 256
	luma, cb, cr := make([]byte, n), make([]byte, n), make([]byte, n)
	for i := range n {
		luma[i], cr[i] = byte(i), byte(i>>8)
	}
	got, want := make([]byte, 3*n), make([]byte, 3*n)
	for b := range 256 {
		for i := range cb {
			cb[i] = byte(b)
		}
		YCbCr(got, luma, cb, cr)
		plain(func() { YCbCr(want, luma, cb, cr) })
		if !bytes.Equal(got, want) {
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("Y %d Cb %d Cr %d, channel %d: got %d, want %d", luma[i/3], b, cr[i/3], i%3, got[i],
						want[i])
				}
			}
		}
	}
}

// Rows of every length, and parts of them, double as in plain Go, and nothing beside them is read into them or written.
func TestDouble(t *testing.T) {
	if !fast {
		t.Skip("this processor has no AVX2")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := 1; n < 90; n++ {
		near, far := make([]byte, n), make([]byte, n)
		for i := range near {
			near[i], far[i] = byte(r.Uint32()), byte(r.Uint32())
			if n%3 == 0 {
				near[i], far[i] = near[i]&1*255, far[i]&1*255
			}
		}
		for range 20 {
			from := r.IntN(n)
			end := from + 1 + r.IntN(n-from)
			for name, f := range map[string]func(to []byte){
				"one row":  func(to []byte) { Double(to, near, from, end) },
				"two rows": func(to []byte) { DoubleBetween(to, near, far, from, end) },
				"convert":  func(to []byte) { YCbCr(to[:3*(n/2)], near[:n/2], far[:n/2], near[n-n/2:]) },
			} {
				got, want := bytes.Repeat([]byte{7}, 2*n+5), bytes.Repeat([]byte{7}, 2*n+5)
				f(got)
				plain(func() { f(want) })
				if !bytes.Equal(got, want) {
					t.Fatalf("%s, samples %s of %v and %v: got %v, want %v", name, fmt.Sprint(from, " to ", end), near,
						far, got, want)
				}
			}
		}
	}
}
