package backbones_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// mixedRow is two columns of numbers, three categories and one for none, and another number.
var mixedRow = backbones.Rows(0, 0, 4, 0, 2)

// mixedRows are some.
var mixedRows = [][]float32{{0.5, -1, 0, 2, 1}, {-0.25, 0.75, 3, 0, 0}, {1.5, 0, 2, -1, 1}}

// someRows declares mixedRows as a constant, for tests that leave inputs to others.
func someRows(s *graph.Scope) *graph.Node {
	var v []float64
	for _, row := range mixedRows {
		for _, x := range row {
			v = append(v, float64(x))
		}
	}
	return s.Floats("rows", v, len(mixedRows), len(mixedRow.Of))
}

var rowBackbones = map[string]backbones.Backbone{
	"mlp":            &backbones.MLP{Widths: []int{7, 5}},
	"ft_transformer": &backbones.FTTransformer{Channels: 8, Depth: 2, Heads: 2, Feed: 4. / 3, Pool: "class"},
	"subsets":        &backbones.Subsets{Count: 2, Overlap: 0.5, Widths: []int{5, 3}},
	"saint": &backbones.SAINT{Channels: 4, Depth: 2, Heads: 2, HeadSize: 3, RowSize: 5, Style: "colrow",
		Residual: "paper", Pool: "class"},
	"saint of means": &backbones.SAINT{Channels: 4, Depth: 1, Heads: 2, HeadSize: 3, RowSize: 5, Style: "mean",
		Residual: "code", Pool: "mean"},
	"ft_transformer of one block": &backbones.FTTransformer{Channels: 6, Depth: 1, Heads: 3, Feed: 2, Pool: "class"},
}

// Gradients by every parameter on rows of both kinds of column, on numbers alone, and on categories alone, against
// central differences.
func TestRowGradients(t *testing.T) {
	for name, net := range rowBackbones {
		for _, in := range []backbones.Input{mixedRow, backbones.Rows(0, 0, 0), backbones.Rows(3, 2),
			backbones.WithGaps([]int{1, 3}, 0, 0, 4, 0, 2)} {
			t.Run(fmt.Sprint(name, in.Of, in.Gaps), func(t *testing.T) {
				if err := net.Check(in); err != nil {
					t.Fatal(err)
				}
				optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
					var v []float64
					for i := range 4 * len(in.Of) {
						if n := in.Of[i%len(in.Of)]; n > 0 {
							v = append(v, float64((i/len(in.Of)+i)%n))
						} else {
							v = append(v, math.Sin(float64(3*i+1)))
						}
					}
					y := net.New(s, in)(s.Floats("rows", v, 4, len(in.Of)))
					if got := op.ShapeOf(y); got.Last() != net.Dim() || got[0] != 4 {
						t.Fatalf("features %v, want [4,%d]", got, net.Dim())
					}
					return op.SumAll(op.Square(op.Sub(op.Square(y), s.Constant(0.3))))
				}, spreadBiases, 12, 2e-5)
			})
		}
	}
}

// spreadBiases keeps a norm behind a branch from being of numbers that are nearly alike, where it bends too much for
// differences.
func spreadBiases(st *graph.Store) {
	for _, name := range st.Names() {
		if strings.HasSuffix(name, "columns/out/bias") {
			for a, i := st.Get(name).Array, 0; i < a.Shape.Size(); i++ {
				a.Set(i, math.Sin(float64(2*i+1)))
			}
		}
	}
}

