package proposals_test

import (
	"slices"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/proposals"
	"selfsup/datasets/scenes"
)

// pictures are scenes with their boxes, as views have them: channels of a mean of 0 and a deviation of about 1.
func pictures(t testing.TB, n int) (images [][]float32, boxes [][]datasets.ClassBox, size int) {
	t.Helper()
	s := scenes.New()
	set, err := s.Set("train", n)
	if err != nil {
		t.Fatal(err)
	}
	var f scenes.Frame
	for i := range n {
		w := set.Scene(i)
		set.Draw(w, 0, 0.1, &f)
		x := make([]float32, len(f.Image.Pix))
		for k, v := range f.Image.Pix {
			x[k] = (float32(v) - 110) / 60
		}
		images, boxes = append(images, x), append(boxes, set.Boxes(w, f.Instances, nil))
	}
	return images, boxes, s.Size
}

// The search finds objects that boxes of chance miss, its boxes are inside the image and differ, and it finds the same
// ones again.
func TestSearch(t *testing.T) {
	images, boxes, size := pictures(t, 200)
	const n = 16
	var s proposals.Search
	covered := func(of func(i int) []datasets.Box) float64 {
		hits, all := 0, 0
		for i := range images {
			found := of(i)
			for _, b := range boxes[i] {
				all++
				if slices.ContainsFunc(found, func(p datasets.Box) bool { return p.IoU(b.Box) >= 0.5 }) {
					hits++
				}
			}
		}
		return float64(hits) / float64(all)
	}
	searched := covered(func(i int) []datasets.Box {
		r := datasets.NewRand(1, "test", uint64(i))
		found := s.Of(images[i], size, size, 3, n, &r)
		if len(found) > n || len(found) == 0 {
			t.Fatalf("%d boxes, want 1 to %d", len(found), n)
		}
		for k, b := range found {
			if err := b.Check(); err != nil {
				t.Fatal(err)
			}
			for _, o := range found[:k] {
				if o.IoU(b) > 0.8 {
					t.Fatalf("boxes %v and %v are nearly the same", o, b)
				}
			}
		}
		r = datasets.NewRand(1, "test", uint64(i))
		if again := new(proposals.Search).Of(images[i], size, size, 3, n, &r); !slices.Equal(again, found) {
			t.Fatalf("picture %d: found %v, and again %v", i, found, again)
		}
		return found
	})
	chance := covered(func(i int) (found []datasets.Box) {
		r := datasets.NewRand(2, "chance", uint64(i))
		for range n {
			w, h := r.Uniform(0.15, 0.5), r.Uniform(0.15, 0.5)
			x, y := r.Uniform(0, 1-w), r.Uniform(0, 1-h)
			found = append(found, datasets.Box{X0: x, Y0: y, X1: x + w, Y1: y + h})
		}
		return found
	})
	t.Logf("%.3f of the objects are covered to a half, %.3f by boxes of chance", searched, chance)
	if searched < 0.45 || searched < chance+0.1 {
		t.Errorf("%.3f of the objects are covered to a half, boxes of chance %.3f; want at least 0.45 and 0.1 more",
			searched, chance)
	}
}

// A square on plain ground is found as it is.
func TestSquare(t *testing.T) {
	const size = 32
	x := make([]float32, size*size)
	for i := range x {
		if y, c := i/size, i%size; y >= 8 && y < 20 && c >= 4 && c < 12 {
			x[i] = 1.5
		}
	}
	r := datasets.NewRand(0, "square")
	found := new(proposals.Search).Of(x, size, size, 1, 4, &r)
	if want := (datasets.Box{X0: 4. / size, Y0: 8. / size, X1: 12. / size, Y1: 20. / size}); !slices.Contains(found,
		want) {
		t.Errorf("found %v, want %v among them", found, want)
	}
}

func BenchmarkSearch(b *testing.B) {
	images, _, size := pictures(b, 50)
	var s proposals.Search
	for b.Loop() {
		for i, x := range images {
			r := datasets.NewRand(1, "test", uint64(i))
			s.Of(x, size, size, 3, 8, &r)
		}
	}
	b.ReportMetric(float64(50*b.N)/b.Elapsed().Seconds(), "images/s")
}
