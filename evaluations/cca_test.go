package evaluations

import (
	"context"
	"math"
	"strings"
	"testing"

	"selfsup/graph"
)

// ccaFeatures has two views of n images: of each, dim numbers of which the first shared are linear maps of what both
// have, the others noise of their own.
func ccaFeatures(n, dim, shared int) Features {
	r := graph.Rand(3, "cca")
	f := Features{Dim: dim, ViewA: make([]float32, n*dim), ViewB: make([]float32, n*dim)}
	for i := range n {
		common := make([]float64, shared)
		for j := range common {
			common[j] = r.NormFloat64()
		}
		for j := range dim {
			a, b := r.NormFloat64(), r.NormFloat64()
			if j < shared {
				a, b = 3*common[j]+1, common[(j+1)%shared]-2*common[j]
			}
			f.ViewA[i*dim+j], f.ViewB[i*dim+j] = float32(a), float32(b)
		}
	}
	return f
}

func ccaOf(t *testing.T, p *CCA, f Features) float64 {
	t.Helper()
	r, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	if len(r) != 1 || r[0].Protocol != "cca" || r[0].Metric != "correlation" {
		t.Fatalf("results %+v, want one correlation", r)
	}
	return r[0].Value
}

// What both views share is found, whatever linear map it went through; directions beyond it correlate by chance alone.
func TestCCA(t *testing.T) {
	p := DefaultCCA()
	p.Ridge, p.Directions = 1e-6, 3
	if got := ccaOf(t, p, ccaFeatures(2000, 8, 3)); got < 0.999 {
		t.Errorf("three shared directions of eight: correlation %v, want 1", got)
	}
	p.Directions = 6
	if got := ccaOf(t, p, ccaFeatures(2000, 8, 3)); math.Abs(got-0.5) > 0.05 {
		t.Errorf("six directions, half of them shared: correlation %v, want 0.5", got)
	}
	p.Directions = 99
	if got := ccaOf(t, p, ccaFeatures(2000, 4, 0)); math.Abs(got) > 0.05 {
		t.Errorf("nothing is shared: correlation %v, want 0", got)
	}
	// more features than images to fit on: only the ridge makes it possible
	p.Ridge, p.Directions = 0.1, 3
	if got := ccaOf(t, p, ccaFeatures(60, 50, 3)); got < 0.6 {
		t.Errorf("50 features of 30 images: correlation %v, want above 0.6", got)
	}
}

// Features that are all alike, views of different images and wrong settings are errors.
func TestCCARefuses(t *testing.T) {
	p := DefaultCCA()
	f := ccaFeatures(20, 3, 1)
	for i := range f.ViewB {
		f.ViewB[i] = 2
	}
	for want, f := range map[string]Features{
		"features of all images are alike": f,
		"views of 4 and 2 images":          {Dim: 1, ViewA: []float32{1, 2, 3, 4}, ViewB: []float32{1, 2}},
	} {
		if _, err := p.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for want, p := range map[string]*CCA{
		"images: 3: want 4 or more":      {Images: 3, Directions: 1, Ridge: 1},
		"directions: 0: want at least 1": {Images: 4, Ridge: 1},
		"ridge: 0: want a share above 0": {Images: 4, Directions: 1},
	} {
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
