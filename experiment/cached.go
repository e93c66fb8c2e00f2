package experiment

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/methods"
)

// GradCache, train.grad_cache: the gradient of a loss that compares the samples of a large batch, in the memory of a
// part of it. A step is three programs over the one Store.
//
//	embedPass  part by part: z_p = f(x_p), without anything kept for going back
//	lossPass   once: the loss of z = [z_1 ... z_n], and its gradient g with respect to z
//	backPass   part by part: f(x_p) again, and back from g_p; the last part changes the parameters
//
// f is what the method has given to graph.Scope.Cut: the encoder and the projector, in which rows do not meet. What is
// behind it, such as predictors, queues and learned temperatures, belongs to the loss. In-graph randomness depends on
// step and part, so that both passes of a part draw the same.
//
// On ranks each part goes through the encoder dealt out over them, as a batch does otherwise. Every rank gets the rows
// of z of all; the loss is dealt out over the rows of z, and every rank gets all of g.
//
// Gao, Zhang, Han, Callan, RepL4NLP 2021, arXiv:2101.06983.

// pass is what a program does of a training step.
type pass int

const (
	wholePass pass = iota // everything, of the batch or an even part of it
	embedPass
	lossPass
	backPass
)

// cached reports whether the loss is that of the whole batch, whose parts go through the encoder one by one.
func (s *Setup) cached() bool { return s.Recipe.Train.GradCache > 1 }

// batchParts is how many parts of a batch go through the encoder, one after the other.
func (s *Setup) batchParts() int { return max(s.Recipe.Train.Accumulate, s.Recipe.Train.GradCache, 1) }

// exchange is what the three programs have to agree on.
type exchange struct {
	cuts      []graph.Cut     // of the loss's graph
	read      []string        // that the loss reads
	back      map[string]bool // that its gradient flows to
	collected map[string]bool // parameters of the loss itself
}

// cutScope is where the inputs and outputs are that one program gives to another.
const cutScope = "cut"

// lossGraph is the program of the loss.
func (s *Setup) lossGraph() (*graph.Graph, *built, *exchange, error) {
	r, made := s.Recipe, &built{}
	x, cutting := &exchange{back: map[string]bool{}}, &graph.Cutting{Rows: r.Train.Batch, Rest: true,
		Parts: r.Train.GradCache}
	g, err := graph.Build(s.options(cutting), func(g *graph.Scope) {
		obj := s.objectiveIn(g, r.Train.Batch, made)
		if len(obj.Players) > 0 {
			op.Fail("", "train.grad_cache = %d: the method has players with optimisers of their own; want 1",
				r.Train.GradCache)
		}
		p := playersOf(obj)[0]
		loss, params := p.Loss(), paramsOf(g, p)
		wrt := slices.Clone(params)
		for _, c := range cutting.Cuts {
			wrt = append(wrt, c.Node)
		}
		gs := g.Gradients(loss, wrt)
		g.DropWithin()
		x.cuts, x.collected = cutting.Cuts, optim.Collect(g, params, gs[:len(params)])
		for i, c := range cutting.Cuts {
			if d := gs[len(params)+i]; d != nil {
				x.back[c.Name] = true
				g.Output(c.Name, d)
			}
		}
		s.checkCut(cutting, x)
		outputTerms(g, p, loss)
		g.Output(LossOutput, op.Sum(loss))
		for _, m := range obj.Metrics {
			g.Output(m.Name, m.Value)
		}
		outputPictures(g, obj.Pictures)
		if s.probed(obj) {
			s.probe(g.In(probeScope), obj.Features, made.batch.Labels())
		}
	})
	if err != nil {
		return nil, made, nil, err
	}
	lowered, err := g.Lower()
	if err != nil {
		return nil, made, nil, err
	}
	for _, b := range lowered.Bufs {
		if b.Class == ir.Input && below(b.Name, cutScope) {
			x.read = append(x.read, b.Name)
		}
	}
	return g, made, x, nil
}

// checkCut refuses methods and networks for which the parts are not the batch, or nothing is spared.
func (s *Setup) checkCut(c *graph.Cutting, x *exchange) {
	fail := func(format string, args ...any) {
		op.Fail("", "train.grad_cache = %d: "+format, append([]any{s.Recipe.Train.GradCache}, args...)...)
	}
	if len(c.Meets) > 0 && !s.Recipe.Train.PartsApart {
		fail("samples of the batch meet in the encoder or the projector (%s), so that a part of the batch gives other "+
			"embeddings; want layer norms ([projector] norm = \"layer\"), or parts_apart = true, which takes the "+
			"statistics of each part alone", c.Meets[0])
	}
	if len(x.back) == 0 {
		fail("the loss of [method.%s] is not of the features that the encoder makes of views; want 1",
			s.Recipe.Method.Name)
	}
	for name := range x.collected {
		if strings.HasPrefix(name, methods.Backbone+"/") || strings.Contains(name, "/"+methods.Backbone+"/") {
			fail("[method.%s] takes more of the encoder than the features of views (%s), which the whole batch would "+
				"go through at once; want 1", s.Recipe.Method.Name, name)
		}
	}
}

