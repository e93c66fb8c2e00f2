package experiment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
)

// Names of the training program's inputs and outputs.
const (
	LossOutput  = "loss"
	normsOutput = "gradient_norms"
	rateInput   = "rate"
	probeScope  = "probe"
)

// turn is the part of a training step in which some players step: a program over the one Store. Most methods have a
// single one.
type turn struct {
	*graph.Program
	planned *graph.Planned // before it is compiled
	params  []string       // trained in it, in the order of the output "gradient_norms"
	first   int            // place in params of the encoder's first matrix of weights; -1: there is none
	parts   int            // of the batch, one run of the program each
	pass    pass           // what it does of the step
}

// sync brings the state of all turns to the Store, before anything but they reads it.
func (s *Setup) sync() error {
	for _, t := range s.turns {
		if err := t.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// built is what the method asked for while a graph was built.
type built struct {
	objective methods.Objective
	batch     *methods.Batch
	params    []string
	last      int64            // number of the last node that the method made
	projector *heads.Projector // that the method asked for
	exchange  *exchange        // with train.grad_cache
}

// rows is the samples that go through the graph at once: the batch, or an even part of it.
func (s *Setup) rowsAtOnce() int { return s.Recipe.Train.Batch / s.Recipe.Train.Accumulate }

// objectiveIn builds the method in a graph for so many samples.
func (s *Setup) objectiveIn(g *graph.Scope, rows int, made *built) methods.Objective {
	r := s.Recipe
	b := methods.NewBatch(g, rows, methods.Data{
		Maker: s.Kind.Training(s.Seen), Samples: s.Seen.Len(), Classes: len(s.Data.Train.Classes()),
		Leading: s.leading(), Acts: s.acts(),
	})
	made.batch = b
	enc := s.encoder()
	obj := withKoLeo(g, r.Train.KoLeo, r.Method.Value.Build(g, enc, b))
	if enc.Projector.Changes() && !enc.Projector.Used() {
		op.Fail("", "[projector] changes the projector that a method has behind its features, and [method.%s] has "+
			"none that it could change", r.Method.Name)
	}
	checkObjective("method."+r.Method.Name, r.Method.Value, obj, b.Size(), enc.Dim)
	checkPlayers(g, "method."+r.Method.Name, r.Method.Value, obj)
	made.objective, made.last, made.projector = obj, g.Newest(), enc.Projector
	return obj
}

// outputTerms names a player's terms, and its loss if the player has a name.
func outputTerms(g *graph.Scope, p methods.Player, loss *graph.Node) {
	if p.Name != "" {
		g.Output(p.Name, loss)
	}
	for _, t := range p.Terms {
		if t.Name != p.Name {
			g.Output(t.Name, t.Value)
		}
	}
}

// trainGraph is one turn of a training step: the method's objective, the optimisers, the teachers, and the online
// probe.
func (s *Setup) trainGraph(turn int) (*graph.Graph, *built, error) {
	made := &built{}
	g, err := graph.Build(s.options(nil), func(g *graph.Scope) {
		obj := s.objectiveIn(g, s.rowsAtOnce(), made)
		players := playersOf(obj)
		var sum, norms []*graph.Node
		for _, p := range players {
			if p.Turn != turn {
				continue
			}
			loss := p.Loss()
			sum = append(sum, loss)
			outputTerms(g, p, loss)
			params := paramsOf(g, p)
			for i, d := range s.apply(g, obj, p, loss, params, nil) {
				norms = append(norms, op.Reshape(op.Sqrt(op.SumSquares(d)), 1))
				made.params = append(made.params, g.Name(params[i]))
			}
		}
		g.Output(LossOutput, op.Sum(sum...))
		if turn == 0 {
			for _, m := range obj.Metrics {
				g.Output(m.Name, m.Value)
			}
			outputPictures(g, obj.Pictures)
		}
		if turn == turnsOf(obj)-1 {
			g.UpdateTwins()
			s.averages(g, obj)
		}
		g.Output(normsOutput, op.Concat(0, norms...))
		if turn == 0 && s.probed(obj) {
			s.probe(g.In(probeScope), obj.Features, made.batch.Labels())
		}
	})
	return g, made, err
}

// withKoLeo is an objective with the term that train.koleo adds to any method's.
func withKoLeo(g *graph.Scope, weight float64, o methods.Objective) methods.Objective {
	if weight == 0 {
		return o
	}
	if o.Features == nil || len(o.Players) > 0 {
		op.Fail("", "train.koleo = %v: the method has no features of a batch that one loss trains; want 0", weight)
	}
	o.Terms = append(o.Terms, methods.Term{Name: "koleo", Weight: weight, Value: losses.KoLeo(g, o.Features)})
	return o
}

// playersOf is an objective's players; one without has a single nameless player of all parameters.
func playersOf(o methods.Objective) []methods.Player {
	if len(o.Players) > 0 {
		return o.Players
	}
	return []methods.Player{{Terms: o.Terms, Scopes: []string{""}}}
}

// turnsOf is how many programs a step of an objective has.
func turnsOf(o methods.Objective) int {
	n := 0
	for _, p := range playersOf(o) {
		n = max(n, p.Turn+1)
	}
	return n
}

// paramsOf lists the parameters that a player trains, in the order of their declaration.
func paramsOf(g *graph.Scope, p methods.Player) (params []*graph.Node) {
	for _, n := range g.Params() {
		for _, scope := range p.Scopes {
			if below(g.Name(n), scope) {
				params = append(params, n)
				break
			}
		}
	}
	return params
}

// below reports whether a name is that of a scope, or of something in it; everything is below "".
func below(name, scope string) bool {
	return scope == "" || name == scope || strings.HasPrefix(name, scope+"/")
}

// apply declares a player's step and returns the gradients. collected are the parameters of which another program of
// the step has a part of the gradient; nil: there is none.
func (s *Setup) apply(g *graph.Scope, o methods.Objective, p methods.Player, loss *graph.Node, params []*graph.Node,
	collected map[string]bool) []*graph.Node {
	r := s.Recipe
	rule, at := r.Optimizer.Value, g
	if p.Optimizer != nil {
		rule, at = p.Optimizer, g.In(p.Name)
	}
	rates := rule.Rates()
	h := optim.Hyper{
		Rate:  at.Scheduled(rateInput, rates.At(r.Train.Batch)),
		Decay: at.Scheduled("weight_decay", rates.Decay()),
		Step:  g.Scheduled("step", optim.CountSteps),
	}
	defer nameIdle(p.Terms)
	gs := optim.Apply(g, rule, loss, params, h, optim.Training{
		Treat: s.treatment(g, o, rates, h, params), Clip: r.Train.Clip, Parts: s.batchParts(), Collected: collected,
	})
	for _, t := range o.Tune {
		for _, p := range params {
			if t.Within != [2]float64{} && tunes(g, t, p) {
				g.Evolve(p, func(x *graph.Node) *graph.Node { return bounded(g, x, t.Within) })
			}
		}
	}
	return gs
}

// nameIdle adds the terms of weight 0 to the error that a parameter is not reached by the loss, which is why that
// happens most. It is deferred.
func nameIdle(terms []methods.Term) {
	p := recover()
	if p == nil {
		return
	}
	idle := slices.DeleteFunc(slices.Clone(terms), func(t methods.Term) bool { return t.Weight != 0 })
	if e, ok := p.(*op.BuildError); ok && e.Msg == optim.Unreached && len(idle) > 0 {
		e.Msg += fmt.Sprintf("; what has the weight 0 trains nothing, want another weight: %s", termNames(idle))
	}
	panic(p)
}

// bounded is x, or the nearer bound where x is not within both.
func bounded(g *graph.Scope, x *graph.Node, within [2]float64) *graph.Node {
	least, most := g.Constant(within[0]), g.Constant(within[1])
	under, over := op.Less(x, least), op.Greater(x, most)
	inside := op.Affine(op.Add(under, over), -1, 1)
	return op.Sum(op.Mul(x, inside), op.Mul(under, least), op.Mul(over, most))
}

// treatment is how each parameter is trained: without decay where that is usual, with the rate of its layer, and as the
// method tunes it.
func (s *Setup) treatment(g *graph.Scope, o methods.Objective, rates optim.Schedules, h optim.Hyper,
	params []*graph.Node) func(p *graph.Node) optim.Treatment {
	usual := optim.PlainOnly(g)
	factors := map[*graph.Node]float64{}
	for i, f := range optim.LayerFactors(g, params, rates.PerLayer()) {
		factors[params[i]] = f
	}
	return func(p *graph.Node) optim.Treatment {
		how := usual(p)
		for _, t := range o.Tune {
			if !tunes(g, t, p) {
				continue
			}
			at := g.In("tune").In(tuneName(t))
			if t.Rate != nil || t.Flat {
				how.Rate = at.Scheduled(rateInput, tunedRate(rates, s.Recipe.Train.Batch, t))
			}
			if t.Hold != nil {
				how.Hold = at.Scheduled("hold", t.Hold)
			}
		}
		if f := factors[p]; f != 1 {
			if how.Rate == nil {
				how.Rate = h.Rate
			}
			how.Rate = op.Scale(how.Rate, f)
		}
		return how
	}
}

// tunes reports whether a parameter is one of those that are trained unlike the others.
func tunes(g *graph.Scope, t methods.Tune, p *graph.Node) bool {
	return below(g.Name(p), t.Scope) && (!t.Vectors || len(op.ShapeOf(p)) < 2)
}

// tuneName is the name of the scope of what the host feeds for such parameters.
func tuneName(t methods.Tune) string {
	name := cmp.Or(strings.ReplaceAll(t.Scope, "/", "."), "all")
	if t.Vectors {
		name += ".vectors"
	}
	return name
}

// tunedRate is the learning rate of parameters that a method tunes.
func tunedRate(rates optim.Schedules, batch int, t methods.Tune) graph.Schedule {
	base := rates.At(batch)
	if t.Flat {
		base = graph.Constantly(rates.Peak(batch))
	}
	return func(at graph.Time) float64 {
		if t.Rate == nil {
			return base(at)
		}
		return base(at) * t.Rate(at)
	}
}

// probed reports whether the training step has an online probe.
func (s *Setup) probed(o methods.Objective) bool {
	return o.Features != nil && s.Recipe.Train.Probe && len(s.Data.Train.Classes()) > 1 &&
		datasets.CountLabelled(s.Seen) > 0
}

// probe is a linear classifier on the features, which it does not change: batch norm without scale and shift, then
// linear (He et al. 2022, arXiv:2111.06377, app. A.1), trained by AdamW at a fixed rate.
func (s *Setup) probe(g *graph.Scope, features, labels *graph.Node) {
	logits := s.classifier(g, op.ShapeOf(features).Last())(op.StopGradient(features)) // [B,classes]
	loss := op.OfLabelled(op.MeanAll(op.CrossEntropy(logits, labels, 0)), labels)
	g.Output("loss", loss)
	g.Output("accuracy", op.Accuracy(logits, labels))
	optim.Apply(g, optim.DefaultAdamW(), loss, g.Params(), optim.Hyper{
		Rate:  g.Constant(s.Recipe.Train.ProbeRate),
		Decay: g.Constant(0),
		Step:  g.Scheduled("step", optim.CountSteps),
	}, optim.Training{Parts: s.Recipe.Train.Accumulate})
}

// classifier is the online probe: features [B,dim] to logits [B,classes].
func (s *Setup) classifier(g *graph.Scope, dim int) layer.Func {
	return layer.Chain(layer.BatchNormPlain(g.In("norm"), dim), layer.Linear(g.In("linear"), dim,
		len(s.Data.Train.Classes()), true))
}
