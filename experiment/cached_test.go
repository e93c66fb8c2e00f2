package experiment

import (
	"context"
	"io"
	"math"
	"strings"
	"syscall"
	"testing"

	"selfsup/experiment/folder"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/ref"
	"selfsup/recipes"
)

// cacheSets make a recipe small, with a transformer, in which samples do not meet.
var cacheSets = []string{
	"train.batch=16", `train.length="3 steps"`, "subset.few_shot.per_class=4", "views.crop=12",
	"evaluate.knn=false", "evaluate.linear=false", "backbone.vit.dim=8", "backbone.vit.depth=1", "backbone.vit.heads=2",
	"backbone.vit.patch=4", "optimizer.sgd.rate=0.1", "optimizer.sgd.weight_decay=0.01", "train.clip=1.0",
}

// afterTwoSteps trains two steps on a backend, and gives what the Store holds then, the loss of each, and the norms.
func afterTwoSteps(t *testing.T, file string, sets []string, dtype ir.DType, on ir.Backend) (map[string][]float64,
	[]float64) {
	t.Helper()
	r, err := recipes.Load(file, append(append([]string{}, cacheSets...), sets...), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(r)
	if err != nil {
		t.Fatal(err)
	}
	s.dtype, s.Store = dtype, s.newStore()
	made, err := s.build()
	if err != nil {
		t.Fatal(err)
	}
	s.exchange = made.exchange
	if on == nil {
		on = s.Device
	}
	for n, pass := range s.passes(made.objective) {
		g, _, err := s.turnGraph(n, pass, made)
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(on, s.Store)
		if err != nil {
			t.Fatal(err)
		}
		parts := s.batchParts()
		if pass == lossPass {
			parts = 1
		}
		s.turns = append(s.turns, turn{Program: p, parts: parts, pass: pass})
	}
	if s.cached() {
		if s.given, s.taken, err = handings(s.turns[0].Program, s.turns[1].Program, s.turns[2].Program,
			s.exchange); err != nil {
			t.Fatal(err)
		}
	}
	loader, err := s.Loader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	var seen []float64
	for step := range 2 {
		batch, err := loader.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for n, p := range s.turns {
			for part := range p.parts {
				for k, name := range s.Wants {
					to, ok := p.Inputs()[name]
					if !ok {
						continue
					}
					for i, size := 0, to.Shape.Size(); i < size; i++ {
						if to.DType == ir.I32 {
							to.I32[i] = batch.Fields[k].I32[part*size+i]
						} else {
							to.Set(i, float64(batch.Fields[k].F32[part*size+i]))
						}
					}
				}
				s.take(n, part)
				at := s.Time(step)
				at.Part, at.Parts = part, p.parts
				p.Schedule(at)
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				s.give(n, part)
			}
			if p.pass == wholePass || p.pass == lossPass {
				loss, err := p.Output(LossOutput)
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, loss.At(0))
			}
			if p.pass == wholePass || p.pass == backPass {
				norms, err := p.Output(normsOutput)
				if err != nil {
					t.Fatal(err)
				}
				for i := range norms.Shape.Size() {
					seen = append(seen, norms.At(i))
				}
			}
		}
		batch.Release()
	}
	if err := s.sync(); err != nil {
		t.Fatal(err)
	}
	held := map[string][]float64{}
	for _, name := range s.Store.Names() {
		a := s.Store.Get(name)
		if strings.HasSuffix(name, "/sum") || graph.IsKey(name) {
			continue
		}
		for i := range a.Shape.Size() {
			held[name] = append(held[name], a.At(i))
		}
	}
	return held, seen
}

// farthest is the largest difference, in units of the largest number of an entry, or of 1.
func farthest(a, b []float64) (worst float64) {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	largest := 1.0
	for i := range a {
		largest = max(largest, math.Abs(a[i]))
	}
	for i := range a {
		if d := math.Abs(a[i]-b[i]) / largest; !(d <= worst) {
			worst = d
		}
	}
	return worst
}

