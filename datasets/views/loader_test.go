package views

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/images"
	"selfsup/setting"
)

// take reads n batches as copies.
func take(t testing.TB, l *Loader, n int) []*Batch {
	t.Helper()
	var out []*Batch
	for range n {
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		c := &Batch{Step: b.Step, Labels: slices.Clone(b.Labels), Indices: slices.Clone(b.Indices)}
		for _, v := range b.Views {
			c.Views = append(c.Views, slices.Clone(v))
		}
		out = append(out, c)
		b.Release()
	}
	return out
}

// The parts of pictures that a batch's views read have the pixels of the whole: the views are those of pictures in
// memory, bit for bit.
func TestLoaderDecodesParts(t *testing.T) {
	dir := t.TempDir()
	m := noise(12, 90, 60, 3, 50)
	for i, img := range m.Images {
		rgba := image.NewRGBA(image.Rect(0, 0, img.W, img.H))
		for k := range img.H * img.W {
			copy(rgba.Pix[4*k:], img.Pix[3*k:3*k+3])
			rgba.Pix[4*k+3] = 255
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, rgba, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.jpg", i)), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var batches [2][]*Batch
	for k, memory := range []setting.Size{0, 1 << 20} {
		source := images.NewFolder()
		source.Train, source.TestFraction, source.Memory = dir, 0, memory
		d, err := source.Open(datasets.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if decodes := d.Train.(datasets.Decoding).Decodes(); decodes != (memory == 0) {
			t.Fatalf("with memory = %v images are decoded each time: %v", memory, decodes)
		}
		s := everything()
		s.Crop, s.CropArea = 24, [2]float64{0.1, 0.5}
		p, err := New(s, d, 2)
		if err != nil {
			t.Fatal(err)
		}
		l, err := NewLoader(d.Train.(datasets.Set), p, LoaderConfig{Seed: 5, Batch: 12})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		batches[k] = take(t, l, 10)
	}
	for i, got := range batches[0] {
		for v := range got.Views {
			if !slices.Equal(got.Views[v], batches[1][i].Views[v]) {
				t.Fatalf("step %d, view %d: from files it differs from that of pictures in memory", i, v)
			}
		}
	}
}

func TestBatchDependsOnSeedAndStepAlone(t *testing.T) {
	m := noise(50, 12, 12, 3, 0)
	p := newPipeline(t, everything(), m, 2)
	load := func(cfg LoaderConfig, n int) []*Batch {
		cfg.Batch = 12
		l, err := NewLoader(m, p, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return take(t, l, n)
	}
	want := load(LoaderConfig{Seed: 5, Workers: 1, Prefetch: 1}, 11)
	for _, c := range []struct {
		name string
		cfg  LoaderConfig
	}{
		{"four workers", LoaderConfig{Seed: 5, Workers: 4, Prefetch: 3}},
		{"started at step 7", LoaderConfig{Seed: 5, Workers: 3, Start: 7}},
		{"started at step 4, the next epoch", LoaderConfig{Seed: 5, Start: 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, got := range load(c.cfg, 11-c.cfg.Start) {
				w := want[c.cfg.Start+i]
				if got.Step != w.Step || !slices.Equal(got.Indices, w.Indices) || !slices.Equal(got.Labels, w.Labels) {
					t.Fatalf("got step %d %v, want step %d %v", got.Step, got.Indices, w.Step, w.Indices)
				}
				for v := range w.Views {
					if !equal(got.Views[v], w.Views[v]) {
						t.Fatalf("step %d, view %d differs", w.Step, v)
					}
				}
				for r, i := range got.Indices {
					if got.Labels[r] != i%2 {
						t.Fatalf("step %d: row %d is image %d with label %d, want %d", got.Step, r, i, got.Labels[r],
							i%2)
					}
				}
			}
		})
	}
	other := load(LoaderConfig{Seed: 6}, 1)[0]
	if slices.Equal(other.Indices, want[0].Indices) {
		t.Errorf("seed 6 takes the images of seed 5: %v", other.Indices)
	}
}

// broken fails on one image.
type broken struct {
	*datasets.Memory
	bad int
}

func (b broken) Image(i int, dst *datasets.Image) error {
	if i == b.bad {
		return errors.New("does not decode")
	}
	return b.Memory.Image(i, dst)
}

func TestLoaderNamesTheBadImage(t *testing.T) {
	m := noise(9, 8, 8, 1, 0)
	l, err := NewLoader(broken{m, 4}, newPipeline(t, Defaults(), m, 2), LoaderConfig{Batch: 3, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	failures := 0
	for range 3 {
		b, err := l.Next(context.Background())
		if err == nil {
			b.Release()
			continue
		}
		failures++
		if s := err.Error(); !strings.Contains(s, "sample 4, noise[4]: does not decode") ||
			!strings.Contains(s, "step ") {
			t.Errorf("got %q, want the step and sample 4", s)
		}
	}
	if failures != 1 {
		t.Errorf("%d steps of an epoch failed, want 1", failures)
	}
}

func TestLoaderStops(t *testing.T) {
	before := runtime.NumGoroutine()
	m := noise(64, 16, 16, 3, 0)
	p := newPipeline(t, Defaults(), m, 2)
	for round := range 20 {
		l, err := NewLoader(m, p, LoaderConfig{Batch: 16, Workers: 3, Prefetch: 1 + round%3})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for { // a cancelled Next loses no batch
			b, err := l.Next(ctx)
			if err == nil {
				b.Release()
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("a cancelled Next: got %v", err)
			}
		}
		if got := take(t, l, 1)[0].Step; got < 1 {
			t.Fatalf("after step 0 came step %d", got)
		}
		if l.WaitSeconds() <= 0 {
			t.Errorf("waited %v s for two batches, want some time", l.WaitSeconds())
		}
		l.Close()
		l.Close()
		if _, err := l.Next(context.Background()); !errors.Is(err, feed.ErrClosed) {
			t.Fatalf("Next after Close: got %v, want %v", err, feed.ErrClosed)
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	m := noise(64, 28, 28, 1, 0)
	l, err := NewLoader(m, newPipeline(t, Defaults(), m, 2), LoaderConfig{Batch: 32})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	next := func() {
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	for range 20 {
		next()
	}
	if n := testing.AllocsPerRun(50, next); n > 2 {
		t.Errorf("%v allocations a batch of 32 images x 2 views, want at most 2", n)
	}
}

func BenchmarkLoader(b *testing.B) {
	for _, c := range []struct {
		name       string
		h, w, c, s int
		settings   Settings
	}{
		{"grey28", 28, 28, 1, 0, Defaults()},
		{"colour32", 32, 32, 3, 0, Defaults()},
		{"colour32-everything", 32, 32, 3, 0, everything()},
		{"colour256to224", 256, 256, 3, 224, Defaults()},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := noise(256, c.h, c.w, c.c, 0)
			c.settings.Crop = c.s
			l, err := NewLoader(m, newPipeline(b, c.settings, m, 2), LoaderConfig{Batch: 128, Workers: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			b.ReportAllocs()
			for b.Loop() {
				batch, err := l.Next(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				batch.Release()
			}
			b.ReportMetric(float64(b.N)*256/b.Elapsed().Seconds(), "views/s")
		})
	}
}

func ExampleLoader() {
	data, err := images.NewFashionMNIST4k().Open(datasets.Env{})
	if err != nil {
		fmt.Println(err)
		return
	}
	pipe, err := New(Defaults(), data, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	loader, err := NewLoader(data.Train.(datasets.Set), pipe, LoaderConfig{Seed: 1, Batch: 256})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer loader.Close()
	batch, err := loader.Next(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("step", batch.Step, "views", len(batch.Views), "floats in each", len(batch.Views[0]), "steps an epoch",
		loader.StepsPerEpoch())
	batch.Release()
	// Output: step 0 views 2 floats in each 200704 steps an epoch 11
}
