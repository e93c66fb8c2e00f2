package experiment

import (
	"context"
	"flag"
	"fmt"
	"math"
	"strings"
	"testing"

	"selfsup/graph/comm"
	"selfsup/graph/comm/commtest"
	"selfsup/recipes"
)

var everyRecipe = flag.Bool("every-recipe", false, "TestRanks takes every shipped recipe")

// withTwelve is what recipes need beside train.batch=12 to take a step of so few images.
var withTwelve = map[string][]string{
	"wmse.toml":         {"method.wmse.projector=[32,4]", "method.wmse.sub_batch=6"},
	"mean_teacher.toml": {"sampler.two_streams.labelled=4"}, "mixmatch.toml": {"sampler.two_streams.labelled=4"},
	"pseudo_label.toml": {"sampler.two_streams.labelled=4"}, "vat.toml": {"sampler.two_streams.labelled=4"},
	"dcca.toml":  {"method.dcca.projector=[32,4]"},
	"dccae.toml": {"method.dccae.projector=[32,4]"},
}

// TestRanks trains recipes on 1, 2 and 3 ranks, goroutines of this process, and compares losses, metrics and the whole
// Store.
func TestRanks(t *testing.T) {
	names := []string{"quickstart.toml", "vicreg.toml"}
	if *everyRecipe {
		names = recipes.Names()
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			sets := append([]string{"train.batch=12"}, withTwelve[name]...)
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
			for _, n := range []int{2, 3} {
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
