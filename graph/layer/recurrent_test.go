package layer_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
)

// Recurrent layers have gradients by inputs and all parameters, through time.
func TestRecurrentGradients(t *testing.T) {
	for name, f := range map[string]func(s *scope, in, hidden int) layer.Func{"gru": layer.GRU, "lstm": layer.LSTM} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *scope) *op.Node {
				y := f(s.In(name), 3, 4)(s.Param("x", graph.Normal(1), 2, 6, 3))
				return op.SumAll(op.Mul(y, s.Input("dy", op.ShapeOf(y)...)))
			}, nil, 8, 1e-6)
		})
	}
}

// A step sees the steps before it and none behind it, and rows do not see each other.
func TestRecurrentIsCausal(t *testing.T) {
	for name, f := range map[string]func(s *scope, in, hidden int) layer.Func{"gru": layer.GRU, "lstm": layer.LSTM} {
		states := func(x []float64) []float64 {
			return run(t, ir.F64, map[string][]float64{"x": x},
				func(s *scope) *op.Node { return f(s.In(name), 2, 3)(s.Input("x", 2, 5, 2)) })
		}
		x := ramp(20)
		before := states(x)
		x[3*2] += 1 // step 3 of the first row
		after := states(x)
		closeTo(t, name+": steps before", after[:9], before[:9])
		closeTo(t, name+": the other row", after[15:], before[15:])
		for s := 3; s < 5; s++ {
			if math.Abs(after[3*s]-before[3*s]) < 1e-6 {
				t.Errorf("%s: step %d does not see the change at step 3", name, s)
			}
		}
	}
}

// A step of one unit, by hand.
func TestRecurrentByHand(t *testing.T) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	for _, c := range []struct {
		name       string
		spec       op.Recurrent
		x, w, b    []float64
		first, two float64
	}{
		{"gru", op.Recurrent{Cell: "gru"}, []float64{0.5, -1, 2, 0.1, 0.2, 0.3}, []float64{1, 2, 3},
			[]float64{0.1, 0.2, 0.3}, 0, 0},
		{"lstm", op.Recurrent{Cell: "lstm"}, []float64{0.5, -1, 2, 1, 0.1, 0.2, 0.3, 0.4}, []float64{1, 2, 3, 4},
			[]float64{0.1, 0.2, 0.3, 0.4}, 0, 0},
	} {
		if c.name == "gru" {
			r, z := sigmoid(0.6), sigmoid(-0.8)
			c.first = (1 - z) * math.Tanh(2+r*0.3)
			h := c.first
			r, z = sigmoid(0.2+h), sigmoid(0.4+2*h)
			c.two = (1-z)*math.Tanh(0.3+r*(3*h+0.3)) + z*h
		} else {
			cell := sigmoid(0.6) * math.Tanh(2.3)
			c.first = sigmoid(1.4) * math.Tanh(cell)
			h := c.first
			cell = sigmoid(0.4+2*h)*cell + sigmoid(0.2+h)*math.Tanh(0.6+3*h)
			c.two = sigmoid(0.8+4*h) * math.Tanh(cell)
		}
		g := c.spec.Gates()
		y := ir.Tensor{Shape: ir.Shape{1, 2, 1}, Data: make([]float64, 2)}
		c.spec.Ref([]ir.Tensor{{Shape: ir.Shape{1, 2, g}, Data: c.x}, {Shape: ir.Shape{1, g}, Data: c.w},
			{Shape: ir.Shape{g}, Data: c.b}}, y)
		closeTo(t, c.name, y.Data, []float64{c.first, c.two})
	}
}

func TestRecurrentErrors(t *testing.T) {
	for _, c := range []struct {
		build func(s *scope)
		want  string
	}{
		{func(s *scope) { op.GRU(s.Input("x", 2, 5, 8), s.Input("w", 2, 6), s.Input("b", 6)) },
			"gru: projected inputs are [2,5,8], want [B,T,3*H]"},
		{func(s *scope) { op.LSTM(s.Input("x", 2, 5, 8), s.Input("w", 2, 6), s.Input("b", 6)) },
			"weights and bias of the state are [2,6] and [6], want [2,8] and [8]"},
	} {
		if _, err := graph.Build(graph.Options{}, c.build); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got error %v, want one that says %q", err, c.want)
		}
	}
}
