package text_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/heads"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods/text"
)

// chosen is 1 where a label is not negative, and the labels as int32.
func chosen(s *graph.Scope, labels golden.Tensor) (ids, selected *graph.Node) {
	where, v := golden.Tensor{Shape: labels.Shape}, make([]int32, len(labels.Data))
	for i, l := range labels.Data {
		v[i] = int32(l)
		where.Data = append(where.Data, 0)
		if l >= 0 {
			where.Data[i] = 1
		}
	}
	return op.Reshape(s.Ints("labels", v), labels.Shape...), s.State("selected", ongraph.Hold(where), labels.Shape...)
}

func TestGoldenMLMLoss(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "text/mlm_loss"), true, func(c *ongraph.Case) {
		ids, selected := chosen(c.Scope, c.F.Inputs["labels"])
		x := c.In("logits", golden.Same)
		loss, _ := text.Guess(op.Reshape(x, -1, op.ShapeOf(x).Last()), ids, selected)
		c.Out("loss", loss, golden.Same)
	})
}

// bertNames turns BERT's names into ours, in this order. Queries, keys and values are columns of one matrix here.
var bertNames = strings.NewReplacer(
	"bert.embeddings.word_embeddings.weight", "backbone/symbols", "bert.embeddings.position_embeddings.weight",
	"backbone/position",
	"bert.embeddings.token_type_embeddings.weight", "types", "bert.embeddings.LayerNorm", "backbone/embedding/norm",
	"bert.encoder.layer", "backbone/blocks", "attention.self.query", "attn/qkv", "attention.self.key", "attn/qkv",
	"attention.self.value", "attn/qkv",
	"attention.output.dense", "attn/proj", "attention.output.LayerNorm", "norm1", "intermediate.dense", "mlp/fc1",
	"output.dense", "mlp/fc2",
	"output.LayerNorm", "norm2", "cls.predictions.bias", "head/bias", "cls.predictions.transform.dense", "head/dense",
	"cls.predictions.transform.LayerNorm", "head/norm", "bert.pooler.dense", "pooler", "cls.seq_relationship",
	"follows", ".", "/")

// part is where a parameter of BERT is in ours: entry i is at [row, first+column] of rows as wide as width.
type part struct {
	name         string
	first, width int
	at           func(i int) int
}

// placeOf finds it; ours may have fewer rows, as positions of a shorter text.
func placeOf(p golden.Parameter) part {
	own := p.Shape[0] // outputs, of a linear layer
	o := part{name: bertNames.Replace(p.Name), width: own}
	for k, which := range []string{"query", "key", "value"} {
		if strings.Contains(p.Name, which) {
			o.first, o.width = k*own, 3*own
		}
	}
	o.at = func(i int) int { return o.first + i }
	if len(p.Shape) == 2 && !strings.Contains(p.Name, "embeddings") { // [out,in] is [in,out] here
		in := p.Shape[1]
		o.at = func(i int) int { return i%in*o.width + o.first + i/in }
	}
	return o
}

