package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// LiDAR counts what tells images apart and not what tells their views apart: the order of images and of an image's
// views changes nothing, but views that go to another image do.
func TestLiDARKeepsImagesTogether(t *testing.T) {
	const n, q, dim = 60, 4, 8
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 0, n*q*dim)
	for range n {
		var image [dim]float64
		for j := range 3 { // of which images differ; views differ in all, and most in the last
			image[j] = 3 * r.NormFloat64()
		}
		for range q {
			for j := range dim {
				scale := 0.3
				if j == dim-1 {
					scale = 30
				}
				x = append(x, float32(image[j]+scale*r.NormFloat64()))
			}
		}
	}
	value := func(x []float32) float64 {
		t.Helper()
		rs, err := DefaultLiDAR().Evaluate(context.Background(), Features{Grouped: x, Group: q, Dim: dim})
		if err != nil {
			t.Fatal(err)
		}
		if s := rs[0].Settings; s["images"] != n || s["views"] != q {
			t.Errorf("settings %v, want %d images of %d views", s, n, q)
		}
		return rs[0].Value
	}
	rows := func(order func(i, v int) int) (y []float32) {
		for i := range n {
			for v := range q {
				k := order(i, v)
				y = append(y, x[k*dim:(k+1)*dim]...)
			}
		}
		return y
	}
	whole := value(x)
	if whole < 2.5 || whole > 3.3 {
		t.Errorf("LiDAR is %v, want about the 3 directions in which images differ", whole)
	}
	other := value(rows(func(i, v int) int { return (n-1-i)*q + (v+1)%q }))
	if math.Abs(other-whole) > 1e-6 {
		t.Errorf("other orders of images and views: %v, want %v", other, whole)
	}
	if mixed := value(rows(func(i, v int) int { return (i+7*v)%n*q + v })); mixed < whole+2 {
		t.Errorf("views of other images: %v, want near all %d directions and not %v", mixed, dim, whole)
	}
	few, err := DefaultLiDAR().Evaluate(context.Background(), Features{Grouped: x[:3*q*dim], Group: q, Dim: dim})
	if err != nil || few[0].Value > 2.01 { // three images differ in two directions
		t.Errorf("of three images: %v %v, want at most 2", few, err)
	}
	for _, f := range []Features{{}, {Grouped: x[:q*dim], Group: q, Dim: dim}, {Grouped: x, Group: 1, Dim: dim}} {
		if _, err := DefaultLiDAR().Evaluate(context.Background(), f); err == nil {
			t.Errorf("%d numbers in groups of %d: no error", len(f.Grouped), f.Group)
		}
	}
	bad := slices.Clone(x)
	bad[dim] = float32(math.Inf(1))
	_, err = DefaultLiDAR().Evaluate(context.Background(), Features{Grouped: bad, Group: q, Dim: dim})
	if err == nil || !strings.Contains(err.Error(), "feature [1,0] is +Inf") {
		t.Errorf("infinite feature: got %v", err)
	}
}

// CLID: images in groups of their own are learnable, and noise is not; points of a surface have two dimensions whatever
// space it lies in.
func TestCLID(t *testing.T) {
	const dim = 16
	r := rand.New(rand.NewPCG(3, 4))
	p := &CLID{Images: 1000, Clusters: 10, Iterations: 30, Share: 0.9}
	measure := func(point func(i int, x []float32)) []Result {
		t.Helper()
		f := Features{TrainX: make([]float32, 1000*dim), Dim: dim, Seed: 1}
		for i := range 1000 {
			point(i, f.TrainX[i*dim:(i+1)*dim])
		}
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		return rs
	}
	blobs := measure(func(i int, x []float32) {
		x[i%10] = 10
		for j := range x {
			x[j] += float32(0.1 * r.NormFloat64())
		}
	})
	noise := measure(func(_ int, x []float32) {
		for j := range x {
			x[j] = float32(r.NormFloat64())
		}
	})
	surface := measure(func(_ int, x []float32) { // of the unit sphere, near one place
		a, b := 0.3*r.Float64(), 0.3*r.Float64()
		x[0], x[5], x[9] = float32(math.Sqrt(1-a*a-b*b)), float32(a), float32(b)
	})
	if l := blobs[0]; l.Value < 0.9 || !l.Accuracy || l.Images != 500 || l.Metric != "learnability" {
		t.Errorf("ten groups: %+v, want a high learnability on 500 images", l)
	}
	if l := noise[0].Value; l > 0.7 {
		t.Errorf("noise: learnability %v, want far below 1", l)
	}
	if d := surface[1].Value; d < 1.8 || d > 2.2 {
		t.Errorf("a surface: dimension %v, want about 2", d)
	}
	if d := noise[1].Value; d < 8 {
		t.Errorf("noise in 16 dimensions: dimension %v, want above 8", d)
	}
	same := Features{TrainX: slices.Repeat([]float32{1, 2, 3}, 40), Dim: 3}
	if _, err := p.Evaluate(context.Background(), same); err == nil || !strings.Contains(err.Error(),
		"there is no dimension") {
		t.Errorf("images that are all alike: got %v", err)
	}
	same.TrainX = same.TrainX[:3*19]
	if _, err := p.Evaluate(context.Background(), same); err == nil || !strings.Contains(err.Error(),
		"clusters = 10 of 19 images") {
		t.Errorf("too few images: got %v", err)
	}
}

// The rotation proxy is 1 of features that hold the turn, and chance of features that do not, even where every image
// is so unlike the others that a probe which had seen it would know it again.
func TestRotation(t *testing.T) {
	const n, dim = 300, 40
	r := rand.New(rand.NewPCG(5, 6))
	p := DefaultRotation()
	for _, c := range []struct {
		holds       float64
		least, most float64
	}{{3, 0.98, 1}, {0, 0.18, 0.32}} {
		f := Features{Group: 4, Dim: dim, Seed: 9}
		for range n {
			var image [dim]float64
			for j := range image {
				image[j] = r.NormFloat64()
			}
			for turn := range 4 {
				for j := range dim {
					v := image[j] + 0.01*r.NormFloat64()
					if j == turn {
						v += c.holds * 3
					}
					f.Grouped = append(f.Grouped, float32(v))
				}
			}
		}
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) != 1 || rs[0].Value < c.least || rs[0].Value > c.most || rs[0].Images != n/2 || rs[0].Protocol !=
			"rotation" {
			t.Errorf("features that hold %v of the turn: %+v, want %v to %v of %d images", c.holds, rs, c.least, c.most,
				n/2)
		}
	}
	_, err := p.Evaluate(context.Background(), Features{Group: 3, Dim: 1, Grouped: make([]float32, 30)})
	if err == nil || !strings.Contains(err.Error(), "3 turns of 10 images") {
		t.Errorf("three turns: got %v", err)
	}
	p.L2 = nil
	if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "l2") {
		t.Errorf("no strengths: got %v", err)
	}
}
