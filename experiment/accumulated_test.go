package experiment

import (
	"context"
	"errors"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Of every method in the catalog that has a recipe whose data are here: either the mean of its losses over the parts of
// a batch is its loss
// of the batch, or train.accumulate is refused with a sentence that says what would be right.
func TestAccumulateIsExactOrRefused(t *testing.T) {
	allowed, refused, seen := 0, 0, map[string]bool{}
	for _, name := range append(recipes.Names(), recipes.PaperNames()...) {
		for _, batch := range []string{"train.batch=16", "train.batch=128", "train.batch=256"} { // some need as many
			r, err := recipes.Load(name, []string{batch, "train.accumulate=2", `train.length="2000 steps"`},
				recipes.Builtin())
			var places overlay.Errors
			if errors.As(err, &places) || err == nil && seen[r.Method.Name] { // such as a batch that the sampler fixes
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(r)
			if err != nil { // data or other runs that are elsewhere
				t.Logf("%s, %s: %.150s", name, batch, err)
				continue
			}
			if _, err = s.build(); err == nil {
				seen[r.Method.Name] = true
				allowed++
				checkMean(t, s, name)
				break
			}
			text := err.Error()
			if !strings.Contains(text, "train.accumulate") && !strings.Contains(text, "accumulate = ") {
				t.Logf("%s, %s: %.150s", name, batch, text)
				continue
			}
			seen[r.Method.Name] = true
			if refused++; !strings.Contains(text, "want 1") && !strings.Contains(text, "accumulate = 1") {
				t.Errorf("%s: %s", name, text)
			}
			break
		}
	}
	for _, name := range slices.Sorted(maps.Keys(recipes.Builtin().Methods)) {
		if !seen[name] {
			t.Logf("[method.%s] is in no recipe whose data are here", name)
		}
	}
	t.Logf("%d methods: %d add up, %d are refused", len(seen), allowed, refused)
	if allowed < 5 || refused < 20 {
		t.Errorf("%d methods are allowed and %d refused", allowed, refused)
	}
}

// checkMean compares the loss of a batch with the mean over its halves, without training.
func checkMean(t *testing.T, s *Setup, name string) {
	t.Helper()
	s.Store = s.newStore()
	loss := func(rows int) (*graph.Program, error) {
		g, err := graph.Build(s.options(nil), func(g *graph.Scope) {
			obj := s.objectiveIn(g, rows, &built{})
			g.DropUpdates()
			for _, p := range playersOf(obj) {
				for _, term := range p.Terms {
					g.Output(path.Join("loss", p.Name, term.Name), term.Value)
				}
			}
		})
		if err != nil {
			return nil, err
		}
		return g.Compile(s.Device, s.Store)
	}
	whole, err := loss(s.Recipe.Train.Batch)
	if err != nil {
		t.Logf("%s: of the whole batch: %v", name, err)
		return
	}
	half, err := loss(s.rowsAtOnce())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Store.Names() {
		if graph.IsKey(e) { // what is drawn depends on the part
			return
		}
	}
	loader, err := s.Loader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	batch, err := loader.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	run := func(p *graph.Program, part int) {
		for k, field := range s.Wants {
			if to, ok := p.Inputs()[field]; ok && to.DType == ir.I32 {
				copy(to.I32, batch.Fields[k].I32[part*to.Shape.Size():])
			} else if ok {
				copy(to.F32, batch.Fields[k].F32[part*to.Shape.Size():])
			}
		}
		p.Schedule(s.Time(0))
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	}
	mean := map[string]float64{}
	for part := range 2 {
		run(half, part)
		for _, o := range half.Outputs() {
			v, _ := half.Output(o)
			mean[o] += v.At(0) / 2
		}
	}
	run(whole, 0)
	for _, o := range whole.Outputs() {
		v, _ := whole.Output(o)
		if d := math.Abs(v.At(0) - mean[o]); !(d <= 1e-4*max(1, math.Abs(v.At(0)))) {
			t.Errorf("%s: %s is %v of the batch and %v the mean over its parts: samples meet without AllRows", name, o,
				v.At(0), mean[o])
		}
	}
}

// The sentence names grad_cache where that would do, and says what parts_apart is.
func TestAccumulateNamesGradCache(t *testing.T) {
	for _, c := range []struct {
		want string
		sets []string
	}{
		{"batch norm takes the statistics of a batch (backbone/0/norm), so that the parts would be batches of their " +
			"own; " +
			"want 1; parts_apart = true takes them for such", nil},
		{"[method.simclr] compares the samples of a batch or counts them together, so that the parts would be " +
			"batches " +
			"of their own; want 1, or grad_cache = 2, which gives the gradient of the whole batch in the memory of a " +
			"part",
			[]string{"backbone.vit.dim=8", "backbone.vit.heads=2", "backbone.vit.patch=4", `projector.norm="layer"`}},
		{"", []string{"train.parts_apart=true"}},
	} {
		r, err := recipes.Load("quickstart.toml", append([]string{"train.accumulate=2"}, c.sets...), recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.build(); c.want == "" && err != nil || c.want != "" && (err == nil ||
			!strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: got %v, want %q", c.sets, err, c.want)
		}
	}
}
