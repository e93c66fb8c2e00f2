package views

import (
	"bytes"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// discs are images of a red disc on stripes of green, image i striped otherwise, so that every background differs.
func discs(n, side int) *datasets.Memory {
	m := &datasets.Memory{}
	for i := range n {
		img := datasets.Image{H: side, W: side, C: 3, Pix: make([]byte, side*side*3)}
		for y := range side {
			for x := range side {
				p := img.Pix[(y*side+x)*3:]
				p[1] = byte(60 + 40*((y/(i+1))%2) + 10*i)
				if dy, dx := y-side/2, x-side/2; dy*dy+dx*dx < side*side/9 {
					p[0], p[1] = 220, 30
				}
			}
		}
		m.Images = append(m.Images, img)
	}
	return m
}

// inside tells whether a pixel of discs is of the disc.
func inside(i, side int) bool {
	dy, dx := i/side-side/2, i%side-side/2
	return dy*dy+dx*dx < side*side/9
}

// The disc is salient, and nothing else; where all is alike nothing is.
func TestSalient(t *testing.T) {
	const side = 32
	var img datasets.Image
	if err := discs(3, side).Image(2, &img); err != nil {
		t.Fatal(err)
	}
	for i, is := range salient(&img) {
		if is != inside(i, side) {
			t.Fatalf("pixel (%d,%d) is salient: %v, want %v", i/side, i%side, is, !is)
		}
	}
	flat := datasets.Image{H: 8, W: 8, C: 1, Pix: bytes.Repeat([]byte{90}, 64)}
	if m := salient(&flat); m != nil {
		t.Errorf("of one grey level %v is salient, want nothing", m)
	}
}

// With probability 1 a view has its disc before the background of an image of the set, the same whenever it is made;
// views without it are as they were, bit for bit.
func TestCopyPaste(t *testing.T) {
	const side, n = 32, 4
	set := discs(n, side)
	make2 := func(probability ...float64) (views [2][]float32) {
		s := Defaults()
		s.CropArea, s.Flip, s.Jitter, s.Grayscale = [2]float64{1, 1}, PerView{0}, PerView{0}, PerView{0}
		s.CropRatio = [2]float64{1, 1}
		s.Mean, s.Std = []float64{0, 0, 0}, []float64{1, 1, 1}
		s.CopyPaste = probability
		p, err := New(s, &datasets.Data{Train: set, Channels: 3, Height: side, Width: side}, 2)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewMaker(set, p).Worker([]string{feed.View(0), feed.View(1)})
		if err != nil {
			t.Fatal(err)
		}
		to := []feed.Slot{{F32: make([]float32, p.Size())}, {F32: make([]float32, p.Size())}}
		if err := w.Make(to, 1, feed.Key{Seed: 3, Step: 5, Row: 1}); err != nil {
			t.Fatal(err)
		}
		return [2][]float32{to[0].F32, to[1].F32}
	}
	plain, second, both := make2(0), make2(0, 1), make2(1)
	same := func(a, b []float32) bool {
		for i := range a {
			if a[i] != b[i] {
				return false
			}
		}
		return true
	}
	if !same(plain[0], second[0]) || same(plain[1], second[1]) || !same(second[1], both[1]) {
		t.Errorf("the first view is as it was: %v, the second: %v; the second whatever the first has: %v",
			same(plain[0], second[0]), same(plain[1], second[1]), same(second[1], both[1]))
	}
	from := -1 // the image behind
	for k := range n {
		var img datasets.Image
		if err := set.Image(k, &img); err != nil {
			t.Fatal(err)
		}
		fits := true
		for i := range side * side {
			want := float32(img.Pix[i*3+1]) / 255
			if inside(i, side) {
				want = plain[1][i*3+1]
			}
			d := second[1][i*3+1] - want
			fits = fits && d < 1e-5 && d > -1e-5
		}
		if fits {
			from = k
		}
	}
	if from < 0 {
		t.Error("the view is no disc before the background of an image of the set")
	}
}
