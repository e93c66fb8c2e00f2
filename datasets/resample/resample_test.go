package resample

import (
	"fmt"
	"math"
	"testing"
)

// pattern is h x w x c bytes without symmetry.
func pattern(h, w, c int) []byte {
	b := make([]byte, h*w*c)
	for i := range b {
		b[i] = byte(i*i*7 + i*13 + i/5)
	}
	return b
}

// plain is one output by definition: every pixel of the box weighs kernel(distance / stretch) along both axes,
// normalised.
func plain(j Job, y, x, c int) float64 {
	weight := func(out, size, in, i int) float64 {
		scale := float64(in) / float64(size)
		return j.Filter.at((float64(i) + 0.5 - (float64(out)+0.5)*scale) / math.Max(scale, 1))
	}
	var sum, total float64
	for sy := range j.Box.Height {
		for sx := range j.Box.Width {
			w := weight(y, j.Size[0], j.Box.Height, sy) * weight(x, j.Size[1], j.Box.Width, sx)
			sum += w * float64(j.Src[((j.Box.Top+sy)*j.Width+j.Box.Left+sx)*j.Channels+c]) / 255
			total += w
		}
	}
	return sum / total
}

func TestRunAgainstPlainLoops(t *testing.T) {
	var r Resampler // shared, so that stale buffers would show
	for _, c := range []struct {
		h, w, c int
		box     Box
		size    [2]int
		window  Box
	}{
		{20, 30, 1, Box{0, 0, 20, 30}, [2]int{7, 8}, Box{}},
		{20, 30, 3, Box{3, 5, 11, 9}, [2]int{28, 28}, Box{}},
		{20, 30, 3, Box{0, 1, 20, 29}, [2]int{3, 40}, Box{1, 7, 2, 12}},
		{20, 30, 4, Box{2, 2, 16, 16}, [2]int{9, 5}, Box{}},
		{20, 30, 1, Box{19, 29, 1, 1}, [2]int{4, 4}, Box{}},
		{20, 30, 1, Box{4, 3, 10, 12}, [2]int{1, 1}, Box{}},
		{20, 30, 3, Box{4, 3, 10, 12}, [2]int{10, 12}, Box{2, 1, 5, 6}},
	} {
		for _, f := range []Filter{Bilinear, Bicubic} {
			t.Run(fmt.Sprintf("%v to %v, %d channels, filter %d", c.box, c.size, c.c, f), func(t *testing.T) {
				j := Job{Src: pattern(c.h, c.w, c.c), Width: c.w, Channels: c.c, Box: c.box, Size: c.size,
					Window: c.window, Filter: f}
				win := c.window
				if win == (Box{}) {
					win = Box{Height: c.size[0], Width: c.size[1]}
				}
				got := make([]float32, win.Height*win.Width*c.c)
				r.Run(got, j)
				for i, v := range got {
					y, x, ch := win.Top+i/c.c/win.Width, win.Left+i/c.c%win.Width, i%c.c
					if want := plain(j, y, x, ch); math.Abs(float64(v)-want) > 2e-6 {
						t.Fatalf("row %d, column %d, channel %d: got %v, want %v", y, x, ch, v, want)
					}
				}
			})
		}
	}
}

func TestCenter(t *testing.T) {
	for _, c := range []struct {
		h, w, size int
		full       [2]int
		window     Box
	}{
		{28, 28, 28, [2]int{28, 28}, Box{0, 0, 28, 28}},
		{20, 30, 10, [2]int{10, 15}, Box{0, 2, 10, 10}}, // 2.5 rounds to 2
		{30, 20, 9, [2]int{13, 9}, Box{2, 0, 9, 9}},
		{10, 13, 20, [2]int{20, 26}, Box{0, 3, 20, 20}},
		{1, 100, 4, [2]int{4, 400}, Box{0, 198, 4, 4}},
	} {
		j := Center(c.h, c.w, c.size)
		if j.Size != c.full || j.Window != c.window || j.Box != (Box{Height: c.h, Width: c.w}) {
			t.Errorf("%dx%d to %d: got %v, window %v of %v; want %v, window %v", c.h, c.w, c.size, j.Box, j.Window,
				j.Size, c.full, c.window)
		}
	}
}
