package experiment

import (
	"context"
	"io"
	"testing"
	"time"

	"selfsup/experiment/folder"
	"selfsup/experiment/report"
	"selfsup/recipes"
)

func prepare(t testing.TB, recipe string, sets ...string) *Setup {
	t.Helper()
	r, err := recipes.Load(recipe, sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Prepare(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A compiled training step allocates nothing, for every method.
func TestStepAllocatesNothing(t *testing.T) {
	for _, recipe := range []string{"quickstart.toml", "vicreg.toml", "byol.toml"} {
		s := prepare(t, recipe, "train.batch=32")
		if n := testing.AllocsPerRun(2, func() {
			s.Train.Schedule(s.Time(3))
			if err := s.Train.Run(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: a training step allocates %v times, want 0", recipe, n)
		}
	}
}

// BenchmarkLoop is one step of the whole loop (views, program, metrics, progress) with a small network; allocs/op is
// what it leaves to the garbage collector.
func BenchmarkLoop(b *testing.B) {
	s := prepare(b, "quickstart.toml", "backbone.convnet.widths=[8,16]", "train.batch=64", `train.log="1 step"`)
	s.Steps = b.N
	f, err := folder.Create(b.TempDir(), "bench", time.Unix(0, 0))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := &run{Setup: s, Options: Options{Messages: io.Discard}, Folder: f, progress: report.NewProgress(io.Discard),
		saved: b.N}
	if err := r.open(0); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	if err := r.train(context.Background(), 0); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPrepareResNet18 reads the data and compiles the training step of ResNet-18 with the CIFAR stem.
func BenchmarkPrepareResNet18(b *testing.B) {
	for b.Loop() {
		prepare(b, "emoji-simclr.toml", "backbone.resnet.width=1", "train.batch=128")
	}
}