// The step of a cached batch is that of the whole batch, to rounding: what is trained, teachers, queues and centres,
// the loss and the norms of all gradients, of methods that compare samples in every way.
func TestGradCacheIsExact(t *testing.T) {
	for _, c := range []struct {
		name, file string
		sets       []string
	}{
		{"simclr", "quickstart.toml", []string{"method.simclr.projector=[10,8]"}},
		{"one way at a time", "quickstart.toml", []string{"method.simclr.projector=[10,8]",
			"method.simclr.apart=true"}},
		{"vicreg", "vicreg.toml", []string{"method.vicreg.projector=[10,8]"}},
		{"a teacher and a predictor", "byol.toml", []string{"method.byol.projector=[10,8]",
			"method.byol.predictor=[10]",
			"method.byol.momentum=0.6"}},
		{"a queue", "moco.toml", []string{"method.moco.projector=[10,8]", "method.moco.queue=32"}},
		{"prototypes", "swav.toml", []string{"method.swav.projector=[10,8]", "method.swav.prototypes=6",
			`method.swav.hold="1 step"`}},
		{"koleo", "quickstart.toml", []string{"method.simclr.projector=[10,8]", "train.koleo=0.1"}},
		{"averages", "quickstart.toml", []string{"method.simclr.projector=[10,8]", `average.weights="ema"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sets := append(c.sets, `projector.norm="layer"`)
			for _, kind := range []struct {
				name  string
				dtype ir.DType
				on    ir.Backend
				most  float64
			}{{"float64", ir.F64, ref.Backend{}, 1e-12}, {"float32", ir.F32, nil, 1e-5}} {
				if kind.dtype == ir.F32 && c.name != "simclr" {
					continue
				}
				want, saw := afterTwoSteps(t, c.file, sets, kind.dtype, kind.on)
				got, sees := afterTwoSteps(t, c.file, append(sets, "train.grad_cache=4"), kind.dtype, kind.on)
				if d := farthest(saw, sees); !(d <= kind.most) {
					t.Errorf("%s: losses and norms are %v apart:\n%v\n%v", kind.name, d, saw, sees)
				}
				worst, where := 0.0, ""
				for name := range want {
					if d := farthest(want[name], got[name]); !(d <= worst) {
						worst, where = d, name
					}
				}
				if t.Logf("%s: %.2g apart in %s", kind.name, worst, where); !(worst <= kind.most) || len(want) < 10 {
					t.Errorf("%s: %s is %v apart, want at most %v", kind.name, where, worst, kind.most)
				}
			}
		})
	}
}

// Parts that are batches of their own give another step: the test above would see it.
func TestPartsApartAreNotTheBatch(t *testing.T) {
	sets := []string{"method.simclr.projector=[10,8]", `projector.norm="layer"`}
	_, want := afterTwoSteps(t, "quickstart.toml", sets, ir.F64, ref.Backend{})
	apartSets := append(sets, "train.accumulate=4", "train.parts_apart=true")
	if _, got := afterTwoSteps(t, "quickstart.toml", apartSets, ir.F64, ref.Backend{}); farthest(want[:1],
		got[:1]) < 1e-3 {
		t.Errorf("the loss is %v of the batch, and %v of its parts", want[0], got[0])
	}
}

// Batch norm in what goes through part by part is refused, and taken for what it is with parts_apart; so is what is no
// function of the features of views.
func TestGradCacheMistakes(t *testing.T) {
	for _, c := range []struct {
		file, want string
		sets       []string
	}{
		{"quickstart.toml", "samples of the batch meet in the encoder or the projector (backbone/0/norm: batch " +
			"norm)", nil},
		{"quickstart.toml", "projector/0/norm", []string{"backbone.vit.dim=8", "backbone.vit.heads=2",
			"backbone.vit.patch=4"}},
		{"mae.toml", "is not of the features that the encoder makes of views; want 1", nil},
		{"quickstart.toml", "", []string{"train.parts_apart=true"}},
		{"quickstart.toml", "", []string{"backbone.vit.dim=8", "backbone.vit.heads=2",
			"backbone.vit.patch=4", `projector.norm="layer"`}},
	} {
		r, err := recipes.Load(c.file, append([]string{"train.batch=16", "train.grad_cache=4"}, c.sets...),
			recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.build(); c.want == "" && err != nil || c.want != "" && (err == nil ||
			!strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %q: got %v, want %q", c.file, c.sets, err, c.want)
		}
	}
}

// plannedBytes counts the bytes that the programs of a step will take, those of the Store once.
func plannedBytes(t *testing.T, sets ...string) (total int64) {
	t.Helper()
	r, err := recipes.Load("quickstart.toml", append([]string{"backbone.vit.patch=4", `projector.norm="layer"`,
		"method.simclr.projector=[256,64]", `train.length="2 steps"`}, sets...), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.plan(0); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.turns {
		m := p.planned.Memory()
		total += m.Temporaries + m.Scratch + m.Inputs
	}
	for _, l := range s.Leaves {
		total += int64(l.Shape.Size() * l.DType.Size())
	}
	return total
}

// A batch of 1024 in parts of 128 takes less than 1.2 times the memory of a batch of 128 (SimCLR, ViT-Tiny).
func TestGradCacheMemory(t *testing.T) {
	size := []string{"backbone.vit.dim=192", "backbone.vit.heads=3", "backbone.vit.depth=12"}
	part := plannedBytes(t, append(size, "train.batch=128")...)
	whole := plannedBytes(t, append(size, "train.batch=1024")...)
	cached := plannedBytes(t, append(size, "train.batch=1024", "train.grad_cache=8")...)
	t.Logf("batch 128: %d MB, 1024: %d MB, 1024 with grad_cache = 8: %d MB, %.3f times", part>>20, whole>>20,
		cached>>20,
		float64(cached)/float64(part))
	if float64(cached) >= 1.2*float64(part) {
		t.Errorf("%d bytes, of a batch of 128 %d", cached, part)
	}
}

// A cached run goes on after an interruption with the same bits, and its log has a loss and a rate.
func TestGradCacheRuns(t *testing.T) {
	r, err := recipes.Load("quickstart.toml", append(append([]string{}, cacheSets...), "train.grad_cache=4",
		"method.simclr.projector=[10,8]", `projector.norm="layer"`, `train.checkpoint="1 step"`, `train.log="1 step"`,
		"backbone.vit.drop_path=0.2", "backbone.vit.depth=2"), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Run(r, Options{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan Request, 1)
	stop <- Interrupt
	root := t.TempDir()
	if _, err := RunAt(root, true, r, recipes.Builtin(), Options{Messages: io.Discard, Stop: stop}); err == nil {
		t.Fatal("the request did not stop it")
	}
	again, err := RunAt(root, true, r, recipes.Builtin(), Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	a, _, _, err := readCheckpoint(&folder.Folder{Path: sum.Run}, false)
	if err != nil {
		t.Fatal(err)
	}
	b, _, _, err := readCheckpoint(&folder.Folder{Path: again.Run}, false)
	if err != nil {
		t.Fatal(err)
	}
	if a.Hash("") != b.Hash("") || sum.Steps != 3 || !(sum.Course.Loss > 0) {
		t.Errorf("%s is not %s, loss %v", a.Hash(""), b.Hash(""), sum.Course.Loss)
	}
}

// BenchmarkGradCache has the processor's seconds of a step with and without it.
func BenchmarkGradCache(b *testing.B) {
	for _, parts := range []string{"1", "4"} {
		b.Run("parts"+parts, func(b *testing.B) {
			s := prepare(b, "quickstart.toml", "backbone.vit.patch=4", `projector.norm="layer"`, "backbone.vit.dim=64",
				"backbone.vit.heads=2", "backbone.vit.depth=4", "train.batch=128", "train.grad_cache="+parts)
			seconds := func() float64 {
				var used syscall.Rusage
				if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
					b.Fatal(err)
				}
				return float64(used.Utime.Nano()) / 1e9
			}
			began := seconds()
			for b.Loop() {
				for n, p := range s.turns {
					for part := range p.parts {
						s.take(n, part)
						at := s.Time(0)
						at.Part, at.Parts = part, p.parts
						p.Schedule(at)
						if err := p.Run(); err != nil {
							b.Fatal(err)
						}
						s.give(n, part)
					}
				}
			}
			b.ReportMetric((seconds()-began)/float64(b.N), "user-s/op")
		})
	}
}
