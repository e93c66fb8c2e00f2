package inspect

import (
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// Methods whose projector may have no widths train on the features themselves.
func TestNoProjector(t *testing.T) {
	for method, recipe := range map[string]string{
		"simclr": "quickstart", "vicreg": "vicreg", "byol": "byol", "moco": "moco", "deepcluster_v2": "deepcluster",
		"nat":   "nat",
		"mochi": "mochi", "pcl": "pcl",
	} {
		t.Run(method, func(t *testing.T) {
			s := prepare(t, recipe+".toml", "train.batch=16", "backbone.convnet.widths=[8,16]",
				"method."+method+".projector=[]")
			s.Train.Schedule(s.Time(0))
			if err := s.Train.Run(); err != nil {
				t.Fatal(err)
			}
			for _, p := range s.Leaves {
				if strings.HasPrefix(p.Name, "projector/") {
					t.Errorf("there is a parameter %s", p.Name)
				}
			}
		})
	}
}

// [projector] changes the projector of any method that asks its encoder for one: the parameters of a step are others.
func TestProjectorSettings(t *testing.T) {
	for _, c := range []struct {
		recipe, sets string
		want, not    string // parameters that there are, and that there are not
	}{
		{"quickstart", `projector.norm="none"`, "projector/0/bias", "projector/0/norm/weight"},
		{"quickstart", `projector.norm="layer"`, "projector/0/norm/weight", "projector/0/norm/running"},
		{"moco", `projector.norm="batch"`, "projector/0/norm/running", "projector/0/bias"},
		{"byol", `projector.frozen=true`, "projector/0/weight", "teacher/projector/0/weight"},
		{"vicreg", `projector.form="low_rank" projector.rank=5`, "projector/1/down/weight", "projector/1/weight"},
		{"supervised", `projector.form="diagonal" method.supervised.projector=[16,16]`, "projector/1/scale", ""},
		{"supervised", `method.supervised.projector=[16,8]`, "projector/1/weight", ""},
	} {
		sets := append([]string{"train.batch=16", "backbone.convnet.widths=[8,16]"}, strings.Fields(c.sets)...)
		s := prepare(t, c.recipe+".toml", sets...)
		runTwoSteps(t, s)
		has := map[string]bool{}
		for _, l := range s.Leaves {
			has[l.Name] = true
		}
		if !has[c.want] || has[c.not] {
			t.Errorf("%s with %s: %s is there (%v), %s is there (%v)", c.recipe, c.sets, c.want, has[c.want], c.not,
				has[c.not])
		}
	}
}

// A [projector] that changes nothing, or that the method has not, is refused.
func TestProjectorRefused(t *testing.T) {
	for _, c := range []struct{ recipe, set, want string }{
		{"rotation", `projector.norm="layer"`, "[method.rotation] has none that it could change"},
		{"quickstart", `projector.form="full"`, "changes nothing; want norm, form or frozen"},
		{"quickstart", `projector.norm="instance"`, `"instance": want "batch"`},
		{"quickstart", `projector.form="diagonal"`, "from 128 to 512 dimensions; want projector = [128]"},
	} {
		r, err := recipes.Load(c.recipe+".toml", []string{c.set}, recipes.Builtin())
		if err == nil {
			_, err = experiment.Prepare(r)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: got %v, want %q", c.recipe, c.set, err, c.want)
		}
	}
}
