package experiment_test

import (
	"errors"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/recipes"
)

// doomed is SimCLR and the logarithm of a number that training makes smaller until it is below 0.
type doomed struct{ contrastive.SimCLR }

func (m *doomed) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	obj := m.SimCLR.Build(s, enc, b)
	p := s.In("doom").Param("p", graph.Fill(1), 1)
	obj.Terms = append(obj.Terms, methods.Term{Name: "doom", Weight: 1, Value: op.SumAll(op.Log(p))})
	return obj
}

// A run that diverges names the operation that gave the first number that is not finite, though the step has replaced
// the state that it began with: from the checkpoint before it, from the beginning where there is none, over a change of
// the views' size, in parts of a batch.
func TestDivergenceNamesOperation(t *testing.T) {
	c := recipes.Builtin()
	c.Methods["doomed"] = func() methods.Method { return &doomed{*contrastive.DefaultSimCLR()} }
	steps := map[int]bool{}
	for name, sets := range map[string][]string{
		"checkpoint": {`train.checkpoint="2 steps"`},
		"beginning":  {`train.checkpoint="100 steps"`},
		"stages":     {`train.checkpoint="100 steps"`, `train.resolution=[{until="3 steps",crop=20}]`},
		"parts":      {`train.checkpoint="2 steps"`, "train.accumulate=2", "train.parts_apart=true"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := recipes.Load(writeRecipe(t, small),
				append([]string{`method="doomed"`, "method.doomed.projector=[32,16]", `optimizer="sgd"`,
					"optimizer.sgd.rate=0.1", "optimizer.sgd.momentum=0.0", `optimizer.sgd.scale="none"`,
					`optimizer.sgd.warmup="0 steps"`}, sets...), c)
			if err != nil {
				t.Fatal(err)
			}
			_, err = train(t, r, nil)
			var nan *experiment.DivergedError
			if !errors.As(err, &nan) {
				t.Fatalf("the error is %v, want a divergence", err)
			}
			steps[nan.Step] = true
			if want := "unary [1] in doom gives the first NaN"; nan.First != want || !strings.Contains(err.Error(),
				want) {
				t.Errorf("the error is %v, want %q", err, want)
			}
		})
	}
	if len(steps) != 1 || steps[0] || steps[1] || steps[2] || steps[3] {
		t.Errorf("the runs diverge at steps %v, want the same one behind the first stage", steps)
	}
}