// A transformer with norms after its branches, segments added, and the tied head are BERT: outputs, loss and the
// gradient of every parameter.
func TestGoldenBERT(t *testing.T) {
	f := golden.Load(t, "text/bert_micro")
	get := func(key string) int { return golden.Param[int](t, f, key) }
	net := &backbones.Transformer{
		Channels: get("hidden_size"), Depth: get("num_hidden_layers"), Heads: get("num_attention_heads"),
		Hidden: get("intermediate_size"),
		Norm:   "post", Eps: golden.Param[float64](t, f, "layer_norm_eps"), Deviation: 0.02,
		Form: "bert", Attention: "full",
	}
	labels := f.Inputs["labels"]
	in := backbones.Input{Shape: labels.Shape[1:], Int: true, Of: []int{get("vocab_size")}}
	if err := net.Check(in); err != nil {
		t.Fatal(err)
	}
	build := func(s *graph.Scope) {
		ints := func(name string) *graph.Node {
			var v []int32
			for _, x := range f.Inputs[name].Data {
				v = append(v, int32(x))
			}
			return op.Reshape(s.Ints(name, v), labels.Shape...)
		}
		ids, d := ints("input_ids"), net.Channels
		types := op.Gather(s.Param("types", graph.Fill(0), get("type_vocab_size"), d),
			op.Reshape(ints("token_type_ids"), -1))
		e := net.NewTokens(s.In("backbone"), in).Symbols
		there := e.There(ids) // padding is 0 in the fixture as it is here
		x := e.Place(op.Add(e.Look(ids), op.Reshape(types, labels.Shape[0], labels.Shape[1], d)))
		one := *net
		one.Depth = 1
		s.Output("hidden_first_layer", one.NewTokens(s.In("backbone"), in).Symbols.Encode(x, there))
		y := e.Encode(x, there)
		logits := heads.Tied(s.In("head"), e.Table, net.Eps)(y)
		target, selected := chosen(s, labels)
		loss, _ := text.Guess(logits, target, selected)
		s.Output("hidden_last", y)
		s.Output("logits", logits)
		differentiated(s, loss)
	}
	judge(t, f, build, placeOf)
}

// differentiated makes a loss and its gradient by every parameter outputs.
func differentiated(s *graph.Scope, loss *graph.Node) {
	s.Output("loss", loss)
	ps := s.Params()
	for i, g := range s.Gradients(loss, ps) {
		s.Output("gradient/"+s.Name(ps[i]), g)
	}
}

// judge holds a model's outputs, and the gradient of every parameter, against the fixture's in both element types.
func judge(t *testing.T, f *golden.Fixture, build func(s *graph.Scope), placeOf func(golden.Parameter) part) {
	t.Helper()
	for _, b := range []struct {
		name                  string
		dtype                 ir.DType
		backend               ir.Backend
		output, length, first float64
	}{{"float64", ir.F64, ref.Backend{}, 1e-6, 1e-6, 1e-5}, {"float32", ir.F32, cpu.Backend{Poison: true}, 1e-3, 1e-3,
		1e-2}} {
		t.Run(b.name, func(t *testing.T) {
			g, err := graph.Build(graph.Options{DType: b.dtype, Training: true}, build)
			if err != nil {
				t.Fatal(err)
			}
			st := graph.NewStore(1)
			p, err := g.Compile(b.backend, st)
			if err != nil {
				t.Fatal(err)
			}
			for k, of := range f.Parameters {
				o := placeOf(of)
				e := st.Get(o.name)
				if e == nil {
					t.Fatalf("%s: the model has no parameter %s", of.Name, o.name)
				}
				for i := range ir.Shape(of.Shape).Size() {
					if at := o.at(i); at < e.Shape.Size() {
						e.Set(at, golden.Weight(k, of, i))
					}
				}
			}
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			for name, want := range f.Outputs {
				golden.Compare(t, name, ongraph.Read(t, p, name), want, b.output)
			}
			for _, of := range f.Parameters {
				o := placeOf(of)
				grad := ongraph.Read(t, p, "gradient/"+o.name)
				var ss, largest float64
				for i := range ir.Shape(of.Shape).Size() {
					if at := o.at(i); at < len(grad) {
						ss += grad[at] * grad[at]
					}
				}
				golden.Compare(t, "length of the gradient of "+of.Name, []float64{math.Sqrt(ss)},
					golden.Tensor{Data: []float64{of.L2}}, b.length)
				for _, v := range of.First8 {
					largest = max(largest, math.Abs(v))
				}
				for i, want := range of.First8 {
					if got := grad[o.at(i)]; !(math.Abs(got-want) <= b.first*max(largest, 1e-3*of.L2)+golden.Absolute) {
						t.Errorf("gradient of %s: entry %d: got %v, want %v", of.Name, i, got, want)
					}
				}
			}
		})
	}
}

// outputs runs a graph on the processor and reads its output y.
func outputs(t *testing.T, g *graph.Graph, st *graph.Store) []float64 {
	t.Helper()
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return ongraph.Read(t, p, "y")
}
