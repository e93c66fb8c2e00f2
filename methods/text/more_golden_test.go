package text_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods/text"
)

func TestGoldenNextLoss(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "text/causal_lm_loss"), true, func(c *ongraph.Case) {
		x := c.In("logits", golden.Same)
		n := op.ShapeOf(x)
		ids := op.Reshape(c.Ints("tokens"), n[0], n[1])
		all := op.Affine(op.Float(ids, op.TypeOf(x).DType), 0, 1)
		loss, _ := text.Next(x, ids, all)
		c.Out("loss", loss, golden.Same)
	})
}

func TestGoldenCausalAttention(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "text/causal_self_attention"), true, func(c *ongraph.Case) {
		dim, heads := golden.Param[int](c.T, c.F, "n_embd"), golden.Param[int](c.T, c.F, "n_head")
		c.As("attn/qkv/weight", "c_attn.weight", golden.Linear)
		c.As("attn/qkv/bias", "c_attn.bias", golden.Same)
		c.As("attn/proj/weight", "c_proj.weight", golden.Linear)
		c.As("attn/proj/bias", "c_proj.bias", golden.Same)
		y := layer.MaskedAttention(c.Scope.In("attn"), dim, heads, layer.Mask{Causal: true})(c.In("x", golden.Same))
		c.Y(y, golden.Same)
	})
}

func TestGoldenELECTRA(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "text/electra"), true, func(c *ongraph.Case) {
		logits, judged := c.In("generator_logits", golden.Same), c.In("discriminator_logits", golden.Same)
		n := op.ShapeOf(logits)
		flags := func(name string) *graph.Node {
			return c.State(name, ongraph.Hold(c.F.Inputs[name]), n[0], n[1])
		}
		tokens := c.Ints("tokens") // [N]
		mask, valid := op.Reshape(flags("mask"), -1), flags("valid")
		flat := op.Reshape(logits, n[0]*n[1], n[2])
		noise := op.Reshape(c.State("gumbel", ongraph.Hold(c.F.Inputs["gumbel"]), n...), n[0]*n[1], n[2])
		generated, _ := text.Guess(flat, tokens, mask)
		ids := text.Sampled(c.Scope, flat, noise, tokens, mask)
		replaced := op.Reshape(op.Affine(c.Equal(ids, tokens), -1, 1), n[0], n[1])
		found, _ := text.Detected(judged, replaced, valid)
		c.Out("generator", generated, golden.Same)
		c.Out("discriminator", found, golden.Same)
		c.Out("corrupted", op.Reshape(c.Float(ids), n[0], n[1]), golden.Same)
		c.Out("replaced", replaced, golden.Same)
		c.Out("loss", op.Add(generated, op.Scale(found, golden.Param[float64](c.T, c.F, "disc_weight"))), golden.Same)
	})
}

func TestGoldenSimCSE(t *testing.T) {
	for _, name := range []string{"text/simcse_unsup", "text/simcse_hard_negatives"} {
		f := golden.Load(t, name)
		ongraph.Check(t, f, true, func(c *ongraph.Case) {
			z := c.In("z", golden.Same) // [N,2 or 3,D]
			n := op.ShapeOf(z)
			part := func(i int) *graph.Node { return op.Reshape(op.Slice(z, 1, i, i+1), n[0], n[2]) }
			var negatives *graph.Node
			if n[1] == 3 {
				negatives = part(2)
			}
			loss, logits := text.Contrasted(c.Scope, part(0), part(1), negatives,
				golden.Param[float64](c.T, c.F, "temperature"), golden.ParamOr(c.T, c.F, "hard_negative_weight", 0.0))
			c.Out("loss", loss, golden.Same)
			c.Out("logits", logits, golden.Same)
		})
	}
}

func TestGoldenDeCLUTR(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "text/declutr"), true, func(c *ongraph.Case) {
		mean := text.Averaged(c.In("positives", golden.Same), golden.Param[int](c.T, c.F, "positives_per_anchor"))
		c.Out("positives_mean", mean, golden.Same)
		c.Out("loss", losses.NTXent(c.Scope, op.Concat(0, c.In("anchors", golden.Same), mean),
			golden.Param[float64](c.T, c.F, "temperature")), golden.Same)
	})
}

func TestGoldenSkipGram(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "text/word2vec_skipgram_ns"), true, func(c *ongraph.Case) {
		hidden := op.Gather(c.In("in_emb", golden.Same), c.Ints("center"))
		k := c.F.Inputs["negatives"].Shape
		nats := text.NearWords(hidden, c.In("out_emb", golden.Same), c.Ints("context"),
			op.Reshape(c.Ints("negatives"), k...))
		c.Out("per_pair", nats, golden.Same)
		c.Out("loss", op.MeanAll(nats), golden.Same)
	})
}

