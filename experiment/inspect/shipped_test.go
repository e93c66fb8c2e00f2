package inspect

import (
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// withSixteen is what recipes need beside train.batch=16 to take a step of so few images.
var withSixteen = map[string][]string{
	"wmse.toml": {"method.wmse.projector=[32,4]", "method.wmse.sub_batch=8"},
	// few labels
	"mean_teacher.toml": {"sampler.two_streams.labelled=4"}, "mixmatch.toml": {"sampler.two_streams.labelled=4"},
	"pseudo_label.toml": {"sampler.two_streams.labelled=4"}, "vat.toml": {"sampler.two_streams.labelled=4"},
	"vime_semi.toml": {"sampler.two_streams.labelled=4"},

	// two encoders
	"dcca.toml":  {"method.dcca.projector=[32,4]"},
	"dccae.toml": {"method.dccae.projector=[32,4]"},
}

// Every shipped recipe runs two steps.
func TestShippedRecipesRun(t *testing.T) {
	for _, name := range recipes.Names() {
		t.Run(name, func(t *testing.T) {
			s := prepare(t, name, append([]string{"train.batch=16"}, withSixteen[name]...)...)
			runTwoSteps(t, s)
		})
	}
}

// runTwoSteps takes two steps on views of noise, after which the loss is a number.
func runTwoSteps(t *testing.T, s *experiment.Setup) {
	t.Helper()
	fillViews(s.Train)
	for step := range 2 {
		s.Train.Schedule(s.Time(step))
		if err := s.Train.Run(); err != nil {
			t.Fatal(err)
		}
	}
	loss, err := s.Train.Output(experiment.LossOutput)
	if err != nil {
		t.Fatal(err)
	}
	if v := loss.At(0); v != v {
		t.Errorf("the loss is %v after two steps", v)
	}
}
