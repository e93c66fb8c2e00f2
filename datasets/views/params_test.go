package views

import (
	"testing"

	"selfsup/datasets"
)

// What is said of the ranges of a view's parameters holds for draws of it: a column of range 0 never changes, another
// one does and stays within.
func TestRangesOfParams(t *testing.T) {
	img := &datasets.Image{H: 12, W: 10, C: 3, Pix: make([]byte, 360)}
	plain := Defaults()
	plain.CropArea, plain.CropRatio = [2]float64{1, 1}, [2]float64{10. / 12, 10. / 12}
	plain.Flip, plain.Jitter, plain.Grayscale = PerView{0}, PerView{0}, PerView{0}
	all := Defaults()
	all.Flip, all.Brightness, all.Blur, all.Solarize, all.Erase = PerView{0.5}, PerView{1.5}, PerView{0.5},
		PerView{0.2}, PerView{0.5}
	all.VerticalFlip, all.QuarterTurn, all.Rotate = PerView{0.5}, PerView{0.5}, PerView{0.5}
	all.Crop, all.BlurKernel = 8, 3
	some := Defaults()
	some.Flip, some.Hue, some.BlurKernel = PerView{0.5, 0}, PerView{0.1, 0}, 3
	for name, s := range map[string]Settings{"nothing": plain, "everything": all, "only the first view": some} {
		s.Mean, s.Std = []float64{0, 0, 0}, []float64{1, 1, 1}
		data := &datasets.Data{Train: &datasets.Memory{Images: []datasets.Image{*img}}, Channels: 3, Height: 12,
			Width: 10}
		p, err := New(s, data, 2)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for view := range 2 {
			lo, hi, row := make([]float64, paramCount), make([]float64, paramCount), make([]float32, paramCount)
			dst, scratch := make([]float32, p.ViewSize(view)), &Scratch{}
			for n := range 300 {
				if err := p.ViewParams(dst, row, img, 1, n, 0, view, scratch); err != nil {
					t.Fatal(err)
				}
				for c, v := range row {
					if n == 0 {
						lo[c], hi[c] = float64(v), float64(v)
					}
					lo[c], hi[c] = min(lo[c], float64(v)), max(hi[c], float64(v))
				}
			}
			for c, r := range p.ranges(view) {
				if d := hi[c] - lo[c]; d > r*(1+1e-5) || r > 0 && d < r/10 {
					t.Errorf("%s, view %d: %s is %v to %v, and its range is said to be %v", name, view, paramNames[c],
						lo[c], hi[c], r)
				}
			}
		}
	}
}
