package views

import (
	"slices"
	"testing"

	"selfsup/datasets/sampling"
)

// Every row of a batch is a view of its image as the pipeline makes it for the loader's seed, the step, the row and the
// view, beside its image's label; the images are those that the sampler gives for the seed and the step.
func TestBatchIsOfItsSeed(t *testing.T) {
	m := noise(50, 12, 12, 3, 0)
	p := newPipeline(t, everything(), m, 2)
	const size, start, steps = 12, 2, 5
	for _, seed := range []uint64{0, 5, 6} {
		l, err := NewLoader(m, p, LoaderConfig{Seed: seed, Batch: size, Start: start})
		if err != nil {
			t.Fatal(err)
		}
		sampler, err := sampling.New(nil, m, size, seed)
		if err != nil {
			t.Fatal(err)
		}
		want, view := make([]int32, size), make([]float32, p.Size())
		for i, b := range take(t, l, steps) {
			if sampler.Batch(start+i, want); !slices.Equal(b.Indices, want) {
				t.Fatalf("seed %d, step %d: images %v, want %v", seed, start+i, b.Indices, want)
			}
			for row, k := range b.Indices {
				if b.Labels[row] != int32(m.Labels[k]) {
					t.Errorf("seed %d, step %d, row %d: label %d, image %d has %d", seed, start+i, row, b.Labels[row],
						k, m.Labels[k])
				}
				for v := range b.Views {
					if err := p.View(view, &m.Images[k], seed, start+i, row, v, new(Scratch)); err != nil {
						t.Fatal(err)
					}
					if !equal(b.Views[v][row*p.Size():(row+1)*p.Size()], view) {
						t.Errorf("seed %d, step %d, row %d: view %d is not the pipeline's", seed, start+i, row, v)
					}
				}
			}
		}
		l.Close()
	}
}

// Loaders of two seeds give other images in another order, in every sampler, and other views of the same image.
func TestSeedsGiveOtherBatches(t *testing.T) {
	m := noise(48, 12, 12, 3, 0)
	m.Class = []string{"even", "odd"}
	p := newPipeline(t, everything(), m, 2)
	for name, s := range map[string]sampling.Settings{
		"shuffle": &sampling.Shuffle{}, "blocks": sampling.DefaultBlocks(), "balanced": &sampling.Balanced{},
		"repeated": sampling.DefaultRepeated(),
	} {
		t.Run(name, func(t *testing.T) {
			var order [2][]int32
			views := [2]map[int32][]float32{{}, {}}
			for k := range order {
				l, err := NewLoader(m, p, LoaderConfig{Seed: uint64(k + 1), Batch: 12, Sampler: s})
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				for _, b := range take(t, l, 4) {
					order[k] = append(order[k], b.Indices...)
					for row, i := range b.Indices {
						views[k][i] = b.Views[0][row*p.Size() : (row+1)*p.Size()]
					}
				}
			}
			if slices.Equal(order[0], order[1]) {
				t.Errorf("seeds 1 and 2 give the same images in the same order: %v", order[0])
			}
			both, same := 0, 0
			for i, v := range views[0] {
				if w, ok := views[1][i]; ok {
					if both++; equal(v, w) {
						same++
					}
				}
			}
			if both < 3 || same > 0 {
				t.Errorf("%d images are given with seeds 1 and 2, %d of them in the same view; want some, and none",
					both, same)
			}
		})
	}
}

// An image that comes in another epoch, or twice in a batch, comes in another view, and its two views are not one.
func TestViewsOfAnImageDiffer(t *testing.T) {
	m := noise(12, 12, 12, 3, 0)
	m.Class = []string{"even", "odd"}
	p := newPipeline(t, everything(), m, 2)
	l, err := NewLoader(m, p, LoaderConfig{Seed: 3, Batch: 12, Sampler: sampling.DefaultRepeated()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	seen := map[int32][][]float32{}
	for _, b := range take(t, l, 4) {
		for row, i := range b.Indices {
			for v := range b.Views {
				seen[i] = append(seen[i], b.Views[v][row*p.Size():(row+1)*p.Size()])
			}
		}
	}
	most := 0
	for i, all := range seen {
		most = max(most, len(all))
		for a := range all {
			for b := range a {
				if equal(all[a], all[b]) {
					t.Fatalf("image %d: views %d and %d of %d are the same", i, a, b, len(all))
				}
			}
		}
	}
	if most < 6 {
		t.Fatalf("no image comes three times in four steps of 12 of 12 images")
	}
}