// A row's category is an indicator in its column's place, and one without a category has the last; the MLP's first
// layer reads them so: the product with its weights against a loop.
func TestMLPReadsIndicators(t *testing.T) {
	net := &backbones.MLP{Widths: []int{3}}
	st := graph.NewStore(1)
	p := compile(t, cpu.Backend{}, st, graph.Options{}, func(s *graph.Scope) {
		s.Output("y", net.New(s, mixedRow)(someRows(s)))
	})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	y, err := p.Output("y")
	if err != nil {
		t.Fatal(err)
	}
	w := st.Get("0/linear/weight")
	if w == nil || w.Shape[0] != 3+4+2 {
		t.Fatalf("first layer %v, want 9 inputs: 3 numbers, 4 and 2 indicators", w)
	}
	start := []int{0, 1, 2, 6, 7}
	for b, row := range mixedRows {
		for j := range 3 {
			var sum float64
			for c, x := range row {
				at, by := start[c], float64(x)
				if mixedRow.Of[c] > 0 {
					at, by = start[c]+int(x), 1
				}
				sum += by * float64(w.F32[at*3+j])
			}
			want := max(sum/math.Sqrt(1+1e-5), 0) // running statistics are 0 and 1
			if got := y.At(3*b + j); math.Abs(got-want) > 1e-5 {
				t.Errorf("row %d, feature %d: %v, want %v", b, j, got, want)
			}
		}
	}
}

