package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/evaluations"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
)

// frozen runs an evaluation of the encoder of a Store, and proves that it stayed frozen.
func (s *Setup) frozen(name string, st *graph.Store, evaluate func() ([]Evaluation, error)) ([]Evaluation, error) {
	before := st.Hash(s.encoderScope() + "/")
	all, err := evaluate()
	if err == nil && st.Hash(s.encoderScope()+"/") != before {
		err = fmt.Errorf("evaluate: %s: the encoder's weights changed during its evaluation", name)
	}
	return all, err
}

// blind is a Setup to which no test set is there, neither its own nor another data set's: what is measured during the
// training reads none, whatever the protocol.
func (s *Setup) blind() *Setup {
	b, data := *s, *s.Data
	data.Test = nil
	b.Data, b.Tested, b.outside = &data, nil, map[datasets.Source]other{}
	for source, o := range s.outside {
		b.outside[source] = other{train: o.train}
	}
	b.others = slices.Clone(s.others)
	for i := range b.others {
		b.others[i].test = nil
	}
	if s.main != nil {
		main := *s.main
		main.test = nil
		b.main = &main
	}
	return &b
}

// validate runs protocols on the trained encoder after done steps and the validation split.
func (r *run) validate(ctx context.Context, done int, protocols []evaluations.Protocol) ([]Evaluation, error) {
	st, _, err := r.toEvaluate(done)
	if err != nil {
		return nil, err
	}
	u, err := r.blind().encoderSubject("trained", st)
	if err != nil {
		return nil, err
	}
	return r.frozen(u.name, st, func() ([]Evaluation, error) { return u.measure(ctx, onValidation, protocols) })
}

// protocolName is the name that the recipe has for a protocol.
func (s *Setup) protocolName(p evaluations.Protocol) string {
	for _, c := range s.Recipe.Evaluate.On {
		if c.Value == p {
			return c.Name
		}
	}
	return ""
}

// protocols lists the recipe's protocols.
func (s *Setup) protocols() []evaluations.Protocol {
	var ps []evaluations.Protocol
	for _, c := range s.Recipe.Evaluate.On {
		ps = append(ps, c.Value)
	}
	return ps
}

// evaluateAll runs all protocols on the trained encoder of a Store, and on the recipe's baselines: the same encoder
// untrained, and the samples themselves.
func (s *Setup) evaluateAll(ctx context.Context, trained *graph.Store) ([]Evaluation, error) {
	ps := s.protocols()
	if len(ps) == 0 {
		return nil, nil
	}
	var all []Evaluation
	encoder := func(name string, st *graph.Store) error {
		u, err := s.encoderSubject(name, st)
		if err != nil {
			return err
		}
		more, err := s.frozen(name, st, func() ([]Evaluation, error) { return u.measure(ctx, onTest, ps) })
		all = append(all, more...)
		return err
	}
	if err := encoder("trained", trained); err != nil {
		return nil, err
	}
	for _, n := range s.Recipe.Baselines.Projector {
		more, err := s.evaluateProjected(ctx, trained, n, ps)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	parts, err := s.evaluateParts(ctx, trained, ps)
	if err != nil {
		return nil, err
	}
	all = append(all, parts...)
	if s.Recipe.Baselines.Untrained {
		fresh, err := s.untrained()
		if err != nil {
			return nil, err
		}
		if err := encoder(untrainedName, fresh); err != nil {
			return nil, err
		}
	}
	if s.Recipe.Baselines.Pixels {
		raw, err := (&subject{Setup: s, name: s.rawName(), take: s.raw, told: s.toldByCounts, clips: s.rawClips(),
			maps: func() (*mapper, error) {
				return s.rawMaps(), nil
			}}).measure(ctx, onTest, ps)
		if err != nil {
			return nil, err
		}
		all = append(all, raw...)
		if w := s.weighted(); w != nil {
			more, err := w.measure(ctx, onTest, comparing(ps))
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
	}
	return s.relate(all), nil
}

// evaluateProjected runs the protocols that need features alone on the first n layers of a Store's projector.
func (s *Setup) evaluateProjected(ctx context.Context, st *graph.Store, n int,
	ps []evaluations.Protocol) ([]Evaluation, error) {
	g, err := s.projectedGraph(n)
	if err != nil {
		return nil, err
	}
	run, err := s.over(st, g)
	if err != nil {
		return nil, err
	}
	u := s.subjectOf(fmt.Sprintf("projector%d", n), run)
	return u.measure(ctx, onTest, withoutPixels(ps))
}

// withoutPixels are the protocols that need features alone.
func withoutPixels(ps []evaluations.Protocol) []evaluations.Protocol {
	return slices.DeleteFunc(slices.Clone(ps), ofPixels)
}

// evaluateEnd is the evaluation of the finished training, on the validation split and on the test set. A request ends
// it; resuming the run begins it again.
func (r *run) evaluateEnd() (chosen, all []Evaluation, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asked := make(chan Request, 1)
	go func() {
		select {
		case q := <-r.requests():
			asked <- q
			cancel()
		case <-ctx.Done():
		}
	}()
	chosen, all, err = r.concluding(ctx)
	if errors.Is(err, context.Canceled) {
		return nil, nil, &Stopped{Reason: <-asked, Step: r.Steps, Folder: r.Folder.Path}
	}
	if err != nil {
		return nil, nil, err
	}
	return chosen, all, r.keepBest(r.Steps, chosen)
}

// concluding evaluates the last state: as a candidate for the best one, by what ran during the training, and on the
// test set.
func (r *run) concluding(ctx context.Context) (chosen, all []Evaluation, err error) {
	var during []evaluations.Protocol
	for _, p := range r.protocols() {
		if r.during(p) > 0 {
			during = append(during, p)
		}
	}
	if len(during) > 0 {
		if chosen, err = r.validate(ctx, r.Steps, during); err != nil {
			return nil, nil, err
		}
	}
	st, said, err := r.toEvaluate(r.Steps)
	if err != nil {
		return nil, nil, err
	}
	r.weights = said
	all, err = r.evaluateAll(ctx, st)
	return chosen, all, err
}

// leading is the protocol that the best checkpoint follows: the first that runs during the training; nil if none does.
func (r *run) leading() evaluations.Protocol {
	for _, p := range r.protocols() {
		if r.during(p) > 0 {
			return p
		}
	}
	return nil
}

// keepBest saves the state after done steps as the best checkpoint, if the leading protocol's first value is better
// than all before.
func (r *run) keepBest(done int, all []Evaluation) error {
	lead := r.leading()
	for _, e := range all {
		if lead == nil || e.by != lead {
			continue
		}
		if r.best != nil && r.best.Evaluation == e.Label() && !e.better(r.best.Value) {
			return nil
		}
		m := r.meta(done)
		r.best, r.bestStep = &checkpoint.Score{Evaluation: e.Label(), Value: e.Value}, done
		m.Score = r.best
		if !r.Options.Ranks.Lead() {
			return nil
		}
		return checkpoint.SaveBest(r.Folder.File(checkpointDir), r.Store, m)
	}
	return nil
}
