package experiment

import (
	"errors"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/recipes"
)

// asking is SimCLR with an input of its own.
type asking struct {
	*contrastive.SimCLR
	declare func(s *graph.Scope) *graph.Node // 0-d
}

func (m *asking) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o := m.SimCLR.Build(s, enc, b)
	o.Metrics = append(o.Metrics, methods.Metric{Name: "asked", Value: m.declare(s)})
	return o
}

// astray is a backbone that declares an input beside the images.
type astray struct{ backbones.Backbone }

func (b astray) New(s *graph.Scope, in backbones.Input) layer.Func {
	f := b.Backbone.New(s, in)
	return func(x *graph.Node) *graph.Node { return op.Add(f(x), s.Input("extra")) }
}

// An input that nobody fills is an error before the training, not zeros in it; so is one of another type than what
// fills it.
func TestUnfilledInputs(t *testing.T) {
	for _, c := range []struct {
		name    string
		declare func(s *graph.Scope) *graph.Node
		want    string
	}{
		{"a wrong name", func(s *graph.Scope) *graph.Node { return op.MeanAll(s.Input("label_noise", 64)) },
			`nothing fills the input "label_noise" [64] of the graph; there are "view0", "view1", and inputs ` +
				`that are declared with a schedule`},
		{"a view too many", func(s *graph.Scope) *graph.Node { return op.MeanAll(s.Input("view2", 64, 28, 28, 1)) },
			`nothing fills the input "view2"`},
		{"a schedule", func(s *graph.Scope) *graph.Node { return s.Scheduled("ramp", graph.Constantly(2)) }, ""},
	} {
		r, err := recipes.Load("quickstart.toml", []string{"train.batch=64", "train.probe=false",
			"backbone.convnet.widths=[8]", "method.simclr.projector=[16,16]", "train.length=2 steps",
			"evaluate.knn=false", "evaluate.linear=false"}, recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		r.Method.Value = &asking{r.Method.Value.(*contrastive.SimCLR), c.declare}
		_, err = Prepare(r)
		var misfit *RecipeError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.As(err, &misfit) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}

	r, err := recipes.Load("quickstart.toml", []string{"train.batch=64", "backbone.convnet.widths=[8]",
		"method.simclr.projector=[16,16]", "train.length=2 steps"}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	r.Backbone.Value = astray{r.Backbone.Value}
	if _, err = Prepare(r); err == nil || !strings.Contains(err.Error(), `nothing fills the input "backbone/extra"`) {
		t.Errorf("an input of a backbone: got %v", err)
	}
}
