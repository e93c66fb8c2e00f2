package views

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"selfsup/datasets/raster"
)

// TestGoldenRandAugment compares every operation of RandAugment with torchvision's, at two magnitudes and both signs.
func TestGoldenRandAugment(t *testing.T) {
	text, err := os.ReadFile("testdata/randaugment.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Shape [3]int
		Image []uint16
		Cases []struct {
			Op       string
			Bin      int
			Negative bool
			Y        []float32
		}
	}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	image := make([]byte, len(f.Image))
	for i, v := range f.Image {
		image[i] = byte(v)
	}
	seen := map[int]bool{}
	for _, c := range f.Cases {
		t.Run(fmt.Sprintf("%s bin %d negative %v", c.Op, c.Bin, c.Negative), func(t *testing.T) {
			p := Pixels{H: f.Shape[0], W: f.Shape[1], C: 3, Pix: make([]float32, len(image))}
			raster.Bytes(p.Pix, image)
			d := randomly{n: 1}
			for i, op := range randomOps {
				if strings.ReplaceAll(op.name, " ", "") == strings.ToLower(c.Op) {
					d.ops[0], seen[i] = randomOp{i, c.Negative}, true
				}
			}
			a := RandAugment{Magnitude: c.Bin}
			a.apply(p, &d, new(Scratch))
			for i, w := range c.Y {
				if diff := p.Pix[i] - w; diff > 2e-5 || diff < -2e-5 {
					t.Fatalf("row %d, column %d, channel %d: got %v, want %v", i/3/p.W, i/3%p.W, i%3, p.Pix[i], w)
				}
			}
		})
	}
	if len(seen) != len(randomOps) {
		t.Errorf("%d of %d operations were compared", len(seen), len(randomOps))
	}
}
