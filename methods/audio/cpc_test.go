package audio

import (
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// The losses and accuracies of all distances, with the negatives that the file drew. What is n times among a step's
// candidates counts n times, a bias of log n, but the right one above the fraction counts once; which is the best does
// not depend on how often it was drawn.
func TestGoldenCPC(t *testing.T) {
	ongraph.Check(t, golden.Load(t, "audio/cpc_gru"), true, func(c *ongraph.Case) {
		ahead, negatives := golden.Param[int](t, c.F, "num_predictions"), golden.Param[int](t, c.F, "num_negatives")
		for to, from := range map[string]string{"input/weight": "weight_ih_l0", "state/weight": "weight_hh_l0",
			"input/bias": "bias_ih_l0", "state/bias": "bias_hh_l0"} {
			layout := golden.Same
			if strings.HasSuffix(to, "weight") {
				layout = golden.Linear
			}
			c.As("gru/"+to, "gru."+from, layout)
		}
		z := c.In("z", golden.Same)
		b, steps, dim := op.ShapeOf(z)[0], op.ShapeOf(z)[1], op.ShapeOf(z)[2]
		context := layer.GRU(c.Scope.In("gru"), dim, golden.Param[int](t, c.F, "context_dim"))(z)
		c.Out("context", context, golden.Same)
		ones := make([]float64, b*steps)
		for i := range ones {
			ones[i] = 1
		}
		window := steps - ahead
		p := Prediction{Scope: c.Scope, C: context, Z: z, There: c.Floats("ones", ones, b, steps), Window: window}
		var losses, right []*op.Node
		for k := 1; k <= ahead; k++ {
			name := "predictor" + string(rune('0'+k))
			c.As("predictor/"+name[len("predictor"):]+"/weight", name, golden.Linear)
			drawn := make([]float64, b*window*b*steps)
			for i := range b * window {
				row, t := i/window, i%window
				drawn[i*b*steps+row*steps+t+k]++
				for n := range negatives {
					at := (row*negatives+n)*window + t
					from, step := int(c.F.Inputs["batch_index"].Data[at]), int(c.F.Inputs["seq_index"].Data[at])
					drawn[i*b*steps+from*steps+(step+t)%steps]++
				}
			}
			allowed, own := make([]float64, len(drawn)), 0.0
			for i := range b * window {
				own += math.Log(drawn[i*b*steps+i/window*steps+i%window+k]) / float64(b*window)
			}
			for i, n := range drawn {
				drawn[i], allowed[i] = max(math.Log(n), -1e9), max(math.Log(min(n, 1)), -1e9)
			}
			l, _ := p.Ahead(k, c.Floats("drawn"+name, drawn, 1, b*window, b*steps))
			_, a := p.Ahead(k, c.Floats("allowed"+name, allowed, 1, b*window, b*steps))
			losses, right = append(losses, op.Reshape(op.Shift(l, own), 1)), append(right, op.Reshape(a, 1))
		}
		per := op.Concat(0, losses...)
		c.Out("per_step", per, golden.Same)
		c.Out("accuracy", op.Concat(0, right...), golden.Same)
		c.Out("loss", op.SumAll(per), golden.Same)
	})
}

// waves is windows of 40 stereo samples.
func waves() methods.Data {
	return methodtest.Data(feed.Field{Name: "view", Shape: []int{40, 2}},
		feed.Field{Name: "length", Int: true, Of: []int{41}})
}

func small(norm string) *backbones.Wave {
	return &backbones.Wave{Width: 4, Kernels: []int{5, 3}, Strides: []int{4, 2}, Norm: norm, Context: 3}
}

// The loss through the whole encoder against central differences in float64, with padding and without.
func TestGradients(t *testing.T) {
	for name, c := range map[string]struct {
		net *backbones.Wave
		m   *CPC
	}{
		"channel norm, batch": {small("channel"), &CPC{Predictions: 2, Negatives: "batch"}},
		"no norm, sequence":   {small("none"), &CPC{Predictions: 3, Negatives: "sequence"}},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 3, waves())
				return c.m.Build(s, methods.EncoderOf(c.net, b.Of("view0")), b).Loss()
			}, nil, 8, 2e-5)
		})
	}
}

