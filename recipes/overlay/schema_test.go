package overlay_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// The recipe of these tests has one of everything that a recipe may hold.

type recipe struct {
	Name      string                       `toml:"name"`
	Seed      uint64                       `toml:"seed"`
	Dataset   overlay.Choice[any]          `toml:"dataset"`
	Views     views                        `toml:"views"`
	Method    overlay.Choice[method]       `toml:"method"`
	Optimizer overlay.Choice[optimizer]    `toml:"optimizer"`
	Train     train                        `toml:"train"`
	Stages    []stage                      `toml:"stage"`
	Evaluate  overlay.Choices[*evaluation] `toml:"evaluate"`
	Extra     overlay.Choice[any]          `toml:"extra" overlay:"optional"`
}

type views struct {
	Crop     int        `toml:"crop"`
	CropArea [2]float64 `toml:"crop_area"`
	Blur     perView    `toml:"blur"`
	color
}

type color struct {
	Hue  float32 `toml:"hue"`
	Gray bool    `toml:"gray"`
}

type train struct {
	Batch  int            `toml:"batch"`
	Length setting.Length `toml:"length"`
	Grid   [][]int        `toml:"grid"`
	Tags   []string       `toml:"tags"`
	Clip   clip           `toml:"clip"`
}

type clip struct {
	Norm  float64 `toml:"norm"`
	Level uint8   `toml:"level"`
}

func (c *clip) Validate() error {
	if c.Level > 0 && c.Norm == 0 {
		return fmt.Errorf("level %d needs a norm", c.Level)
	}
	return nil
}

// Validate names a key of another table, which nobody may have written.
func (r *recipe) Validate() error {
	if r.Views.Crop > 200 && r.Train.Batch > 100 {
		return setting.Bad("train.clip.norm", "%g: wants 0 with %d rows of %d pixels", r.Train.Clip.Norm, r.Train.Batch,
			r.Views.Crop)
	}
	return nil
}

type stage struct {
	Width int   `toml:"width"`
	Depth []int `toml:"depth"`
}

type method interface{ method() }

type simclr struct {
	Projector   []int   `toml:"projector"`
	Temperature float64 `toml:"temperature"`
}

type vicreg struct {
	Projector  []int   `toml:"projector"`
	Invariance float64 `toml:"invariance"`
	Variance   float64 `toml:"variance"`
	Covariance float64 `toml:"covariance"`
}

func (*simclr) method() {}
func (*vicreg) method() {}

func (s *simclr) Validate() error {
	if s.Temperature <= 0 {
		return setting.Bad("temperature", "%g: want a number above 0", s.Temperature)
	}
	return nil
}

type optimizer interface{ optimizer() }

type lars struct {
	Rate   float64        `toml:"rate"`
	Warmup setting.Length `toml:"warmup"`
}

type adamw struct {
	Rate
	Betas
}

// Rate and Betas are embedded side by side: Go promotes neither Validate.
type Rate struct {
	Rate float64 `toml:"rate"`
}

type Betas struct {
	Betas [2]float64 `toml:"betas"`
}

func (r *Rate) Validate() error {
	if r.Rate < 0 {
		return setting.Bad("rate", "%g: want 0 or more", r.Rate)
	}
	return nil
}

func (b *Betas) Validate() error {
	if b.Betas[0] >= 1 {
		return setting.Bad("betas", "%g: want numbers below 1", b.Betas)
	}
	return nil
}

func (*lars) optimizer()  {}
func (*adamw) optimizer() {}

func (l *lars) Validate() error {
	var bad []error
	if l.Rate > 10 {
		bad = append(bad, setting.Bad("rate", "%g: want at most 10", l.Rate))
	}
	if l.Warmup.Unit != setting.Share && l.Warmup.Count > 100 {
		bad = append(bad, setting.Bad("warmup", "%v: want at most 100", l.Warmup))
	}
	return errors.Join(bad...)
}

type evaluation struct {
	Every setting.Length `toml:"every"`
	K     []int          `toml:"k"`
}

// perView is a number or one number a view.
type perView []float64

func (p *perView) UnmarshalTOML(x any) error {
	one := func(x any) (float64, error) {
		switch x := x.(type) {
		case int64:
			return float64(x), nil
		case float64:
			return x, nil
		}
		return 0, fmt.Errorf("wants a number or a list of numbers, found %v", x)
	}
	items, ok := x.([]any)
	if !ok {
		items = []any{x}
	}
	*p = nil
	for _, x := range items {
		f, err := one(x)
		if err != nil {
			return err
		}
		*p = append(*p, f)
	}
	return nil
}

func (p perView) MarshalTOML() ([]byte, error) {
	if len(p) == 1 {
		return fmt.Appendf(nil, "%v", p[0]), nil
	}
	return []byte("[" + strings.ReplaceAll(strings.Trim(fmt.Sprint([]float64(p)), "[]"), " ", ", ") + "]"), nil
}

func defaults() *recipe {
	return &recipe{
		Seed:      1,
		Views:     views{Crop: 28, CropArea: [2]float64{0.2, 1}, Blur: perView{0}, color: color{Hue: 0.1}},
		Optimizer: overlay.Choice[optimizer]{Name: "adamw", Value: newAdamW()},
		Train:     train{Batch: 256, Length: setting.Epochs(10), Clip: clip{Norm: 1}},
		Evaluate:  overlay.Choices[*evaluation]{On: []overlay.Choice[*evaluation]{{Name: "knn", Value: newKNN()}}},
	}
}

func newAdamW() optimizer { return &adamw{Rate{1e-3}, Betas{[2]float64{0.9, 0.999}}} }
func newKNN() *evaluation { return &evaluation{setting.Epochs(1), []int{20}} }

func options() overlay.Options {
	return overlay.Options{
		FS: fstest.MapFS{
			"quickstart.toml": {Data: []byte("name = \"quickstart\"\n[dataset.shapes]\n[method.simclr]\n" +
				"projector = [512, 128]\n[train]\nbatch = 128\n")},
			"sub/child.toml": {Data: []byte("base = \"../quickstart.toml\"\nseed = 3\n")},
		},
		Catalogs: map[string]overlay.Catalog{
			"dataset": overlay.Of("datasets", map[string]func() any{
				"shapes":  func() any { return &struct{}{} },
				"fashion": func() any { return &struct{}{} },
			}),
			"method": overlay.Of("methods", map[string]func() method{
				"simclr": func() method { return &simclr{[]int{2048, 128}, 0.1} },
				"vicreg": func() method { return &vicreg{[]int{8192, 8192}, 25, 25, 1} },
			}),
			"optimizer": overlay.Of("optimizers", map[string]func() optimizer{
				"adamw": newAdamW,
				"lars":  func() optimizer { return &lars{0.3, setting.Percent(5)} },
			}),
			"evaluate": overlay.Of("evaluations", map[string]func() *evaluation{
				"knn":    newKNN,
				"linear": func() *evaluation { return &evaluation{Every: setting.Epochs(5)} },
			}),
			"extra": overlay.Of("extras", map[string]func() any{
				"nested": func() any { return &nested{Inner: clip{Norm: 2}} },
			}),
		},
		See: "experiment list",
	}
}

// nested is a choice that holds tables and another choice.
type nested struct {
	Inner  clip                   `toml:"inner"`
	Method overlay.Choice[method] `toml:"method" overlay:"optional"`
}

// write lays files of a test in a folder and moves there, so that messages show bare names.
func write(t testing.TB, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}
