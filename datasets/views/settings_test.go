package views

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestPerViewRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     PerView
		out      string
	}{
		{"number", "flip = 0.5", PerView{0.5}, "flip = 0.5"},
		{"integer", "flip = 1", PerView{1}, "flip = 1.0"},
		{"list", "flip = [1.0, 0.1]", PerView{1, 0.1}, "flip = [1.0, 0.1]"},
		{"mixed list", "flip = [0, 0.25]", PerView{0, 0.25}, "flip = [0.0, 0.25]"},
		{"list of one", "flip = [0.3]", PerView{0.3}, "flip = 0.3"},
		{"small", "flip = 1e-9", PerView{1e-9}, "flip = 1e-09"},
		{"large", "flip = 1e21", PerView{1e21}, "flip = 1e+21"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Settings
			md, err := toml.Decode(c.in, &s)
			if err != nil || !reflect.DeepEqual(s.Flip, c.want) {
				t.Fatalf("%s: got %v (%v), want %v", c.in, s.Flip, err, c.want)
			}
			if u := md.Undecoded(); len(u) != 0 {
				t.Errorf("%s: undecoded keys %v, want none", c.in, u)
			}
			var b bytes.Buffer
			if err := toml.NewEncoder(&b).Encode(struct {
				Flip PerView `toml:"flip"`
			}{s.Flip}); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(b.String()); got != c.out {
				t.Errorf("%s: written as %q, want %q", c.in, got, c.out)
			}
			var back Settings
			if _, err := toml.Decode(b.String(), &back); err != nil || !reflect.DeepEqual(back.Flip, c.want) {
				t.Errorf("%s: read back as %v (%v), want %v", b.String(), back.Flip, err, c.want)
			}
		})
	}
}

func TestPerViewErrors(t *testing.T) {
	for _, in := range []string{`flip = "often"`, `flip = []`, `flip = [0.1, "x"]`, `flip = true`} {
		var s Settings
		if _, err := toml.Decode(in, &s); err == nil {
			t.Errorf("%s: decoded as %v, want an error", in, s.Flip)
		}
	}
}

func TestSettingsRoundTrip(t *testing.T) {
	want := Defaults()
	want.Crop, want.Solarize, want.Mean, want.Std = 28, PerView{0, 0.2}, []float64{0.25}, []float64{0.5}
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(want); err != nil {
		t.Fatal(err)
	}
	got := Defaults() // an overlay on the defaults, as recipes are read
	md, err := toml.Decode(b.String(), &got)
	if err != nil || len(md.Undecoded()) != 0 {
		t.Fatalf("%v, undecoded %v in:\n%s", err, md.Undecoded(), b.String())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v\nfrom:\n%s", got, want, b.String())
	}
}

func TestValidate(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name    string
		change  func(*Settings)
		h, w    int
		message string // empty: valid
	}{
		{"defaults", func(*Settings) {}, 28, 28, ""},
		{"rectangular", func(*Settings) {}, 20, 30, ""},
		{"crop on mixed sizes", func(s *Settings) { s.Crop = 32 }, 0, 0, ""},
		{"no crop on mixed sizes", func(*Settings) {}, 0, 0, "crop = 0"},
		{"negative crop", func(s *Settings) { s.Crop = -1 }, 28, 28, "crop = -1"},
		{"probability above 1", func(s *Settings) { s.Flip = PerView{0, 1.5} }, 28, 28, "flip = 1.5"},
		{"negative probability", func(s *Settings) { s.Solarize = PerView{-0.1} }, 28, 28, "solarize = -0.1"},
		{"NaN", func(s *Settings) { s.Blur = PerView{nan} }, 28, 28, "blur = NaN"},
		{"hue too large", func(s *Settings) { s.Hue = PerView{0.6} }, 28, 28, "hue = 0.6"},
		{"negative strength", func(s *Settings) { s.Contrast = PerView{-1} }, 28, 28, "contrast = -1"},
		{"area order", func(s *Settings) { s.CropArea = [2]float64{1, 0.2} }, 28, 28, "crop_area = [1 0.2]"},
		{"area above 1", func(s *Settings) { s.CropArea = [2]float64{0.2, 1.1} }, 28, 28, "crop_area"},
		{"ratio", func(s *Settings) { s.CropRatio = [2]float64{0, 1} }, 28, 28, "crop_ratio"},
		{"interpolation", func(s *Settings) { s.Interpolation = "lanczos" }, 28, 28, "lanczos"},
		{"sigma", func(s *Settings) { s.BlurSigma = [2]float64{0, 2} }, 28, 28, "blur_sigma"},
		{"even kernel", func(s *Settings) { s.BlurKernel = 4 }, 28, 28, "blur_kernel = 4"},
		{"kernel past the view", func(s *Settings) { s.Blur, s.BlurKernel = PerView{1}, 57 }, 28, 28, "at most 55"},
		{"largest kernel", func(s *Settings) { s.Blur, s.BlurKernel = PerView{1}, 55 }, 28, 28, ""},
		{"threshold", func(s *Settings) { s.SolarizeThreshold = 300 }, 28, 28, "solarize_threshold = 300"},
		{"mean alone", func(s *Settings) { s.Mean = []float64{0.5} }, 28, 28, "both or neither"},
		{"mean of the wrong length", func(s *Settings) { s.Mean, s.Std = []float64{1, 2, 3}, []float64{1, 2, 3} }, 28,
			28, "want 1 values"},
		{"std 0", func(s *Settings) { s.Mean, s.Std = []float64{1}, []float64{0} }, 28, 28, "std above 0"},
		{"pad with area", func(s *Settings) { s.Pad = 4 }, 28, 28, "crop_area = [1, 1]"},
		{"pad", func(s *Settings) { s.Pad, s.CropArea = 4, [2]float64{1, 1} }, 28, 28, ""},
		{"pad past the image", func(s *Settings) { s.Pad, s.CropArea = 28, [2]float64{1, 1} }, 28, 28, "at most 27"},
		{"window too large", func(s *Settings) { s.Pad, s.Crop, s.CropArea = 2, 40, [2]float64{1, 1} }, 28, 28,
			"40x40"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Defaults()
			c.change(&s)
			err := s.Validate(1, c.h, c.w)
			if c.message == "" && err != nil {
				t.Errorf("got %q, want it valid", err)
			}
			if c.message != "" && (err == nil || !strings.Contains(err.Error(), c.message)) {
				t.Errorf("got %v, want an error with %q", err, c.message)
			}
		})
	}
}
