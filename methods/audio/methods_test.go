package audio

import (
	"context"
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/masked"
	"selfsup/methods/methodtest"
)

// utterances is windows of 60 samples, 12 steps of the small encoder, and their coefficients.
func utterances() methods.Data {
	return methodtest.Data(feed.Field{Name: "view", Shape: []int{60, 1}},
		feed.Field{Name: "length", Int: true, Of: []int{61}}, feed.Field{Name: "mfcc4", Shape: []int{15, 3}})
}

func speech() *backbones.Wav2Vec2 {
	return &backbones.Wav2Vec2{Widths: []int{4, 6}, Kernels: []int{4, 3}, Strides: []int{2, 2}, Steps: "layer",
		Channels: 4, Depth: 2, Heads: 2, Hidden: 6, Kernel: 3, Groups: 2, Norm: "pre"}
}

// patches is a small ViT of spectrograms of 8 frames and 8 bands.
func patches() *backbones.ViT {
	v := backbones.DefaultViT()
	v.Size, v.Channels, v.Depth, v.Heads, v.Patch, v.Pool, v.Position = "tiny", 8, 1, 2, 2, "mean", "sincos"
	return v
}

func pictures() methods.Data { return methodtest.Images(8, 8, 1) }

func holes() Spans { return Spans{Mask: 0.5, Length: 2} }

func smallWav2Vec2() *Wav2Vec2 {
	m := DefaultWav2Vec2()
	m.Spans, m.Entries, m.Codes, m.Distractors, m.Dim, m.Convolving = holes(), 3, 4, 3, 4, 1
	return m
}

func smallHuBERT() *HuBERT {
	m := DefaultHuBERT()
	m.Spans, m.Clusters, m.Dim, m.Seen = holes(), 4, 3, 0.3
	return m
}

// The gradient of every method against central differences in float64. What is straight-through or drawn by a largest
// number is held by golden numbers: the quantiser's gradient is none of its forward pass, so its entries and scores are
// left out by a quantiser that is not trained.
func TestMethodGradients(t *testing.T) {
	audioMAE := DefaultMAE()
	audioMAE.MAE = masked.MAE{Mask: 0.6, DecoderDim: 8, DecoderDepth: 1, DecoderHeads: 2, NormalizePixels: true}
	audioMAE.Masking = inBoth
	byol := DefaultBYOLA()
	byol.Projector, byol.Predictor = []int{5, 3}, []int{4}
	small := &backbones.AudioNTT{Channels: 3, Depth: 2, Width: 4}
	for name, c := range map[string]struct {
		m    methods.Method
		net  backbones.Backbone
		data methods.Data
	}{
		"hubert": {smallHuBERT(), speech(), utterances()},
		"data2vec": {&Data2Vec{Spans: holes(), Layers: 2, Beta: 0.5, Momentum: [2]float64{0.9, 0.9}}, speech(),
			utterances()},
		"audio_mae": {audioMAE, patches(), pictures()},
		"byol_a":    {byol, small, pictures()},
		"cola":      {&COLA{Dim: 3}, small, pictures()},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, c.data)
				return c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, nil, 4, 5e-5)
		})
	}
	t.Run("wav2vec2, its contrast", func(t *testing.T) {
		optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
			x, y := s.Param("x", graph.Normal(1), 2, 4, 3), s.Param("y", graph.Normal(1), 2, 4, 3)
			others, known := smallWav2Vec2().draw(s, s.Floats("picked", []float64{1, 1, 1, 1, 1, 1, 1, 0}, 2, 4))
			each, _ := Distinguish(s, x, y, others, known, 0.3)
			return op.MeanAll(each)
		}, nil, 8, 2e-5)
	})
}

// run builds a graph and reads its outputs.
func run(t *testing.T, st *graph.Store, build func(s *graph.Scope)) func(name string) []float64 {
	t.Helper()
	g, err := graph.Build(graph.Options{DType: ir.F32, Training: true}, build)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return func(name string) []float64 { return ongraph.Read(t, p, name) }
}

