package views

import (
	"bytes"
	"image"
	"image/draw"
	_ "image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/resample"
)

// peerSettings are SimCLR's views as the torchvision script has them that we compare with.
func peerSettings(size int, blur bool) Settings {
	s := Defaults()
	s.Crop, s.CropArea, s.CropRatio = size, [2]float64{0.2, 1}, [2]float64{3. / 4, 4. / 3}
	s.Mean, s.Std = []float64{0.5, 0.5, 0.5}, []float64{0.25, 0.25, 0.25}
	if blur {
		s.Blur, s.BlurKernel = PerView{0.5}, max(3, size/20*2+1)
	}
	return s
}

// BenchmarkViews times one worker, two views an image: small images in memory; a photograph decoded each time; the same photograph
// decoded and shrunk to 256 pixels beforehand, as a packed set holds it.
func BenchmarkViews(b *testing.B) {
	run := func(b *testing.B, s Settings, load func(*datasets.Image)) {
		var img datasets.Image
		load(&img)
		p, err := New(s, data(&datasets.Memory{Images: []datasets.Image{img}}), 2)
		if err != nil {
			b.Fatal(err)
		}
		dst, scratch, step := make([]float32, p.Size()), new(Scratch), 0
		b.ReportAllocs()
		for b.Loop() {
			load(&img)
			for v := range 2 {
				if err := p.View(dst, &img, 1, step, 0, v, scratch); err != nil {
					b.Fatal(err)
				}
			}
			step++
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
	}
	small := &noise(1, 32, 32, 3, 0).Images[0]
	b.Run("32", func(b *testing.B) {
		run(b, peerSettings(32, false), func(to *datasets.Image) { copyImage(to, small) })
	})
	file, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "photos", "rocket.jpg"))
	if dir := os.Getenv("SHARED_DIR"); err != nil && dir != "" {
		file, err = os.ReadFile(filepath.Join(dir, "data", "photos", "rocket.jpg"))
	}
	if err != nil {
		b.Logf("no photograph, the cases of 224 pixels are left out: %v", err)
		return
	}
	var photo datasets.Image
	decode(b, file, &photo)
	packed := shrunk(&photo, 256)
	b.Run("224-blur-jpeg", func(b *testing.B) {
		run(b, peerSettings(224, true), func(to *datasets.Image) { decode(b, file, to) })
	})
	b.Run("224-blur-pack", func(b *testing.B) {
		run(b, peerSettings(224, true), func(to *datasets.Image) { copyImage(to, &packed) })
	})
}

func copyImage(to, from *datasets.Image) {
	to.H, to.W, to.C, to.Pix = from.H, from.W, from.C, append(to.Pix[:0], from.Pix...)
}

func decode(b *testing.B, file []byte, to *datasets.Image) {
	m, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		b.Fatal(err)
	}
	rgba := image.NewRGBA(m.Bounds())
	draw.Draw(rgba, rgba.Rect, m, m.Bounds().Min, draw.Src)
	to.H, to.W, to.C = rgba.Rect.Dy(), rgba.Rect.Dx(), 3
	to.Pix = to.Pix[:0]
	for i := 0; i < len(rgba.Pix); i += 4 {
		to.Pix = append(to.Pix, rgba.Pix[i], rgba.Pix[i+1], rgba.Pix[i+2])
	}
}

// shrunk is an image whose shorter side is size.
func shrunk(img *datasets.Image, size int) datasets.Image {
	j := resample.Center(img.H, img.W, size)
	j.Src, j.Width, j.Channels, j.Window = img.Pix, img.W, img.C, resample.Box{}
	pix := make([]float32, j.Size[0]*j.Size[1]*img.C)
	new(resample.Resampler).Run(pix, j)
	m := datasets.Image{H: j.Size[0], W: j.Size[1], C: img.C, Pix: make([]byte, len(pix))}
	for i, v := range pix {
		m.Pix[i] = level(v)
	}
	return m
}