// An FT-Transformer's tokens are those of the paper's section 3.1, in the order of the columns, after the class token:
// without attention and feed the features are the class token, and a block's attention mixes in what the columns say.
func TestFTTransformerTokens(t *testing.T) {
	net := &backbones.FTTransformer{Channels: 4, Depth: 1, Heads: 1, Feed: 1, Pool: "class"}
	st := graph.NewStore(2)
	p := compile(t, cpu.Backend{}, st, graph.Options{}, func(s *graph.Scope) {
		s.Output("y", net.New(s, mixedRow)(someRows(s)))
	})
	get := func(name string) []float32 {
		e := st.Get(name)
		if e == nil {
			t.Fatalf("no %s in the store", name)
		}
		return e.F32
	}
	const dim = 4
	class, bias, weight := get("tokens/class"), get("tokens/bias"), get("tokens/weight")
	tables := map[int][]float32{2: get("tokens/table2"), 4: get("tokens/table4")}
	// The first block's attention reads the tokens without a norm: with q and k of 0 it is their mean, which v and
	// proj pass on unchanged.
	qkv, proj := get("blocks/0/attn/qkv/weight"), get("blocks/0/attn/proj/weight")
	clear(qkv)
	clear(proj)
	clear(get("blocks/0/mlp/fc2/weight"))
	for i := range dim {
		qkv[i*3*dim+2*dim+i], proj[i*dim+i] = 1, 1
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	y, err := p.Output("y")
	if err != nil {
		t.Fatal(err)
	}
	for b, row := range mixedRows {
		want := make([]float64, dim)
		var mean, square float64
		for d := range dim {
			sum, number := float64(class[d]), 0
			for c, x := range row {
				if of := mixedRow.Of[c]; of > 0 {
					sum += float64(tables[c][int(x)*dim+d])
				} else {
					sum += float64(x) * float64(weight[number*dim+d])
					number++
				}
				sum += float64(bias[c*dim+d])
			}
			want[d] = float64(class[d]) + sum/6
			mean += want[d] / dim
			square += want[d] * want[d] / dim
		}
		for d := range want {
			want[d] = (want[d] - mean) / math.Sqrt(square-mean*mean+1e-6)
			if got := y.At(b*dim + d); math.Abs(got-want[d]) > 1e-4 {
				t.Errorf("row %d, feature %d: %v, want %v", b, d, got, want[d])
			}
		}
	}
}

// Errors name the kinds of columns, and settings that do not fit.
func TestRowBackboneErrors(t *testing.T) {
	ft := func(change func(*backbones.FTTransformer)) *backbones.FTTransformer {
		f := backbones.DefaultFTTransformer()
		change(f)
		return f
	}
	same := func(*backbones.FTTransformer) {}
	for _, c := range []struct {
		net  backbones.Backbone
		in   backbones.Input
		want string
	}{
		{ft(same), backbones.Pixels(8, 8, 3), "ft_transformer encodes rows of a table, columns of numbers and " +
			"of categories, and the samples of this recipe are images [8 8 3]"},
		{ft(same), backbones.Input{Shape: []int{16}, Int: true}, "sequences of [16] symbols"},
		{backbones.DefaultResNet(), mixedRow, "resnet encodes images [height, width, channels], and the samples " +
			"of this recipe are rows of 3 columns of numbers and 2 of categories"},
		{backbones.DefaultConvNet(), backbones.Rows(0, 0), "rows of 2 columns of numbers"},
		{backbones.DefaultViT(), backbones.Rows(3), "rows of 1 column of categories"},
		{ft(func(f *backbones.FTTransformer) { f.Heads = 7 }), mixedRow, "7: want a divisor of dim = 192"},
		{ft(func(f *backbones.FTTransformer) { f.Depth = 0 }), mixedRow, "0: want a number above 0"},
		{ft(func(f *backbones.FTTransformer) { f.Feed = 0 }), mixedRow, "0: want a factor of dim = 192"},
	} {
		if err := c.net.Check(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: got %v, want an error with %q", c.net, err, c.want)
		}
	}
}

// TestGoldenSAINT compares SAINT's transformer with the authors' code, whose skip path has the normalised tokens.
func TestGoldenSAINT(t *testing.T) {
	golden.Each(t, "tabular", map[string]func(*testing.T, *golden.Fixture){"saint_transformer": saint},
		func(t *testing.T, f *golden.Fixture, check func(*testing.T, *golden.Fixture)) { check(t, f) })
}

var saintNames = strings.NewReplacer("layers.", "", ".0.norm", "/columns/norm", ".0.fn.fn.to_", "/columns/",
	".1.norm", "/columns_mlp/norm", ".1.fn.fn.net.0", "/columns_mlp/fc1", ".1.fn.fn.net.3", "/columns_mlp/fc2",
	".2.norm", "/rows/norm", ".2.fn.fn.to_", "/rows/",
	".3.norm", "/rows_mlp/norm", ".3.fn.fn.net.0", "/rows_mlp/fc1", ".3.fn.fn.net.3", "/rows_mlp/fc2", ".", "/")

func saint(t *testing.T, f *golden.Fixture) {
	param := func(name string) int { return int(golden.Param[float64](t, f, name)) }
	net := &backbones.SAINT{Channels: param("dim"), Depth: param("depth"), Heads: param("heads"),
		HeadSize: param("dim_head"), RowSize: 64, Style: golden.Param[string](t, f, "style"), Residual: "code"}
	oneStep(t, f, ongraph.Model{F: f, Ours: saintNames.Replace}, func(s *graph.Scope) *graph.Node {
		var x []*graph.Node
		for _, name := range []string{"x_categ", "x_cont"} {
			in := f.Inputs[name]
			x = append(x, s.Floats(name, in.Data, in.Shape...))
		}
		return net.Blocks(s, param("nfeats"))(op.Concat(1, x...))
	})
}

// SAINT's attention among rows sees the other rows: the features of a row change with them where the style has it, and
// do not where it has not.
func TestSAINTComparesRows(t *testing.T) {
	for style, compares := range map[string]bool{"colrow": true, "row": true, "mean": true, "col": false} {
		net := &backbones.SAINT{Channels: 4, Depth: 1, Heads: 2, HeadSize: 3, RowSize: 5, Style: style,
			Residual: "paper", Pool: "class"}
		of := func(other float64) []float64 {
			p := compile(t, cpu.Backend{}, graph.NewStore(1), graph.Options{}, func(s *graph.Scope) {
				s.Output("y", net.New(s, backbones.Rows(0, 0))(s.Floats("rows", []float64{1, 2, other, 3}, 2, 2)))
			})
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			return ongraph.Read(t, p, "y")[:4]
		}
		a, b := of(-1), of(1)
		changed := false
		for i := range a {
			changed = changed || math.Abs(a[i]-b[i]) > 1e-6
		}
		if changed != compares {
			t.Errorf("style %s: the first row's features with another second row: %v and %v", style, a, b)
		}
	}
}