// ahead is the loss and the accuracy of steps that are told apart at once: step s of sample b is one of 9 unit vectors
// times 40, and its context says which, by predictors that are the identity.
func ahead(t *testing.T, k int, there []float64, apart bool, change func(z []float64)) (loss, right float64) {
	t.Helper()
	z, c := make([]float64, 2*4*9), make([]float64, 2*4*9)
	for i := range 8 {
		z[i*9+i] = 40
		if i%4+k < 4 {
			c[i*9+i+k] = 9
		}
	}
	if change != nil {
		change(z)
	}
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		eye := make([]float64, 81)
		for i := range 9 {
			eye[i*9+i] = 1
		}
		s.Param("predictor/1/weight", ongraph.Hold(golden.Tensor{Data: eye}), 9, 9)
		p := Prediction{Scope: s, C: s.Floats("c", c, 2, 4, 9), Z: s.Floats("z", z, 2, 4, 9),
			There: s.Floats("there", there, 2, 4), Window: 3, Apart: apart}
		l, r := p.Ahead(k, nil)
		s.Output("loss", l)
		s.Output("right", r)
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return ongraph.Read(t, p, "loss")[0], ongraph.Read(t, p, "right")[0]
}

// Negatives are the steps that the settings say, and padding is none of them and is not predicted.
func TestNegatives(t *testing.T) {
	all := []float64{1, 1, 1, 1, 1, 1, 1, 1}
	short := []float64{1, 1, 1, 1, 1, 1, 0, 0} // the second recording ends after two steps
	twin := func(of, by int) func(z []float64) {
		return func(z []float64) { copy(z[by*9:by*9+9], z[of*9:of*9+9]) }
	}
	for _, c := range []struct {
		name   string
		there  []float64
		apart  bool
		change func(z []float64)
		want   float64 // mean of the predicted steps' logarithms of how many candidates look alike
	}{
		{"all different", all, false, nil, 0},
		{"a step of the other sample is the same", all, false, twin(1, 4), math.Log(2) / 6},
		{"only steps of the sequence", all, true, twin(1, 4), 0},
		{"a step of the same sample is the same", all, true, twin(1, 0), math.Log(2) / 6},
		{"padding is no negative", short, false, twin(1, 6), 0},
		{"nor in the sequence", short, true, twin(5, 6), 0},
		{"padding is not predicted", short, false, twin(1, 4), math.Log(2) / 4},
	} {
		loss, right := ahead(t, 1, c.there, c.apart, c.change)
		if math.Abs(loss-c.want) > 1e-4 || c.want == 0 && right != 1 {
			t.Errorf("%s: loss %v and accuracy %v, want %v and, of none alike, 1", c.name, loss, right, c.want)
		}
	}
}

// What has no waves, no steps or too few is refused with what would do.
func TestRefused(t *testing.T) {
	build := func(d methods.Data, net backbones.Backbone, m *CPC) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, d)
			m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		return err
	}
	for want, err := range map[string]error{
		"this method predicts steps of waves, choose a dataset of recordings such as [dataset.wav]": build(
			methodtest.Images(8, 8, 1), small("none"), DefaultCPC()),
		"this backbone has no steps to predict: choose one that has, such as [backbone.wave]": build(waves(),
			&backbones.MLP{Widths: []int{4}}, DefaultCPC()),
		"predictions = 12 of windows of 5 steps; want fewer": build(waves(), small("none"), DefaultCPC()),
		"predictions: 0: want at least 1 step":               (&CPC{Negatives: "batch"}).Validate(),
		`negatives: "speaker": want "batch" or "sequence"`:   (&CPC{Predictions: 1, Negatives: "speaker"}).Validate(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := DefaultCPC().Validate(); err != nil {
		t.Error(err)
	}
}
