package tabular_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/methods/tabular"
)

// Two columns of numbers, of which the second may be missing, one of four categories, and a third of numbers.
var (
	mixedOf   = []int{0, 0, 4, 0, 0}
	mixedGaps = []int{1}
)

// mixedRows has rows of these columns, and draws from their distribution.
func mixedRows() methods.Data {
	of := func(name string) feed.Field {
		return feed.Field{Name: name, Shape: []int{len(mixedOf)}, Of: mixedOf, Gaps: mixedGaps}
	}
	d := methodtest.Data(of("view"), of("marginal"))
	d.Classes = 3
	return d
}

// someRows are n rows; shift tells several apart. Some numbers are missing.
func someRows(n, shift int) (v []float64) {
	for i := range n {
		missing := float64((i + shift) % 2)
		v = append(v, math.Sin(float64(3*i+shift+1)), (1-missing)*math.Cos(float64(5*i+shift)), float64((i+2*shift)%4),
			math.Sin(float64(7*i+2*shift)), missing)
	}
	return v
}

// batch is n rows as constants, their labels, and whatever else is asked for.
func batch(s *graph.Scope, n int) *methods.Batch {
	b := methods.NewBatch(s, n, mixedRows())
	b.Put(feed.View(0), s.Floats("rows", someRows(n, 0), n, len(mixedOf)))
	for k := range 4 {
		b.Put(feed.Marginal(k), s.Floats(fmt.Sprint("others", k), someRows(n, k+1), n, len(mixedOf)))
	}
	return b
}

var (
	mlp       = &backbones.MLP{Widths: []int{6, 5}}
	ft        = &backbones.FTTransformer{Channels: 4, Depth: 2, Heads: 2, Feed: 2, Pool: "class"}
	subsets   = &backbones.Subsets{Count: 2, Overlap: 0.5, Widths: []int{5, 4}}
	saintCode = &backbones.SAINT{Channels: 4, Depth: 1, Heads: 2, HeadSize: 3, RowSize: 3, Style: "colrow",
		Residual: "code", Pool: "class"}
	saintMean = &backbones.SAINT{Channels: 4, Depth: 1, Heads: 2, HeadSize: 3, RowSize: 3, Style: "mean",
		Residual: "paper", Pool: "class"}
)

// Every method on small encoders.
var small = map[string]struct {
	method methods.Method
	net    backbones.Backbone
}{
	"scarf":                {&tabular.SCARF{Corrupt: 0.5, Projector: []int{6, 4}, Temperature: 0.5}, mlp},
	"scarf of transformer": {&tabular.SCARF{Corrupt: 0.5, Projector: []int{6, 4}, Temperature: 0.5}, ft},
	"vime":                 {&tabular.VIME{Corrupt: 0.4, Alpha: 2, Hidden: []int{4}}, mlp},
	"vime_semi": {&tabular.VIMESemi{Corrupt: 0.4, Copies: 2, Beta: 1, Consistency: "variance", Hidden: []int{4}},
		mlp},
	"vime_semi of clean": {&tabular.VIMESemi{Corrupt: 0.4, Copies: 1, Beta: 1, Consistency: "clean"}, mlp},
	"swap_noise":         {&tabular.SwapNoise{Swap: 0.4, Intact: 0.5, Hidden: []int{4}}, mlp},
	"contrast_restore": {&tabular.ContrastRestore{Corrupt: 0.5, Contrast: 1, Restore: 1, Projector: []int{4},
		Temperature: 0.5, Hidden: []int{4}}, mlp},
	"target_aware": {&tabular.TargetAware{Objective: "restore", Corrupt: 0.5, Supervised: 1, Condition: true,
		Hidden: []int{4}}, mlp},
	"target_aware of the mask": {&tabular.TargetAware{Objective: "mask", Corrupt: 0.5, Supervised: 1}, mlp},
	"subtab": {&tabular.SubTab{Swap: 0.3, Temperature: 0.5, Similarity: "cosine", Contrast: true, Distance: true,
		Projector: []int{4}, Decoder: []int{5}}, subsets},
	"subtab of products": {&tabular.SubTab{Temperature: 0.5, Similarity: "dot", Contrast: true,
		Projector: []int{4}}, subsets},
	"saint": {&tabular.SAINT{CutMix: 0.3, Mixup: 0.3, Temperature: 0.7, Contrast: 0.5, Categories: 1, Numbers: 10,
		Projector: []int{4}, Hidden: 1}, saintCode},
	"tabbie": {&tabular.TABBIE{Corrupt: 0.4}, saintMean},
	"met":    {&tabular.MET{Ratio: 0.5, Depth: 1, Heads: 2, Adversary: 0, Radius: 1}, ft},
}

// The gradient of every method's loss by all its parameters, against central differences in float64, with numbers,
// categories and entries that are missing. The row that MET's adversary finds depends on the parameters, and no
// gradient goes through it: see TestMETAdversary.
func TestGradients(t *testing.T) {
	for name, c := range small {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := batch(s, 4)
				return c.method.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, nil, 8, 2e-5)
		})
	}
}

// terms builds a method over a Store and returns the value of its terms by name.
func terms(t *testing.T, m methods.Method, net backbones.Backbone, fill func(s *graph.Scope) *methods.Batch,
	inputs map[string]func(a ir.Array)) map[string]float64 {
	t.Helper()
	var names []string
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		b := fill(s)
		for _, term := range m.Build(s, methods.EncoderOf(net, b.Of("view0")), b).Terms {
			names = append(names, term.Name)
			s.Output(term.Name, term.Value)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(5))
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range p.Inputs() {
		if f := inputs[strings.TrimRight(name, "0123456789")]; f != nil {
			f(a)
		}
	}
	p.Schedule(graph.Time{Steps: 1, PerEpoch: 1})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, name := range names {
		a, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		values[name] = a.At(0)
	}
	return values
}

