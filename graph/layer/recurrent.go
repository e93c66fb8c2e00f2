package layer

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// GRU is a layer of gated recurrent units over x [B,T,in] -> [B,T,hidden], from zeros on, see op.GRU. Its parameters
// are input/weight [in,3H], input/bias [3H], state/weight [H,3H] and state/bias [3H], columns r, z and n, uniform in
// +-1/sqrt(H): nn.GRU's of one layer, transposed.
func GRU(s *graph.Scope, in, hidden int) Func {
	return recurrent(s, op.Recurrent{Cell: "gru"}, in, hidden)
}

// LSTM is a layer of long short-term memory over x [B,T,in] -> [B,T,hidden], from zeros on, see op.LSTM. Its
// parameters are those of GRU with 4H columns i, f, g and o: nn.LSTM's of one layer, transposed.
func LSTM(s *graph.Scope, in, hidden int) Func {
	return recurrent(s, op.Recurrent{Cell: "lstm"}, in, hidden)
}

func recurrent(s *graph.Scope, o op.Recurrent, in, hidden int) Func {
	wide, init := o.Gates()*hidden, graph.LinearUniform(hidden)
	w, b := s.Param("input/weight", init, in, wide), s.Param("input/bias", init, wide)
	u, c := s.Param("state/weight", init, hidden, wide), s.Param("state/bias", init, wide)
	return func(x *graph.Node) *graph.Node {
		n, t := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		projected := op.Add(Product(s, op.Reshape(x, n*t, in), w), b)
		return op.Apply(o, op.Reshape(projected, n, t, wide), u, c)
	}
}
