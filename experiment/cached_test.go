package experiment

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"selfsup/experiment/folder"
	"selfsup/graph/comm"
	"selfsup/graph/comm/commtest"
	"selfsup/graph/ir"
	"selfsup/recipes"
)

// cacheSets make a recipe small, with a transformer, in which samples do not meet.
var cacheSets = []string{
	"train.batch=16", `train.length="3 steps"`, "subset.few_shot.per_class=4", "views.crop=12",
	"evaluate.knn=false", "evaluate.linear=false", "backbone.vit.dim=8", "backbone.vit.depth=1", "backbone.vit.heads=2",
	"backbone.vit.patch=4", "optimizer.sgd.rate=0.1", "optimizer.sgd.weight_decay=0.01", "train.clip=1.0",
}

// afterTwoSteps trains two steps in one process.
func afterTwoSteps(t *testing.T, dtype ir.DType, file string, sets ...string) course {
	t.Helper()
	c, err := cachedCourse(dtype, nil, file, sets...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func cachedCourse(dtype ir.DType, c comm.Comm, file string, sets ...string) (course, error) {
	s, err := prepareIn(dtype, c, file, append(slices.Clone(cacheSets), sets...)...)
	if err != nil {
		return course{}, err
	}
	return s.course(2)
}

// The step of a cached batch is that of the whole batch, to rounding: what is trained, teachers, queues and centres,
// the loss and the norms of all gradients, of methods that compare samples in every way.
func TestGradCacheIsExact(t *testing.T) {
	for _, c := range []struct {
		name, file string
		ranks      []int
		sets       []string
	}{
		{"simclr", "quickstart.toml", []int{2, 4}, []string{"method.simclr.projector=[10,8]"}},
		{"one way at a time", "quickstart.toml", nil, []string{"method.simclr.projector=[10,8]",
			"method.simclr.apart=true"}},
		{"vicreg", "vicreg.toml", []int{2}, []string{"method.vicreg.projector=[10,8]"}},
		{"a teacher and a predictor", "byol.toml", []int{2}, []string{"method.byol.projector=[10,8]",
			"method.byol.predictor=[10]",
			"method.byol.momentum=0.6"}},
		{"a queue", "moco.toml", []int{4}, []string{"method.moco.projector=[10,8]", "method.moco.queue=32"}},
		{"prototypes", "swav.toml", []int{2}, []string{"method.swav.projector=[10,8]", "method.swav.prototypes=6",
			`method.swav.hold="1 step"`}},
		{"labels", "supcon.toml", []int{2}, []string{"method.supcon.projector=[10,8]"}},
		{"koleo", "quickstart.toml", nil, []string{"method.simclr.projector=[10,8]", "train.koleo=0.1"}},
		{"averages", "quickstart.toml", nil, []string{"method.simclr.projector=[10,8]", `average.weights="ema"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sets := append(c.sets, `projector.norm="layer"`)
			for _, kind := range []struct {
				name  string
				dtype ir.DType
				most  float64
				ranks []int
			}{{"float64", ir.F64, 1e-12, c.ranks}, {"float32", ir.F32, 1e-5, c.ranks}} {
				if kind.dtype == ir.F32 && c.name != "simclr" {
					continue
				}
				want := afterTwoSteps(t, kind.dtype, c.file, sets...)
				if len(want.store) < 10 || len(want.values) < 4 {
					t.Fatalf("%d entries and %v", len(want.store), want.names)
				}
				cached := append(slices.Clone(sets), "train.grad_cache=4")
				if err := want.like(afterTwoSteps(t, kind.dtype, c.file, cached...), kind.most, kind.most); err != nil {
					t.Errorf("%s: %v", kind.name, err)
				}
				for _, n := range kind.ranks {
					onGoroutines(t, n, func(to comm.Comm) error {
						got, err := cachedCourse(kind.dtype, to, c.file, cached...)
						if err != nil {
							return err
						}
						return want.like(got, kind.most, kind.most)
					})
				}
			}
		})
	}
}

// Parts that are batches of their own give another step: the test above would see it. On ranks they have the same
// samples, so that their batch norms do.
func TestPartsApartAreNotTheBatch(t *testing.T) {
	sets := []string{"method.simclr.projector=[10,8]", `projector.norm="layer"`}
	whole := afterTwoSteps(t, ir.F64, "quickstart.toml", sets...)
	apart := append(sets, "train.accumulate=4", "train.parts_apart=true")
	if whole.like(afterTwoSteps(t, ir.F64, "quickstart.toml", apart...), 1e-3, 1e-3) == nil {
		t.Error("the losses of the batch are those of its parts")
	}
	for _, parts := range []string{"train.accumulate=4", "train.grad_cache=4"} {
		sets := []string{"method.simclr.projector=[10,8]", parts, "train.parts_apart=true"}
		want := afterTwoSteps(t, ir.F64, "quickstart.toml", sets...)
		onGoroutines(t, 2, func(c comm.Comm) error {
			got, err := cachedCourse(ir.F64, c, "quickstart.toml", sets...)
			if err != nil {
				return err
			}
			return want.like(got, 1e-12, 1e-12)
		})
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

// On ranks the loss of a cached batch is shared: none has the products of all rows with all. A batch that does not
// divide by ranks and parts is refused.
func TestGradCacheIsShared(t *testing.T) {
	sets := append(slices.Clone(cacheSets), "method.simclr.projector=[10,8]", `projector.norm="layer"`,
		"train.grad_cache=4")
	onGoroutines(t, 2, func(c comm.Comm) error {
		s, err := prepareIn(ir.F32, c, "quickstart.toml", sets...)
		if err != nil {
			return err
		}
		shapes := map[string]int{}
		for _, in := range s.turns[1].IR.Instrs {
			shapes[s.turns[1].IR.Bufs[in.Out].Shape.String()]++
		}
		if shapes["[32,32]"] > 0 || shapes["[16,32]"] == 0 {
			return fmt.Errorf("the loss of 2x16 views makes %v, want [16,32] and no [32,32]", shapes)
		}
		return nil
	})
	for rank, err := range commtest.Run(3, func(c comm.Comm) error {
		_, err := prepareIn(ir.F32, c, "quickstart.toml", sets...)
		return err
	}) {
		if want := "train.batch=16: 16 is the batch of all ranks together and does not divide by 3 ranks in each of " +
			"its 4 parts, see train.grad_cache; want a multiple of 12"; err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("rank %d: %v, want %q", rank, err, want)
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
