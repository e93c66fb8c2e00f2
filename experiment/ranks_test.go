package experiment

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/graph/comm"
	"selfsup/graph/comm/commtest"
	"selfsup/recipes"
)

var everyRecipe = flag.Bool("every-recipe", false, "TestRanks takes every shipped recipe")

// withSixteen is what recipes need beside train.batch=16 to take a step of so few images.
var withSixteen = map[string][]string{
	"wmse.toml":         {"method.wmse.projector=[32,4]", "method.wmse.sub_batch=8"},
	"mean_teacher.toml": {"sampler.two_streams.labelled=4"}, "mixmatch.toml": {"sampler.two_streams.labelled=4"},
	"pseudo_label.toml": {"sampler.two_streams.labelled=4"}, "vat.toml": {"sampler.two_streams.labelled=4"},
	"dcca.toml":  {"method.dcca.projector=[32,4]"},
	"dccae.toml": {"method.dccae.projector=[32,4]"},
}

// TestRanks trains recipes on 1, 2 and 4 ranks, goroutines of this process, and compares losses, metrics and the whole
// Store. Most recipes are tried on 2 ranks alone, and few where -every-recipe does not ask for all.
func TestRanks(t *testing.T) {
	names := []string{"quickstart.toml", "vicreg.toml", "byol.toml", "moco.toml", "swav.toml", "dino.toml", "mae.toml"}
	if *everyRecipe {
		names = recipes.Names()
	}
	for _, name := range append(names, withCaptions(t)) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			sets := append([]string{"train.batch=16"}, withSixteen[name]...)
			load := func() *recipes.Loaded {
				r, err := recipes.Load(name, sets, recipes.Builtin())
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			s, err := Prepare(load())
			if err != nil {
				t.Fatal(err)
			}
			want, err := s.course(3)
			if err != nil {
				t.Fatal(err)
			}
			ranks := []int{2}
			if name == names[0] || *everyRecipe {
				ranks = append(ranks, 4)
			}
			for _, n := range ranks {
				for rank, err := range commtest.Run(n, func(c comm.Comm) error {
					s, err := PrepareAmong(load(), comm.NewLine(c))
					if err != nil {
						return err
					}
					got, err := s.course(3)
					if err != nil {
						return err
					}
					return want.like(got)
				}) {
					if err != nil && !strings.Contains(err.Error(), commtest.ErrAborted.Error()) {
						t.Errorf("rank %d of %d: %v", rank, n, err)
					}
				}
			}
		})
	}
}

// withCaptions writes pictures of noise with captions, and a recipe of CLIP for them.
func withCaptions(t *testing.T) (recipe string) {
	t.Helper()
	dir := t.TempDir()
	var list strings.Builder
	for i := range 24 {
		m := image.NewGray(image.Rect(0, 0, 8, 8))
		for k := range m.Pix {
			m.Pix[k] = byte(i*k*37 + k*k)
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.png", i)))
		if err == nil {
			err = errors.Join(png.Encode(f, m), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, `{"image": "%d.png", "caption": "number %d of %d", "class": "%d"}`+"\n", i, i, i%5, i%2)
	}
	recipe = filepath.Join(dir, "clip.toml")
	text := fmt.Sprintf(`name = "clip"
[dataset.captions]
train = %q
label = "class"
[backbone.convnet]
widths = [8, 16]
[method.clip]
dim = 16
[method.clip.text.symbols]
dim = 16
hidden = []
[optimizer.adamw]
rate = 1e-3
[train]
length = "9 steps"
`, filepath.Join(dir, "list.jsonl"))
	for name, text := range map[string]string{"list.jsonl": list.String(), "clip.toml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return recipe
}

// course is what a training gave: all outputs after every step, by name, and the Store at the end.
type course struct {
	names  []string
	values []float64
	store  map[string]float64 // length of every entry
}

func (s *Setup) course(steps int) (c course, err error) {
	loader, err := s.Loader(0)
	if err != nil {
		return c, err
	}
	defer loader.Close()
	fill, err := s.filler()
	if err != nil {
		return c, err
	}
	for step := range steps {
		b, err := loader.Next(context.Background())
		if err != nil {
			return c, err
		}
		for n, turn := range s.turns {
			for part := range s.Recipe.Train.Accumulate {
				fill(b, n, part)
				at := s.Time(step)
				at.Part, at.Parts = part, s.Recipe.Train.Accumulate
				turn.Schedule(at)
				if err := turn.Run(); err != nil {
					return c, err
				}
			}
			for _, name := range turn.Outputs() {
				v, err := turn.Output(name)
				if err != nil {
					return c, err
				}
				sum := 0.0
				for i := range v.Shape.Size() {
					sum += v.At(i) * (1 + float64(i%7))
				}
				c.names = append(c.names, fmt.Sprintf("step %d, turn %d, %s%v", step, n, name, v.Shape))
				c.values = append(c.values, sum)
			}
		}
		b.Release()
	}
	c.store = map[string]float64{}
	for _, name := range s.Store.Names() {
		a := s.Store.Get(name).Array
		sum := 0.0
		for i := range a.Shape.Size() {
			sum += a.At(i) * a.At(i)
		}
		c.store[name] = math.Sqrt(sum)
	}
	return c, nil
}

// like is an error that names the first difference.
func (c course) like(got course) error {
	if len(got.values) != len(c.values) || len(got.store) != len(c.store) {
		return fmt.Errorf("%d values and %d entries, want %d and %d", len(got.values), len(got.store), len(c.values),
			len(c.store))
	}
	for i, v := range c.values {
		tol := 1e-5
		if i >= len(c.values)/3 {
			tol = 1e-3
		}
		if !within(got.values[i], v, tol) {
			return fmt.Errorf("%s: %v, on one rank %v", c.names[i], got.values[i], v)
		}
	}
	for name, v := range c.store {
		if !within(got.store[name], v, 1e-3) {
			return fmt.Errorf("%s has the length %v, on one rank %v", name, got.store[name], v)
		}
	}
	return nil
}

func within(a, b, tol float64) bool {
	return math.Abs(a-b) <= tol*(1e-2+max(math.Abs(a), math.Abs(b))) || a != a && b != b
}
