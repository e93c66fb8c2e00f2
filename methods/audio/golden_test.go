package audio

import (
	"fmt"
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// The contrast of wav2vec 2.0 with given distractors, and the penalty of the features.
func TestGoldenDistinguish(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "audio/wav2vec2_contrastive"), true, func(c *ongraph.Case) {
		x, y := c.In("x", golden.Same), c.In("y", golden.Same)
		shape := c.F.Inputs["neg_index"].Shape
		others := op.Reshape(c.Ints("neg_index"), shape[0], shape[1]*shape[2])
		each, _ := Distinguish(c.Scope, x, y, others, nil, golden.Param[float64](t, c.F, "logit_temp"))
		sum := op.SumAll(each)
		n := float64(shape[0] * shape[1])
		c.Out("contrastive_sum", sum, golden.Same)
		c.Out("num_targets", c.Scope.Constant(n), golden.Same)
		penalty := golden.Param[float64](t, c.F, "features_pen_weight") * golden.Param[float64](t, c.F,
			"features_pen") * n
		c.Out("loss", op.Shift(sum, penalty), golden.Same)
	})
}

// The product quantiser with given noise: codes, entries, perplexities, and the gradients of both paths.
func TestGoldenQuantiser(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "audio/gumbel_vector_quantizer"), true, func(c *ongraph.Case) {
		q := &Quantiser{Books: golden.Param[int](t, c.F, "groups"), Entries: golden.Param[int](t, c.F, "num_vars"),
			Codes: golden.Param[int](t, c.F, "vq_dim")}
		c.As("scores/weight", "weight_proj.weight", golden.Linear)
		c.As("scores/bias", "weight_proj.bias", golden.Same)
		c.As("entries", "vars", func(x golden.Tensor) golden.Tensor {
			x.Shape = x.Shape[1:]
			return x
		})
		x := c.In("x", golden.Same)
		b, s := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		n := b * s
		drawn, ones := c.F.Inputs["gumbel"].Data, make([]float64, n)
		for i := range ones {
			ones[i] = 1
		}
		out := q.Of(c.Scope, op.Reshape(x, n, -1), c.Floats("ones", ones, n),
			c.Scope.Constant(golden.Param[float64](t, c.F, "temperature")), func(g int) *graph.Node {
				var own []float64
				for i := range n { // rows of the fixture are (sample, step, book)
					own = append(own, drawn[(i*q.Books+g)*q.Entries:][:q.Entries]...)
				}
				return c.Floats(fmt.Sprint("gumbel", g), own, n, q.Entries)
			})
		codes := op.Reshape(out.Codes, b, s, q.Codes)
		c.Out("quantized", codes, golden.Same)
		var chosen []*graph.Node
		for _, of := range out.Chosen {
			chosen = append(chosen, op.Reshape(c.Scope.Float(of), b, s, 1))
		}
		c.Out("targets", op.Concat(2, chosen...), golden.Same)
		c.Out("prob_perplexity", out.Perplexity, golden.Same)
		c.Out("code_perplexity", out.Used, golden.Same)
		c.Out("diversity", out.Diversity, golden.Same)
		up := c.F.Inputs["grad_output"]
		c.Out("loss", op.Add(op.SumAll(op.Mul(codes, c.Floats("up", up.Data, up.Shape...))),
			op.Scale(out.Diversity, golden.Param[float64](t, c.F, "diversity_weight"))), golden.Same)
	})
}

func TestGoldenHuBERT(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "audio/hubert_loss"), true, func(c *ongraph.Case) {
		codes := c.In("label_embs", golden.Same)
		sum := func(which string) *graph.Node {
			logits := Clustered(c.In("proj_"+which, golden.Same), codes, golden.Param[float64](t, c.F, "logit_temp"))
			return op.SumAll(op.CrossEntropy(logits, c.Ints("target_"+which), 0))
		}
		hidden, seen := sum("masked"), sum("unmasked")
		c.Out("masked_sum", hidden, golden.Same)
		c.Out("unmasked_sum", seen, golden.Same)
		c.Out("loss", op.Add(op.Scale(hidden, golden.Param[float64](t, c.F, "pred_masked_weight")),
			op.Scale(seen, golden.Param[float64](t, c.F, "pred_nomask_weight"))), golden.Same)
	})
}

// Targets, loss and the two numbers that watch for a collapse, of data2vec for speech.
func TestGoldenData2VecAudio(t *testing.T) {
	f := golden.Load(t, "audio/data2vec_audio_loss")
	for key, want := range map[string]bool{"instance_norm_target_layer": true, "layer_norm_target_layer": false,
		"layer_norm_targets": false} {
		if golden.Param[bool](t, f, key) != want {
			t.Skipf("%s is %v; the method has the paper's norms for speech", key, !want)
		}
	}
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		student := c.In("student", golden.Same)
		d := op.ShapeOf(student)[2]
		c.As("tell/weight", "final_proj_weight", golden.Linear)
		c.As("tell/bias", "final_proj_bias", golden.Same)
		var layers []*graph.Node
		for l := 1; ; l++ {
			x, ok := f.Inputs[fmt.Sprint("teacher_layer", l)]
			if !ok {
				break
			}
			layers = append(layers, c.Floats(fmt.Sprint("layer", l), x.Data, x.Shape...))
		}
		target := SpeechTarget(layers)
		told := layer.Dense(c.Scope.In("tell"), d, d)(student)
		mask := f.Inputs["mask"]
		hidden := c.Floats("mask", mask.Data, mask.Shape...)
		var rows []int32
		for i, v := range mask.Data {
			if v == 1 {
				rows = append(rows, int32(i))
			}
		}
		flat := func(x *graph.Node) *graph.Node { return op.Reshape(x, -1, d) }
		c.Out("targets", op.Gather(flat(target), c.Scope.Ints("rows", rows)), golden.Same)
		c.Out("loss", op.SumAll(op.Mul(Told(told, target, golden.Param[float64](t, f, "loss_beta")), hidden)),
			golden.Same)
		c.Out("target_var", deviation(flat(target), op.Reshape(hidden, -1)), golden.Same)
		c.Out("pred_var", deviation(flat(told), op.Reshape(hidden, -1)), golden.Same)
	})
}

// Every fixture of the group has a test that reads it.
func TestAudioIsWhole(t *testing.T) {
	elsewhere := []string{"audio/byola_augment", "audio/log_mel_spectrogram", "audio/mel_filterbank_htk",
		"audio/mel_filterbank_slaney", "audio/spec_augment", "audio/wav2vec2_feature_encoder_group_norm",
		"audio/wav2vec2_feature_encoder_layer_norm", "audio/wav2vec2_pos_conv", "audio/wav2vec2_span_mask"}
	here := []string{"audio/cpc_gru", "audio/data2vec_audio_loss", "audio/gumbel_vector_quantizer", "audio/hubert_loss",
		"audio/wav2vec2_contrastive"}
	for _, name := range golden.Names(t, "audio") {
		if !slices.Contains(elsewhere, name) && !slices.Contains(here, name) {
			t.Errorf("%s has no counterpart", name)
		}
	}
}
