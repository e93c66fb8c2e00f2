package filetest

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// Tones writes 40 recordings of two kinds and a recipe of CPC beside them, which it returns.
func Tones(t testing.TB) (recipe string) {
	files := map[string][]byte{"waves.toml": []byte(`
name = "waves"
[dataset.wav]
train = "sounds"
[windows]
length = 320
fixed = "end"
[backbone.wave]
width = 8
kernels = [8, 4]
strides = [4, 4]
context = 8
[method.cpc]
predictions = 3
[optimizer.adamw]
[train]
batch = 16
length = "4 steps"
[evaluate.knn]
`)}
	for i := range 40 {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		x := make([]float64, 200+r.IntN(300))
		for at := range x {
			x[at] = 0.5*math.Sin(float64(at*(1+i%2))/5) + 0.4*r.Float64() - 0.2
		}
		files[fmt.Sprintf("sounds/%d/%d.wav", i%2, i)] = Samples(8000, 1, x)
	}
	return filepath.Join(Tree(t, files), "waves.toml")
}

// Films writes 8 sequences of frames of two kinds and a recipe of SimCLR beside them, which it returns.
func Films(t testing.TB) (recipe string) {
	files := map[string][]byte{"clips.toml": []byte(`
name = "clips"
[dataset.clips]
train = "films"
length = 5
[views]
crop_area = [0.5, 1.0]
[clips]
frames = 2
stride = [2, 3]
fixed = "end"
[backbone.per_frame.tower.convnet]
widths = [8, 16]
[method.simclr]
projector = [8]
[optimizer.adamw]
[train]
batch = 8
length = "4 steps"
[evaluate.knn]
`)}
	for s := range 8 {
		for f := range 25 {
			m := image.NewRGBA(image.Rect(0, 0, 16, 16))
			for i := range 256 {
				m.Set(i%16, i/16, color.RGBA{uint8(40*s + i), uint8(i * (1 + s%2)), uint8(9 * f), 255})
			}
			files[fmt.Sprintf("films/%d/%d/%03d.png", s%2, s, f)] = Encoded(t, "x.png", m)
		}
	}
	return filepath.Join(Tree(t, files), "clips.toml")
}
