package masked

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// towered is a method with a tower of texts and nothing else.
type towered struct {
	methods.Method
	tower backbones.Backbone
}

func (m towered) TextTower() (backbones.Backbone, string) { return m.tower, "text" }

var smallReader = &backbones.Transformer{Channels: 6, Depth: 1, Heads: 2, Norm: "pre", Eps: 1e-6, Deviation: 0.5,
	Form: "bert", Attention: "full"}

// captionOf is captions of 4 symbols.
func captionOf(symbols int) backbones.Input {
	return backbones.Input{Shape: []int{4}, Int: true, Of: []int{symbols}}
}

func smallMuse(t *testing.T) *Muse {
	t.Helper()
	m := &Muse{Depth: 1, Heads: 2, Smoothing: 0.1, Drop: 0.5, Guidance: 2, Iterations: 4, Choice: 4.5}
	vq := &VQVAE{Vocabulary: 5, Code: 3, Widths: []int{4}, Beta: 0.25, Decay: 0.9}
	for key, l := range map[string]methods.Lent{
		"tokenizer": {Method: vq, Backbone: smallConv, Input: backbones.Pixels(8, 8, 1)},
		"text":      {Method: towered{tower: smallReader}, Caption: captionOf(7)},
	} {
		if err := m.Lend(key, l); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func withCaptions(symbols int) methods.Data {
	return methodtest.Data(feed.Field{Name: "view", Shape: []int{8, 8, 1}}, feed.Field{Name: "caption", Shape: []int{4},
		Int: true, Of: []int{symbols}})
}

// The gradient against central differences; what is lent has none.
func TestMuseGradient(t *testing.T) {
	for name, drop := range map[string]float64{"some captions": 0.5, "all captions": 0} {
		t.Run(name, func(t *testing.T) {
			m := smallMuse(t)
			m.Drop = drop
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, withCaptions(7))
				loss := m.Build(s, methods.EncoderOf(fourByFour, b.Of("view0")), b).Loss()
				for _, p := range s.Params() {
					n := s.Name(p)
					if strings.HasPrefix(n, tokenizerScope+"/") || strings.HasPrefix(n, readerScope+"/") {
						t.Errorf("%s is trained", n)
					}
				}
				return loss
			}, nil, 4, 5e-5)
		})
	}
}