// An entry that is missing is not told: what stands in its place, 0 by convention, changes no loss.
func TestMissingIsNotTold(t *testing.T) {
	for name, c := range small {
		of := func(instead float64) map[string]float64 {
			return terms(t, c.method, c.net, func(s *graph.Scope) *methods.Batch {
				b := methods.NewBatch(s, 4, mixedRows())
				told := someRows(4, 0)
				for i := range 4 {
					if told[5*i+4] == 1 {
						told[5*i+1] = instead
					}
				}
				// Encoders that read the entry itself would see it: nothing else of the row may depend on it.
				b.Put(feed.View(0), s.Floats("rows", told, 4, len(mixedOf)))
				for k := range 4 {
					b.Put(feed.Marginal(k), s.Floats(fmt.Sprint("others", k), someRows(4, k+1), 4, len(mixedOf)))
				}
				return b
			}, nil)
		}
		if name != "swap_noise" && name != "vime" {
			continue
		}
		was := of(0)["entries"]
		if got := of(1e-3)["entries"]; math.Abs(got-was) > 1e-2 {
			t.Errorf("%s: the entries' error is %v, and %v with another number where it is missing", name, was, got)
		}
		if got := of(1e3)["entries"]; got > 1e5 { // squared it would be 1e6 a row
			t.Errorf("%s: the entries' error is %v with 1000 where a number is missing: it is told", name, got)
		}
	}
}

// The row that the adversary moves is harder to tell than the row itself, and the longer the move, the harder.
func TestMETAdversary(t *testing.T) {
	mask := map[string]func(ir.Array){"mask": func(a ir.Array) {
		for i := range a.Shape.Size() {
			a.Set(i, float64(i%2))
		}
	}}
	last := 0.0
	for _, radius := range []float64{1e-9, 0.01, 0.1} {
		m := &tabular.MET{Ratio: 0.5, Depth: 1, Heads: 2, Adversary: 1, Radius: radius}
		got := terms(t, m, ft, func(s *graph.Scope) *methods.Batch { return batch(s, 4) }, mask)
		if radius < 1e-6 && math.Abs(got["adversary"]-got["entries"]) > 1e-6 {
			t.Errorf("moved by nothing the error is %v, want %v", got["adversary"], got["entries"])
		}
		if radius > 1e-6 && !(got["adversary"] > got["entries"]+1e-4) || got["adversary"] < last {
			t.Errorf("moved by %v the error is %v, want more than %v and %v", radius, got["adversary"], got["entries"],
				last)
		}
		last = got["adversary"]
	}
}

// What is wrong with a method's settings, its backbone or its data is said, with what would be right.
func TestErrors(t *testing.T) {
	build := func(m methods.Method, net backbones.Backbone, d methods.Data) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, d)
			m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		return err
	}
	saint := func(change func(*tabular.SAINT)) *tabular.SAINT {
		m := tabular.DefaultSAINT()
		change(m)
		return m
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"no tokens", build(tabular.DefaultSAINT(), mlp, mixedRows()),
			"no tokens of columns; want ft_transformer or saint"},
		{"no subsets", build(tabular.DefaultSubTab(), mlp, mixedRows()), "reads rows as a whole; want subsets"},
		{"columns left out", build(&tabular.MET{Ratio: 0.5, Depth: 1, Heads: 2, Radius: 1}, saintCode, mixedRows()),
			"methods that leave columns out want ft_transformer"},
		{"heads", build(&tabular.MET{Ratio: 0.5, Depth: 1, Heads: 3, Radius: 1}, ft, mixedRows()), "decoder_heads = 3"},
		{"images", build(tabular.DefaultVIME(), mlp, methodtest.Images(4, 4, 1)), `no field "marginal"`},
		{"corrupt", (&tabular.VIME{Corrupt: 1}).Validate(), "1: want a share of the entries between 0 and 1"},
		{"alpha", (&tabular.VIME{Corrupt: 0.5, Alpha: -1}).Validate(), "alpha"},
		{"copies", (&tabular.VIMESemi{Corrupt: 0.5, Copies: 1, Consistency: "variance"}).Validate(), "copies"},
		{"consistency", (&tabular.VIMESemi{Consistency: "none"}).Validate(), `want "clean" or "variance"`},
		{"no weight", (&tabular.ContrastRestore{}).Validate(), "want a weight above 0 for one of them"},
		{"objective", (&tabular.TargetAware{Objective: "all"}).Validate(), `want "restore" or "mask"`},
		{"no label", (&tabular.TargetAware{Objective: "mask"}).Validate(), "the labels have no part"},
		{"similarity", (&tabular.SubTab{Similarity: "l2"}).Validate(), `want "cosine" or "dot"`},
		{"swap", (&tabular.SubTab{Similarity: "dot", Swap: 1}).Validate(), "swap"},
		{"mixup", saint(func(m *tabular.SAINT) { m.Mixup = 2 }).Validate(), "mixup"},
		{"hidden", saint(func(m *tabular.SAINT) { m.Hidden = 0 }).Validate(), "hidden"},
		{"ratio", (&tabular.MET{Ratio: 1}).Validate(), "ratio"},
	} {
		if c.err == nil || !strings.Contains(fmt.Sprintf("%+v %v", c.err, c.err), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, c.err, c.want)
		}
	}
}
