package codec

import (
	"os"
	"path/filepath"
	"testing"

	"selfsup/datasets"
	"selfsup/internal/shared"
)

// Damage to real files gives an error, or pixels: never a panic, and never a message without what was read.
func TestRealDamage(t *testing.T) {
	dir := shared.Data(t, "photos")
	var d Decoder
	var m datasets.Image
	for _, name := range []string{"rocket.jpg", "chelsea.png"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r := datasets.NewRand(1, "damage/"+name)
		for range 20 {
			bad := append([]byte(nil), b...)
			for range 1 + r.Intn(4) {
				bad[r.Intn(len(bad))] ^= 1 << r.Intn(8)
			}
			if err := d.Decode(bad, &m); err == nil && len(m.Pix) != m.H*m.W*m.C {
				t.Errorf("%s: %dx%dx%d with %d bytes", name, m.H, m.W, m.C, len(m.Pix))
			}
			if err := d.Decode(b[:r.Intn(len(b)-len(b)/4)], &m); err == nil {
				t.Errorf("%s: a quarter is missing, and it decodes", name)
			}
		}
	}
}

func BenchmarkRocket(b *testing.B) {
	file, err := os.ReadFile(shared.Data(b, "photos/rocket.jpg"))
	if err != nil {
		b.Fatal(err)
	}
	var d Decoder
	var m datasets.Image
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(file, &m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*m.H*m.W)/b.Elapsed().Seconds()/1e6, "Mpixel/s")
}
