package corruptions_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/corruptions"
)

// ramps are images whose values rise from left to right, of a side and a number of channels.
type ramps struct{ side, channels int }

func (ramps) Len() int          { return 3 }
func (ramps) Classes() []string { return nil }
func (ramps) Label(int) int     { return -1 }
func (ramps) Name(int) string   { return "ramp" }
func (r ramps) Image(_ int, dst *datasets.Image) error {
	dst.Reshape(r.side, r.side, r.channels)
	for k := range dst.Pix {
		dst.Pix[k] = byte(60 + 120*(k/r.channels%r.side)/r.side + 10*(k%r.channels))
	}
	return nil
}

// off is how far image i of a spoilt set is from the clean one, root mean square of 255, and its pixels.
func off(t *testing.T, r ramps, name string, severity, i int, seed uint64) (float64, []byte) {
	t.Helper()
	set, err := corruptions.Of(r, name, severity, seed)
	if err != nil {
		t.Fatal(err)
	}
	var got, clean datasets.Image
	if err := set.Image(i, &got); err != nil {
		t.Fatal(err)
	}
	r.Image(i, &clean)
	if got.H != clean.H || got.W != clean.W || got.C != clean.C {
		t.Fatalf("%s: an image of %dx%dx%d", name, got.H, got.W, got.C)
	}
	var sum float64
	for k, v := range got.Pix {
		d := float64(v) - float64(clean.Pix[k])
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(got.Pix))), got.Pix
}

// uneven are those whose severities differ in kind, not in how far pixels move alone.
var uneven = []string{"saturate", "elastic", "spatter", "snow", "fog", "frost"}

// Every corruption moves pixels, most further with its severity; it does the same to an image whenever it is asked, and
// where chance has part in it another thing to another image and seed. Grey images have no saturation.
func TestCorruptions(t *testing.T) {
	if n := len(corruptions.Names()); n != 19 {
		t.Fatalf("%d corruptions %v, want the 19 of the paper", n, corruptions.Names())
	}
	still := []string{"gaussian_blur", "defocus_blur", "brightness", "contrast", "pixelate", "jpeg", "zoom_blur",
		"saturate"}
	for _, name := range corruptions.Names() {
		for _, r := range []ramps{{28, 1}, {32, 3}, {80, 3}} {
			if name == "saturate" && r.channels == 1 {
				if moved, _ := off(t, r, name, 5, 0, 7); moved != 0 {
					t.Errorf("saturate moves grey pixels by %v", moved)
				}
				continue
			}
			last, pix := off(t, r, name, 3, 0, 7)
			_, again := off(t, r, name, 3, 0, 7)
			if !slices.Equal(pix, again) {
				t.Errorf("%s: an image is spoilt in two ways", name)
			}
			_, other := off(t, r, name, 3, 1, 7)
			_, seed := off(t, r, name, 3, 0, 8)
			if chance := !slices.Contains(still, name); slices.Equal(pix, other) == chance ||
				slices.Equal(pix, seed) == chance {
				t.Errorf("%s of %v: chance has part in it: want %v", name, r, chance)
			}
			if most, _ := off(t, r, name, corruptions.Severities, 0, 7); most == 0 || last == 0 && r.side >= 64 ||
				!(most > last) && !slices.Contains(uneven, name) {
				t.Errorf("%s of %v is off by %v at the last severity, by %v at the third", name, r, most, last)
			}
		}
	}
}

// The strengths are those of the paper's code.
func TestStrengths(t *testing.T) {
	small, large := ramps{32, 3}, ramps{80, 3}
	for _, c := range []struct {
		name        string
		r           ramps
		severity    int
		want, slack float64 // root mean square of 255
	}{
		{"gaussian_noise", small, 1, 0.04 * 255, 0.6},
		{"gaussian_noise", large, 2, 0.12 * 255, 0.9},
		{"speckle_noise", ramps{28, 1}, 3, 0.12 * 122, 0.9}, // the root mean square of 60 to 176
		{"brightness", ramps{28, 1}, 5, 0.3 * 255, 1},       // no value is cut off: 179 and 77
	} {
		if got, _ := off(t, c.r, c.name, c.severity, 0, 3); math.Abs(got-c.want) > c.slack {
			t.Errorf("%s of %v at severity %d is off by %v, want %v", c.name, c.r, c.severity, got, c.want)
		}
	}
	// Contrast 0.5 halves the distance from the mean.
	_, pix := off(t, ramps{28, 1}, "contrast", 2, 0, 1)
	var clean datasets.Image
	ramps{28, 1}.Image(0, &clean)
	mean := 0.0
	for _, v := range clean.Pix {
		mean += float64(v) / float64(len(clean.Pix))
	}
	for k, v := range pix {
		if want := (float64(clean.Pix[k])-mean)/2 + mean; math.Abs(float64(v)-want) > 0.51 {
			t.Fatalf("contrast: pixel %d is %d, want %v", k, v, want)
		}
	}
	// Shot noise has the variance value/photons: of a ramp, its mean is that of the ramp.
	_, pix = off(t, ramps{28, 1}, "shot_noise", 5, 0, 1)
	var got, squares float64
	for k, v := range pix {
		got += float64(v) / float64(len(pix))
		d := (float64(v) - float64(clean.Pix[k])) / 255
		squares += d * d / (float64(clean.Pix[k]) / 255) / float64(len(pix))
	}
	if math.Abs(got-mean) > 4 || math.Abs(squares*50-1) > 0.15 {
		t.Errorf("shot noise: mean %v, want %v; variance %v of that of 50 photons", got, mean, squares*50)
	}
	// Pixels of a cell are the same: 28 columns become 18.
	_, pix = off(t, ramps{28, 1}, "pixelate", 5, 0, 1)
	runs := 1
	for x := 1; x < 28; x++ {
		if pix[x] != pix[x-1] {
			runs++
		}
	}
	if runs != 18 {
		t.Errorf("pixelate leaves %d columns of 28, want 18", runs)
	}
}

func TestRefuses(t *testing.T) {
	if _, err := corruptions.Of(ramps{28, 1}, "rain", 1, 1); err == nil || !strings.Contains(err.Error(), `"rain"`) {
		t.Errorf("rain: %v", err)
	}
	if _, err := corruptions.Of(ramps{28, 1}, "contrast", 6, 1); err == nil || !strings.Contains(err.Error(),
		"severity 6") {
		t.Errorf("severity 6: %v", err)
	}
}