// What logits depend on: a caption where it is told and nowhere else, tokens that are seen and no others. Guidance at 0
// is the caption's logits, at -1 those without one, and between and beyond on the line through both.
func TestMuseLogits(t *testing.T) {
	const b, n, k = 2, 16, 5
	m := smallMuse(t)
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		batch := methods.NewBatch(s, b, withCaptions(7))
		e := methods.EncoderOf(fourByFour, batch.Of("view0")).Tokens(s)
		tell := m.network(s, e, batch)
		ids, hidden := s.IntInput("ids", b, n), s.Input("hidden", b, n)
		none := op.Reshape(s.Constant(0), 1, 1, 1)
		logits := func(told *graph.Node) *graph.Node {
			_, y := tell(ids, hidden, told)
			return y
		}
		s.Output("with", logits(nil))
		s.Output("without", logits(none))
		s.Output("half", logits(op.Reshape(s.Floats("half", []float64{1, 0}, 2), b, 1, 1)))
		for name, scale := range map[string]float64{"0": 0, "-1": -1, "2.5": 2.5} {
			s.Output("guided"+name, guided(scale, logits, none))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	in := p.Inputs()
	for i := range in["ids"].I32 {
		in["ids"].I32[i] = int32(i % k)
		in["hidden"].F32[i] = float32(i % 2)
	}
	words := in["caption"].I32
	copy(words, []int32{2, 3, 4, 0, 5, 2, 0, 0})
	read := func(name string) []float64 {
		t.Helper()
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(ongraph.Read(t, p, name))
	}
	with, without, half := read("with"), read("without"), read("half")
	if !slices.Equal(half[:n*k], with[:n*k]) || !slices.Equal(half[n*k:], without[n*k:]) {
		t.Error("logits of a told and of a dropped caption in one batch are not those of either alone")
	}
	if !slices.Equal(read("guided0"), with) || !slices.Equal(read("guided-1"), without) {
		t.Error("guidance at 0 and at -1 is not what is told with and without the caption")
	}
	for i, v := range read("guided2.5") {
		if want := without[i] + 3.5*(with[i]-without[i]); math.Abs(v-want) > 1e-4*(1+math.Abs(want)) {
			t.Fatalf("logit %d with guidance 2.5 is %v, want %v", i, v, want)
		}
	}
	words[0] = 6
	if other := read("with"); slices.Equal(other[:n*k], with[:n*k]) || !slices.Equal(other[n*k:], with[n*k:]) {
		t.Error("another caption of image 0 has to change the logits of image 0 alone")
	}
	if !slices.Equal(read("without"), without) {
		t.Error("logits without a caption depend on the caption")
	}
	words[0] = 2
	in["ids"].I32[1], in["ids"].I32[n+3] = 4, 1
	if !slices.Equal(read("with"), with) {
		t.Error("logits depend on tokens that are hidden")
	}
	in["ids"].I32[2] = 4
	if slices.Equal(read("with")[:n*k], with[:n*k]) {
		t.Error("logits do not depend on a token that is seen")
	}
}

// What is drawn depends on the source of random numbers and on nothing else; guidance rises evenly from 0.
func TestMuseDraws(t *testing.T) {
	m := smallMuse(t)
	for i, want := range []float64{0, 2. / 3, 4. / 3, 2} {
		if got := m.guidance(i); math.Abs(got-want) > 1e-12 {
			t.Errorf("guidance %v at step %d, want %v", got, i, want)
		}
	}
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 2, withCaptions(7))
		s.Output("drawn", m.Draw(s, methods.EncoderOf(fourByFour, b.Of("view0")), b, graph.RandomOf(s.Input("key", 2),
			s.Input("step"))))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	in := p.Inputs()
	copy(in["caption"].I32, []int32{2, 3, 4, 0, 2, 3, 4, 0})
	copy(in["key"].F32, []float32{5, 6})
	read := func(step float32) []float64 {
		in["step"].F32[0] = step
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(ongraph.Read(t, p, "drawn"))
	}
	first, other, again := read(0), read(1), read(0)
	if len(first) != 2*8*8 || !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Errorf("%d pixels; drawn again alike: %v, at another step alike: %v; want 128, true and false", len(first),
			slices.Equal(first, again), slices.Equal(first, other))
	}
	if slices.Equal(first[:64], first[64:]) {
		t.Error("two images of one caption are alike")
	}
}

// What a run must be to read captions, and what settings are refused.
func TestMuseErrors(t *testing.T) {
	build := func(symbols int) error {
		m := smallMuse(t)
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, withCaptions(symbols))
			m.Build(s, methods.EncoderOf(fourByFour, b.Of("view0")), b)
		})
		return err
	}
	lend := func(of methods.Method, in backbones.Input) error {
		return DefaultMuse().Lend("text", methods.Lent{Method: of, Caption: in})
	}
	set := func(change func(m *Muse)) error {
		m := DefaultMuse()
		change(m)
		return m.Validate()
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{build(7), ""},
		{build(8), "its captions are [4] of [7] symbols, and these [4] of [8]"},
		{lend(towered{tower: smallReader}, captionOf(7)), ""},
		{lend(towered{tower: backbones.DefaultSymbols()}, captionOf(7)), "[method.clip.text.transformer]"},
		{lend(DefaultMAE(), captionOf(7)), "without a tower of texts"},
		{lend(towered{tower: smallReader}, backbones.Input{}), "without a tower of texts"},
		{set(func(m *Muse) {}), ""},
		{set(func(m *Muse) { m.Drop = 0 }), "drop = 0 trains none"},
		{set(func(m *Muse) { m.Drop, m.Guidance = 0, 0 }), ""},
		{set(func(m *Muse) { m.Drop = 1 }), "drop"},
		{set(func(m *Muse) { m.Iterations = 0 }), "iterations"},
	} {
		if c.want == "" && c.err != nil || c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)) {
			t.Errorf("got %v, want an error with %q", c.err, c.want)
		}
	}
}