// Distractors are other hidden steps of the same utterance, none twice; where it has too few, those of padding do not
// count, and neither does one that is the same as the goal.
func TestDistractors(t *testing.T) {
	picked := []float64{1, 1, 1, 1, 1, 1, 1, 0, 0, 0}
	read := run(t, graph.NewStore(1), func(s *graph.Scope) {
		others, known := (&Wav2Vec2{Distractors: 3}).draw(s, s.Floats("picked", picked, 2, 5))
		s.Output("others", s.Float(others))
		s.Output("known", known)
		y := s.Floats("y", []float64{1, 0, 1, 0, 0, 1, 0, -1, -1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 2, 5, 2)
		all := s.Ints("all", []int32{1, 2, 0, 2, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1})
		each, right := Distinguish(s, y, y, op.Reshape(all, 2, 10), nil, 1)
		s.Output("each", each)
		s.Output("right", right)
	})
	others, known := read("others"), read("known")
	for i := 0; i < len(others); i += 3 {
		row, step, seen := i/15, i/3%5, map[float64]bool{}
		for k, v := range others[i : i+3] {
			if seen[v] || int(v) == step && known[i+k] == 1 || known[i+k] != picked[row*5+int(v)] {
				t.Errorf("utterance %d, step %d: distractors %v, there %v", row, step, others[i:i+3], known[i:i+3])
			}
			seen[v] = true
		}
		if row == 0 && step < 5 && known[i]+known[i+1]+known[i+2] != 3 {
			t.Errorf("utterance 0, step %d: %v are there, want all", step, known[i:i+3])
		}
	}
	// step 0 is told from step 1, which is the same and does not count, and step 2, at a right angle
	if got, want := read("each")[0], math.Log(1+math.Exp(-1)); math.Abs(got-want) > 1e-5 {
		t.Errorf("a goal and one at a right angle: %v, want %v", got, want)
	}
	if read("right")[0] != 1 {
		t.Error("the nearest is not the goal")
	}
}

// Steps of padding are not hidden, and the loss of an utterance does not depend on what else is in the batch.
func TestSpansAreOfTheRecording(t *testing.T) {
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 2, utterances())
		m := holes()
		u := m.listen(s, methods.EncoderOf(speech(), b.Of("view0")), b)
		if u.Rows != 14 || u.Hop != 4 || u.most < 6 || u.most > 8 {
			t.Errorf("%d steps every %d samples, at most %d hidden; want 14, 4, about 8", u.Rows, u.Hop, u.most)
		}
		s.Output("hidden", u.hidden)
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	mask, _ := p.Input("mask0")
	length, _ := p.Input("length")
	mask.Fill(1)
	length.I32[0], length.I32[1] = 60, 17
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	for i, v := range ongraph.Read(t, p, "hidden") {
		if want := i < 14 || i < 14+5; (v == 1) != want { // 17 samples reach the steps that begin at 0, 4, 8, 12, 16
			t.Errorf("step %d of utterance %d is hidden: %v", i%14, i/14, v)
		}
	}
}

// computing is a Host of a Store whose network says what it is told.
type computing struct {
	methods.Host
	st   *graph.Store
	said []float32
}

func (h computing) Compute(context.Context, int, func(*graph.Scope, *methods.Batch) *graph.Node) ([]float32, error) {
	return h.said, nil
}
func (h computing) Entry(name string) ir.Array { return h.st.Get(name).Array }

// Clusters are found in units of the deviations, of steps that are there alone, and each step gets the nearest.
func TestClusters(t *testing.T) {
	rows, factors := standardised([]float32{1, 100, 1, 3, 300, 1, 50, 50, 0}, 2)
	if want := []float32{1, 1, 3, 3}; len(rows) != 4 || math.Abs(float64(rows[3]-want[3])) > 1e-5 ||
		factors[0] != 1 || math.Abs(float64(factors[1]-0.01)) > 1e-6 {
		t.Errorf("rows %v and factors %v, want %v and [1 0.01]", rows, factors, want)
	}
	read := run(t, graph.NewStore(1), func(s *graph.Scope) {
		rows := s.Floats("rows", []float64{0, 0, 1, 1.2, 5, 4}, 3, 2)
		s.Output("of", s.Float(nearest(rows, s.Floats("centres", []float64{4, 4, 0, 0.1, 1, 1}, 3, 2))))
	})
	if of := read("of"); of[0] != 1 || of[1] != 2 || of[2] != 0 {
		t.Errorf("clusters %v, want 1, 2, 0", of)
	}
	m := smallHuBERT()
	err := m.cluster(context.Background(), computing{said: []float32{1, 1, 1, 2, 2, 1}}, methods.Encoder{}, 2)
	if err == nil || !strings.Contains(err.Error(), "2 steps for clusters = 4; want more recordings") {
		t.Errorf("got %v, want too few steps refused", err)
	}
}