// Words of the fixture count from 0, which is padding here: tables get a row before the first.
func TestGoldenCBOW(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "text/word2vec_cbow_ns"), true, func(c *ongraph.Case) {
		behind := func(name string) *graph.Node { return op.Pad(c.In(name, golden.Same), 0, 1, 0) }
		shifted := func(name string) *graph.Node {
			x, valid := c.F.Inputs[name], c.F.Inputs[name+"_valid"]
			v := make([]int32, len(x.Data))
			for i, d := range x.Data {
				if v[i] = int32(d) + 1; len(valid.Data) > 0 && valid.Data[i] == 0 {
					v[i] = 0
				}
			}
			return op.Reshape(c.Scope.Ints(name, v), x.Shape...)
		}
		hidden := text.Around(c.Scope, behind("in_emb"), shifted("context"))
		c.Out("hidden", hidden, golden.Same)
		c.Out("loss", op.MeanAll(text.NearWords(hidden, behind("out_emb"), shifted("target"), shifted("negatives"))),
			golden.Same)
	})
}

// Masks, segments, head and the judgement of what follows are BERT's.
func TestGoldenBERTPretraining(t *testing.T) {
	f := golden.Load(t, "text/bert_pretraining")
	get := func(key string) int { return golden.Param[int](t, f, key) }
	net := &backbones.Transformer{Channels: get("hidden_size"), Depth: get("num_hidden_layers"),
		Heads: get("num_attention_heads"), Hidden: get("intermediate_size"), Norm: "post",
		Eps: golden.Param[float64](t, f, "layer_norm_eps"), Deviation: 0.02, Form: "bert", Attention: "full"}
	labels := f.Inputs["masked_lm_labels"]
	in := backbones.Input{Shape: labels.Shape[1:], Int: true, Of: []int{get("vocab_size")}}
	judge(t, f, func(s *graph.Scope) {
		ints := func(name string) *graph.Node {
			var v []int32
			for _, x := range f.Inputs[name].Data {
				v = append(v, int32(x))
			}
			return op.Reshape(s.Ints(name, v), f.Inputs[name].Shape...)
		}
		ids := ints("input_ids")
		there := s.State("attention_mask", ongraph.Hold(f.Inputs["attention_mask"]), labels.Shape...)
		types := op.Gather(s.Param("types", graph.Fill(0), get("type_vocab_size"), net.Channels),
			op.Reshape(ints("token_type_ids"), -1))
		e := net.NewTokens(s.In("backbone"), in).Symbols
		x := op.Add(e.Look(ids), op.Reshape(types, labels.Shape[0], labels.Shape[1], net.Channels))
		y := e.Encode(e.Place(x), there)
		logits := heads.Tied(s.In("head"), e.Table, net.Eps)(y)
		target, selected := chosen(s, labels)
		loss, _ := text.Guess(logits, target, selected)
		follows := text.Follows(s, y)
		s.Output("mlm_logits", logits)
		s.Output("nsp_logits", follows)
		differentiated(s, op.Add(loss, op.MeanAll(op.CrossEntropy(follows, ints("next_sentence_label"), 0))))
	}, placeOf)
}

// gptNames turns nanoGPT's names into ours, in this order.
var gptNames = strings.NewReplacer("transformer.wte.weight", "backbone/symbols", "transformer.wpe.weight",
	"backbone/position", "transformer.h", "backbone/blocks", "transformer.ln_f", "backbone/norm", "ln_1", "norm1",
	"ln_2", "norm2", "attn.c_attn", "attn/qkv", "attn.c_proj", "attn/proj", "mlp.c_fc", "mlp/fc1", "mlp.c_proj",
	"mlp/fc2", ".", "/")

// A transformer of the form gpt, with symbols told by their embeddings, is nanoGPT: outputs, loss and the gradient of
// every parameter.
func TestGoldenGPT(t *testing.T) {
	f := golden.Load(t, "text/gpt_micro")
	get := func(key string) int { return golden.Param[int](t, f, key) }
	net := &backbones.Transformer{Channels: get("n_embd"), Depth: get("n_layer"), Heads: get("n_head"), Norm: "pre",
		Eps: 1e-5, Deviation: 0.02, Form: "gpt", Attention: "full"}
	in := backbones.Input{Shape: []int{get("block_size")}, Int: true, Of: []int{get("vocab_size")}}
	shape := f.Inputs["tokens"].Shape
	judge(t, f, func(s *graph.Scope) {
		ints := func(name string) *graph.Node {
			var v []int32
			for _, x := range f.Inputs[name].Data {
				v = append(v, int32(x))
			}
			return op.Reshape(s.Ints(name, v), shape...)
		}
		e := net.NewTokens(s.In("backbone"), in).Symbols
		y := e.Encode(e.Place(e.Look(ints("tokens"))), nil)
		logits := op.Reshape(op.MatMul(op.Reshape(y, -1, net.Channels), e.Table, false, true), shape[0], shape[1], -1)
		s.Output("logits", logits)
		differentiated(s, op.MeanAll(op.CrossEntropy(op.Reshape(logits, -1, in.Of[0]), op.Reshape(ints("targets"), -1),
			0)))
	}, func(p golden.Parameter) part {
		o := part{name: gptNames.Replace(p.Name), width: p.Shape[0], at: func(i int) int { return i }}
		if len(p.Shape) == 2 && !strings.Contains(p.Name, ".wte") && !strings.Contains(p.Name, ".wpe") {
			o.at = func(i int) int { return i%p.Shape[1]*p.Shape[0] + i/p.Shape[1] } // [out,in] is [in,out] here
		}
		return o
	})
}
