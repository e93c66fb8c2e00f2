package views

import (
	"os"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/images/codec"
	"selfsup/datasets/resample"
	"selfsup/internal/shared"
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

// BenchmarkViews times one worker, two views an image: small images in memory; photographs of 640x427 and of 1411x1411
// decoded each time; the first decoded and shrunk to 256 pixels beforehand, as a packed set holds it.
func BenchmarkViews(b *testing.B) {
	run := func(b *testing.B, s Settings, load func(to *datasets.Image, choose func(h, w int) resample.Box)) {
		var img datasets.Image
		load(&img, resample.Whole)
		p, err := New(s, data(&datasets.Memory{Images: []datasets.Image{img}}), 2)
		if err != nil {
			b.Fatal(err)
		}
		dst, scratch, step := make([]float32, p.Size()), new(Scratch), 0
		choose := func(h, w int) resample.Box { return p.reads(1, step, 0, h, w) }
		b.ReportAllocs()
		for b.Loop() {
			load(&img, choose)
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
		run(b, peerSettings(32, false), func(to *datasets.Image, _ func(h, w int) resample.Box) {
			copyImage(to,
				small)
		})
	})
	photo := func(name string) []byte {
		file, err := os.ReadFile(shared.Data(b, "photos/"+name))
		if err != nil {
			b.Fatal(err)
		}
		return file
	}
	decoder := codec.Decoder{Channels: 3}
	decode := func(b *testing.B, file []byte, to *datasets.Image, choose func(h, w int) resample.Box) {
		if err := decoder.DecodePart(file, to, choose); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct{ name, file string }{{"224-blur-jpeg", "rocket.jpg"},
		{"224-blur-jpeg-1411", "retina.jpg"}} {
		file := photo(c.file)
		b.Run(c.name, func(b *testing.B) {
			run(b, peerSettings(224, true), func(to *datasets.Image, choose func(h, w int) resample.Box) {
				decode(b,
					file, to, choose)
			})
		})
	}
	var whole datasets.Image
	decode(b, photo("rocket.jpg"), &whole, resample.Whole)
	packed := shrunk(&whole, 256)
	b.Run("224-blur-pack", func(b *testing.B) {
		run(b, peerSettings(224, true), func(to *datasets.Image, _ func(h, w int) resample.Box) {
			copyImage(to,
				&packed)
		})
	})
}

func copyImage(to, from *datasets.Image) {
	to.H, to.W, to.C, to.Pix = from.H, from.W, from.C, append(to.Pix[:0], from.Pix...)
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
