package losses_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
)

// Costs, matchings, the four terms and their gradients against the authors' code of both methods.
func TestGoldenSetPrediction(t *testing.T) {
	for _, name := range []string{"dense/updetr", "dense/detreg"} {
		t.Run(name, func(t *testing.T) {
			f := golden.Load(t, name)
			param := func(key string) float64 { return golden.Param[float64](t, f, key) }
			ongraph.Check(t, f, true, func(c *ongraph.Case) {
				focal := name == "dense/detreg"
				l := losses.SetPrediction{CostClass: param("cost_class"), CostBox: param("cost_bbox"),
					CostGIoU: param("cost_giou"), Focal: focal}
				if !focal {
					l.NoObject = param("eos_coef")
				}
				p := losses.Predictions{c.In("pred_logits", golden.Same), c.In("pred_boxes", golden.Same),
					c.In("pred_features", golden.Same)}
				to := losses.Targets{c.In("target_boxes", golden.Same), op.Reshape(c.Ints("target_labels"), 2, 3),
					c.In("target_features", golden.Same)}
				cost := l.Cost(c.Scope, p, to)
				c.Out("cost", cost, golden.Same)
				c.Out("matched_query", l.Match(cost), golden.Same)
				got := l.Loss(c.Scope, p, to)
				feature := got.UnitDistance
				if focal {
					feature = got.MeanDistance
				}
				var sum []*graph.Node
				for term, v := range map[string]*graph.Node{"ce": got.Class, "bbox": got.Box, "giou": got.GIoU,
					"feature": feature()} {
					c.Out("loss_"+term, v, golden.Same)
				}
				for _, term := range []struct {
					name string
					v    *graph.Node
				}{{"ce", got.Class}, {"bbox", got.Box}, {"giou", got.GIoU}, {"feature", feature()}} {
					sum = append(sum, op.Scale(term.v, param("weight_"+term.name)))
				}
				c.Out("loss", op.Sum(sum...), golden.Same)
			})
		})
	}
}

// Targets that are none change no term, and images without any give finite ones.
func TestTargetsThatAreNone(t *testing.T) {
	for _, focal := range []bool{false, true} {
		l := losses.SetPrediction{CostClass: 1, CostBox: 5, CostGIoU: 2, Focal: focal, NoObject: 0.1}
		value := func(boxes []float64, labels []int32) []float64 {
			n := len(labels) / 2
			_, out := compute(t, func(s *graph.Scope) {
				logits := s.Floats("logits", []float64{0.3, -1, 2, 0.1, 0.2, 1, -0.4, 0.5, 0.9, 1.1, -1, 0.7, 0.2, 0, 1,
					-2, 0.4, 0.6}, 2, 3, 3)
				at := s.Floats("boxes", []float64{0.2, 0.3, 0.2, 0.2, 0.5, 0.5, 0.3, 0.4, 0.7, 0.6, 0.1, 0.3, 0.4, 0.4,
					0.3, 0.3, 0.1, 0.2, 0.2, 0.1, 0.8, 0.8, 0.2, 0.2}, 2, 3, 4)
				got := l.Loss(s, losses.Predictions{Logits: logits, Boxes: at}, losses.Targets{
					Boxes: s.Floats("wanted", boxes, 2, n, 4), Labels: op.Reshape(s.Ints("labels", labels), 2, n)})
				s.Output("all", op.Concat(0, op.Reshape(got.Class, 1), op.Reshape(got.Box, 1),
					op.Reshape(got.GIoU, 1)))
			}, nil)
			return out("all")
		}
		one := []float64{0.7, 0.6, 0.2, 0.2}
		none := []float64{0.5, 0.5, 1, 1}
		short := value(append(append([]float64{}, one...), none...), []int32{1, -1})
		long := value(append(append(append(append([]float64{}, one...), none...), none...), none...),
			[]int32{1, -1, -1, -1})
		empty := value(append(append([]float64{}, none...), none...), []int32{-1, -1})
		for i := range short {
			if short[i] != long[i] || math.IsNaN(short[i]) {
				t.Errorf("focal %v: term %d is %v with one column of targets and %v with two", focal, i, short[i],
					long[i])
			}
			if v := empty[i]; v-v != 0 || i > 0 && v != 0 {
				t.Errorf("focal %v: term %d without any box is %v, want 0 of boxes and a number of classes", focal, i,
					v)
			}
		}
	}
}

// GIoU of boxes by hand: the same box, halves of each other, and boxes that do not touch.
func TestGIoU(t *testing.T) {
	_, out := compute(t, func(s *graph.Scope) {
		a := s.Floats("a", []float64{0.5, 0.5, 0.2, 0.4, 0.25, 0.5, 0.5, 1, 0.125, 0.5, 0.25, 1}, 3, 4)
		b := s.Floats("b", []float64{0.5, 0.5, 0.2, 0.4, 0.5, 0.5, 1, 1, 0.875, 0.5, 0.25, 1}, 3, 4)
		s.Output("giou", losses.GIoU(a, b))
		s.Output("distance", losses.BoxDistance(a, b))
	}, nil)
	expect(t, "GIoU", out("giou"), []float64{1, 0.5, -0.5})
	expect(t, "distance", out("distance"), []float64{0, 0.75, 0.75})
}
