package distillation

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/setting"
)

// The guesses' gradient against central differences; the embeddings that are guessed get none.
func TestSimSiamGradient(t *testing.T) {
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		guess := s.Param("weight", graph.Normal(1), 4, 5)
		var p, z []*graph.Node
		for _, name := range []string{"a", "b", "c"} {
			p = append(p, op.MatMul(s.Input(name, 3, 4), guess, false, false))
		}
		for _, name := range []string{"target a", "target b"} {
			z = append(z, s.Input(name, 3, 5))
		}
		loss := similarity(p, (&SimSiam{}).targets(z, len(z)))
		for i, d := range s.Gradients(loss, z) {
			if d != nil {
				t.Errorf("a gradient reaches embedding %d", i)
			}
		}
		return loss
	}, nil, 8, 2e-5)
}

// Neither the order of the views nor that of the samples changes the loss, which is -1 where all rows are alike. The
// predictor keeps the peak rate; without one there is nothing to tune.
func TestSimSiam(t *testing.T) {
	m := &SimSiam{Projector: []int{6, 5}, Predictor: []int{4}, ConstantRate: true,
		Predicting: usualPredicting()}
	methodtest.Swapped(t, m, methodtest.Images(8, 8, 1))
	methodtest.Reordered(t, m, methodtest.Images(8, 8, 1))
	tuned := func(m *SimSiam) (scopes []string) {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, twoSizes)
			o := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
			for _, tune := range o.Tune {
				if tune.Flat {
					scopes = append(scopes, tune.Scope)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return scopes
	}
	if got := strings.Join(tuned(m), " "); got != "predictor" {
		t.Errorf("the peak rate is kept by %q, want the predictor", got)
	}
	m.NoPredictor = true
	if got := tuned(m); len(got) != 0 {
		t.Errorf("without a predictor the peak rate is kept by %q", got)
	}
	for want, m := range map[string]*SimSiam{
		"projector: []: want at least one width": {Predicting: usualPredicting()},
		"predictor: [0]: every width must be at l": {Projector: []int{4}, Predictor: []int{0},
			Predicting: usualPredicting()},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := DefaultSimSiam().Validate(); err != nil {
		t.Error(err)
	}
}

// The predictor of second moments with known eigenvectors; of no moments it is the identity. The job writes it.
func TestDirectPredPredictor(t *testing.T) {
	m := DefaultDirectPred()
	m.Epsilon = 0.1
	array := func(v ...float32) ir.Array {
		a := ir.NewArray(ir.Type{Shape: ir.Shape{2, 2}})
		copy(a.F32, v)
		return a
	}
	// eigenvalues 4 along (1,1) and 1 along (1,-1): sqrt(1)+0.1 and sqrt(1/4)+0.1
	moments, predictor := array(2.5, 1.5, 1.5, 2.5), array(7, 7, 7, 7)
	h := memoryHost{1, map[string]ir.Array{directMoments: moments, directPredictor: predictor}}
	if err := m.set(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.85, 0.25, 0.25, 0.85} {
		if got := float64(predictor.F32[i]); math.Abs(got-want) > 1e-6 {
			t.Errorf("entry %d of the predictor is %v, want %v", i, got, want)
		}
	}
	clear(moments.F32)
	if err := m.set(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{1, 0, 0, 1} {
		if predictor.F32[i] != want {
			t.Errorf("before the first step entry %d is %v, want %v", i, predictor.F32[i], want)
		}
	}
	moments.F32[0] = float32(math.NaN())
	if err := m.set(t.Context(), h); err == nil {
		t.Error("moments that are not finite make a predictor")
	}
}

// The loss through a small encoder against central differences, for the student's parameters alone, and its symmetries.
func TestDirectPredGradients(t *testing.T) {
	m := &DirectPred{Projector: []int{6, 4}, Momentum: 0.9, Memory: 0.3, Epsilon: 0.01, Every: setting.Steps(1)}
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		b := methods.NewBatch(s, 4, methodtest.Images(6, 5, 2))
		return m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b).Loss()
	}, func(st *graph.Store) { optest.Fill(st.Get(directPredictor).Array, "predictor") }, 8, 2e-5)
	methodtest.Swapped(t, m, methodtest.Images(8, 8, 1))
	methodtest.Reordered(t, m, methodtest.Images(8, 8, 1))
	for want, change := range map[string]func(){
		"epsilon: -1: want 0 or more":            func() { m.Epsilon = -1 },
		"every: 0 steps: want at least":          func() { m.Every = setting.Length{} },
		"memory: 3: want a number from 0 to 1":   func() { m.Memory = 3 },
		"momentum: 2: want a number from 0 to 1": func() { m.Momentum = 2 },
	} {
		*m = *DefaultDirectPred()
		change()
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := DefaultDirectPred().Validate(); err != nil {
		t.Error(err)
	}
}
