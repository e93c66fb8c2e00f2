package text_test

import (
	"math"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/methods/text"
	"selfsup/recipes/overlay"
)

// spelledMaker describes windows of symbols whose vocabulary is known.
type spelledMaker struct {
	feed.Maker
	vocabulary *datasets.Vocabulary
}

func (m spelledMaker) Vocabulary() *datasets.Vocabulary { return m.vocabulary }

// windows is windows of 6 symbols out of 7, which are letters and a full stop.
func windows() methods.Data {
	v, err := datasets.VocabularyOf(datasets.Characters, []string{".", "a", "b", "c", "d"})
	if err != nil {
		panic(err)
	}
	f := func(name string) feed.Field { return feed.Field{Name: name, Shape: []int{6}, Int: true, Of: []int{7}} }
	d := methodtest.Data(f("view"), f("noise"), f("other"), f("positive"), f("negative"))
	d.Maker = spelledMaker{d.Maker, v}
	return d
}

func smallSpelling() *text.Spelling {
	m := text.DefaultSpelling()
	m.Letters = overlay.Choice[backbones.Backbone]{Name: "symbols", Value: &backbones.Symbols{Width: 4}}
	m.Length, m.Dim = 9, 5
	return m
}

// Every method's gradient is that of its loss.
func TestGradientsOfAll(t *testing.T) {
	generator := text.Generator{Ratio: 0.5, Width: 8, Depth: 1, Heads: 1, Weight: 1}
	cbow := text.DefaultWord2Vec()
	cbow.Form = "cbow"
	scrambled := text.DefaultSimCSE()
	scrambled.Negatives, scrambled.NegativeWeight = "scrambled", 0.5
	triples := text.DefaultSimCSE()
	triples.Positives, triples.Negatives = "given", "given"
	declutr := text.DefaultDeCLUTR()
	declutr.Least, declutr.Most, declutr.Anchors = 1, 3, 2
	rewriting := text.Rewriting{Depth: 1, Heads: 2, MLP: 6}
	t5, bart, ul2 := text.DefaultT5(), text.DefaultBART(), text.DefaultUL2()
	t5.Rewriting, bart.Rewriting, ul2.Rewriting = rewriting, rewriting, rewriting
	gpt := small("pre")
	gpt.Form = "gpt"
	dropped := small("pre")
	dropped.Dropout = 0.2
	for name, c := range map[string]struct {
		m   methods.Method
		net backbones.Backbone
	}{
		"bert": {text.DefaultBERT(), small("post")}, "gpt": {text.DefaultGPT(), gpt},
		"electra": {&text.ELECTRA{Generator: generator, Weight: 50}, small("pre")},
		"cocolm": {&text.COCOLM{Generator: generator, Copy: 50, Correct: 1e-12, Contrast: 1, Temperature: 1,
			Crop: 0.9}, small("pre")}, // in the corrective term a gradient is stopped, see TestCorrected
		"t5": {t5, small("pre")}, "bart": {bart, small("pre")}, "ul2": {ul2, small("pre")},
		"simcse": {scrambled, dropped}, "triples": {triples, small("pre")}, "declutr": {declutr, small("pre")},
		"skipgram": {text.DefaultWord2Vec(), &backbones.Symbols{Width: 5}},
		"cbow":     {cbow, &backbones.Symbols{Width: 5}},
		"spelling": {smallSpelling(), small("pre")},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.m.Validate(); err != nil {
				t.Fatal(err)
			}
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				n := 3
				if name == "bert" {
					n = 2 // the test's labels are the rows' numbers
				}
				b := methods.NewBatch(s, n, windows())
				return c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, nil, 8, 5e-5)
		})
	}
}

// The corrective term is -log(same c + (1-c) p), with a gradient by p alone.
func TestCorrected(t *testing.T) {
	nats, logit, same := []float64{0.3, 2, 5, 0.1}, []float64{1.5, -2, 0.4, -7}, []float64{1, 1, 0, 0}
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		x := s.Param("nats", ongraph.Hold(golden.Tensor{Data: nats}), 4)
		c := s.Param("logit", ongraph.Hold(golden.Tensor{Data: logit}), 4)
		loss := text.Corrected(x, c, s.Floats("same", same, 4))
		s.Output("y", loss)
		s.Output("gradient", s.Gradients(op.SumAll(loss), []*graph.Node{x})[0])
		if d := s.Gradients(op.SumAll(loss), []*graph.Node{c})[0]; d != nil {
			t.Error("a gradient flows into what is copied")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	y, d := ongraph.Read(t, p, "y"), ongraph.Read(t, p, "gradient")
	for i := range nats {
		c, q := 1/(1+math.Exp(-logit[i])), math.Exp(-nats[i])
		all := same[i]*c + (1-c)*q
		if want, slope := -math.Log(all), (1-c)*q/all; math.Abs(y[i]-want) > 1e-12 || math.Abs(d[i]-slope) > 1e-12 {
			t.Errorf("place %d: %v with slope %v, want %v and %v", i, y[i], d[i], want, slope)
		}
	}
}
