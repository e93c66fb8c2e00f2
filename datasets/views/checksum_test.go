package views

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"hash/crc32"
	"math"
	"os"
	"runtime"
	"testing"

	"selfsup/datasets"
)

var update = flag.Bool("update", false, "rewrite testdata/checksums.json")

// TestViewsKeepTheirBits holds the views of settings that recipes use to the bits they had when the file was written:
// whoever changes a draw or a rounding changes every published number. Other processors than amd64 may fuse products
// and sums, and so round otherwise.
func TestViewsKeepTheirBits(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skipf("checksums are of amd64, this is %s", runtime.GOARCH)
	}
	const file = "testdata/checksums.json"
	want := map[string]uint32{}
	if text, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]uint32{}
	for name, c := range map[string]struct {
		set    *datasets.Memory
		change func(*Settings)
	}{
		"defaults, grey 28":       {noise(7, 28, 28, 1, 0), func(*Settings) {}},
		"defaults, colour 32":     {noise(7, 32, 32, 3, 0), func(*Settings) {}},
		"defaults, 31x37":         {noise(7, 31, 37, 3, 0), func(*Settings) {}},
		"everything, mixed sizes": {noise(7, 30, 30, 3, 40), func(s *Settings) { *s = everything(); s.Crop = 27 }},
		"everything, grey":        {noise(7, 30, 30, 1, 40), func(s *Settings) { *s = everything(); s.Crop = 27 }},
		"large blur, shrunk": {noise(7, 90, 110, 3, 9), func(s *Settings) {
			s.Crop, s.Blur, s.Solarize = 64, PerView{1}, PerView{0.5}
		}},
		"pad": {noise(7, 32, 32, 3, 0), func(s *Settings) {
			s.Pad, s.CropArea = 4, [2]float64{1, 1}
		}},
		"every view grey, flipped": {noise(7, 24, 24, 3, 0), func(s *Settings) {
			s.Grayscale, s.Flip, s.Jitter = PerView{1}, PerView{1}, PerView{1}
		}},
		"constants, bicubic, shrunk": {noise(7, 50, 50, 3, 0), func(s *Settings) {
			s.Crop, s.Interpolation, s.Mean, s.Std = 16, "bicubic", []float64{0, 0, 0}, []float64{1, 1, 1}
		}},
	} {
		s := Defaults()
		c.change(&s)
		p := newPipeline(t, s, c.set, 2)
		dst, scratch := make([]float32, p.Size()), new(Scratch)
		var sum uint32
		var b [4]byte
		for i := range 40 {
			if err := p.View(dst, &c.set.Images[i%7], 3, i/5, i, i%2, scratch); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, v := range dst {
				binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
				sum = crc32.Update(sum, crc32.IEEETable, b[:])
			}
		}
		got[name] = sum
		if !*update && sum != want[name] {
			t.Errorf("%s: checksum of 40 views is %d, want %d", name, sum, want[name])
		}
	}
	if *update {
		text, _ := json.MarshalIndent(got, "", "\t")
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