// Every way to mask hides about as much, and lines are whole.
func TestMaskings(t *testing.T) {
	g := masks.Grid{Frames: 1, Rows: 10, Columns: 8}
	for masking, want := range map[string]int{anyPatches: 24, inTime: 24, inBands: 20, inBoth: 20} {
		m := DefaultMAE()
		m.Mask, m.Masking = 0.7, masking
		kind, visible := m.kind(g)
		if visible != want {
			t.Errorf("%s: %d of 80 patches stay, want %d", masking, visible, want)
		}
		if err := kind.Validate(g); err != nil {
			t.Errorf("%s: %v", masking, err)
		}
	}
}

// The bilinear form finds the partner where it is the identity and embeddings differ; views are scaled over the batch.
func TestCOLAAndBYOLA(t *testing.T) {
	read := run(t, graph.NewStore(1), func(s *graph.Scope) {
		x := s.Floats("x", []float64{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2, 1)
		s.Output("scaled", overBatch(s, x))
	})
	sum, squares := 0.0, 0.0
	for _, v := range read("scaled") {
		sum, squares = sum+v, squares+v*v
	}
	if math.Abs(sum) > 1e-5 || math.Abs(squares/8-1) > 1e-5 {
		t.Errorf("mean %v and variance %v, want 0 and 1", sum/8, squares/8)
	}
	methodtest.Reordered(t, &COLA{Dim: 4}, pictures())
	byol := DefaultBYOLA()
	byol.Projector, byol.Predictor = []int{5, 3}, []int{4}
	methodtest.Swapped(t, byol, pictures())
}

// Data and backbones that are not for a method are refused with what would do, and so are settings.
func TestMethodsRefuse(t *testing.T) {
	build := func(m methods.Method, d methods.Data, net backbones.Backbone) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, d)
			m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		return err
	}
	deep := &Data2Vec{Spans: holes(), Layers: 3, Momentum: [2]float64{0.9, 0.9}}
	bad := DefaultWav2Vec2()
	bad.Codes = 7
	for want, err := range map[string]error{
		"this method hides steps of waves, choose a dataset of recordings": build(smallWav2Vec2(), pictures(),
			patches()),
		"this backbone has no tokens of steps: choose [backbone.wav2vec2]": build(smallHuBERT(), utterances(),
			small("none")),
		"layers = 3 of an encoder with 2 blocks":                build(deep, utterances(), speech()),
		"this method hides patches of spectrograms; want bands": build(DefaultMAE(), utterances(), speech()),
		"this method compares spectrograms; want bands": build(DefaultCOLA(), utterances(),
			speech()),
		"codes: 7: want a multiple of books = 2": bad.Validate(),
		`masking: "lines": want "random"`: (&MAE{MAE: *masked.DefaultMAE(),
			Masking: "lines"}).Validate(),
		"clusters: 1": (&HuBERT{Spans: holes(), Layer: 1, Clusters: 1, Iterations: 1, Recordings: 1, Dim: 1,
			Softness: 1}).Validate(),
		"mask: 0: want a fraction": (&Data2Vec{Layers: 1}).Validate(),
		"dim: 0":                   (&COLA{}).Validate(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, m := range []methods.Method{DefaultWav2Vec2(), DefaultHuBERT(), DefaultData2Vec(), DefaultMAE(),
		DefaultBYOLA(),
		DefaultCOLA()} {
		if err := m.Validate(); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}