// partGraph is the program of a part of the batch, of embedPass or backPass.
func (s *Setup) cachedPart(pass pass, x *exchange) (*graph.Graph, *built, error) {
	r, made := s.Recipe, &built{}
	cutting := &graph.Cutting{Rows: r.Train.Batch / r.Train.GradCache}
	g, err := graph.Build(s.options(cutting), func(g *graph.Scope) {
		obj := s.objectiveIn(g, cutting.Rows, made)
		if !slices.EqualFunc(cutting.Cuts, x.cuts, func(a, b graph.Cut) bool { return a.Blocks == b.Blocks }) {
			op.Fail("", "train.grad_cache: the method builds another graph for %d samples than for %d; want 1",
				cutting.Rows, r.Train.Batch)
		}
		if pass == embedPass {
			g.KeepWithin()
			for _, c := range cutting.Cuts {
				if slices.Contains(x.read, c.Name) {
					g.Output(c.Name, c.Node)
				}
			}
			return
		}
		g.DropUpdates()
		var sums []*graph.Node
		for _, c := range cutting.Cuts {
			if x.back[c.Name] {
				sums = append(sums, op.SumAll(op.Mul(c.Node, g.Input(c.Name, op.ShapeOf(c.Node)...))))
			}
		}
		p := playersOf(obj)[0]
		params := paramsOf(g, p)
		var norms []*graph.Node
		for i, d := range s.apply(g, obj, p, op.Sum(sums...), params, x.collected) {
			norms = append(norms, op.Reshape(op.Sqrt(op.SumSquares(d)), 1))
			made.params = append(made.params, g.Name(params[i]))
		}
		g.UpdateTwins()
		s.averages(g, obj)
		g.Output(normsOutput, op.Concat(0, norms...))
	})
	return g, made, err
}

// options are those of a training graph.
func (s *Setup) options(c *graph.Cutting) graph.Options {
	return graph.Options{Training: true, BF16: s.Recipe.Precision == "bf16", DType: s.dtype, Cutting: c,
		Ranks: s.spread()}
}

// handing copies a value between the programs of a step: whole is that of the batch, part that of a part, with so many
// blocks of rows each.
type handing struct {
	whole, part ir.Array
	blocks      int
	back        bool // from the batch to the part
}

// copy copies the rows of a part.
func (h handing) copy(part, parts int) {
	own := h.part.Shape.Size() / h.blocks
	for k := range h.blocks {
		at := (k*parts + part) * own
		if h.part.DType == ir.F64 {
			exchangeRows(h.whole.F64[at:at+own], h.part.F64[k*own:(k+1)*own], h.back)
		} else {
			exchangeRows(h.whole.F32[at:at+own], h.part.F32[k*own:(k+1)*own], h.back)
		}
	}
}

func exchangeRows[T any](whole, part []T, back bool) {
	if back {
		copy(part, whole)
	} else {
		copy(whole, part)
	}
}

// handings connects the compiled programs of a cached step.
func handings(embed, loss, back *graph.Program, x *exchange) (given, taken []handing, err error) {
	for _, c := range x.cuts {
		if slices.Contains(x.read, c.Name) {
			h := handing{blocks: c.Blocks}
			if h.part, err = embed.Output(c.Name); err == nil {
				h.whole, err = loss.Input(c.Name)
			}
			given = append(given, h)
		}
		if x.back[c.Name] && err == nil {
			h := handing{blocks: c.Blocks, back: true}
			if h.whole, err = loss.Output(c.Name); err == nil {
				h.part, err = back.Input(c.Name)
			}
			taken = append(taken, h)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("grad_cache: %w", err)
		}
	}
	return given, taken, nil
}

// give copies what a turn has made of a part to the turns after it, and take what it needs of those before.
func (s *Setup) give(turn, part int) {
	if t := s.turns[turn]; t.pass == embedPass {
		for _, h := range s.given {
			h.copy(part, t.parts)
		}
	}
}

func (s *Setup) take(turn, part int) {
	if t := s.turns[turn]; t.pass == backPass {
		for _, h := range s.taken {
			h.copy(part, t.parts)
		}
	}
}

// firstGraph is the graph that says what a batch has to hold.
func (s *Setup) firstGraph() (*graph.Graph, *built, *exchange, error) {
	if s.cached() {
		return s.lossGraph()
	}
	g, made, err := s.trainGraph(0)
	return g, made, nil, err
}

// passes are the programs of a training step.
func (s *Setup) passes(o methods.Objective) []pass {
	if s.cached() {
		return []pass{embedPass, lossPass, backPass}
	}
	return make([]pass, turnsOf(o))
}

// turnGraph is the graph of one of them; made is what build has made.
func (s *Setup) turnGraph(turn int, pass pass, made *built) (*graph.Graph, *built, error) {
	switch {
	case pass == lossPass || pass == wholePass && turn == 0:
		return s.trained, made, nil
	case pass == wholePass:
		return s.trainGraph(turn)
	}
	return s.cachedPart(pass, made.exchange)
}
