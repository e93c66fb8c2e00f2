package experiment_test

import (
	"io"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/images"
	"selfsup/experiment"
	"selfsup/recipes"
)

// bare is the first pictures of Fashion-MNIST-4k, without labels and without a test set.
type bare struct{ images.FashionMNIST4k }

func (s *bare) Open(env datasets.Env) (*datasets.Data, error) {
	d, err := s.FashionMNIST4k.Open(env)
	if err != nil {
		return nil, err
	}
	m := &datasets.Memory{Images: make([]datasets.Image, 300), Origin: "bare"}
	for i := range m.Images {
		if err := d.Train.(datasets.Set).Image(i, &m.Images[i]); err != nil {
			return nil, err
		}
	}
	d.Train, d.Test = m, nil
	return d, nil
}

// Pictures without labels end with numbers: protocols that need no labels run, at the end and during the training,
// where they can choose the best checkpoint; the others are refused before the training.
func TestUnlabelledEndsWithNumbers(t *testing.T) {
	c := recipes.Builtin()
	c.Datasets["bare"] = func() datasets.Source { return &bare{} }
	run := func(sets ...string) (*experiment.Summary, error) {
		r, err := recipes.Load(writeRecipe(t, small), append([]string{`dataset="bare"`}, sets...), c)
		if err != nil {
			t.Fatal(err)
		}
		return experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	}
	sum, err := run("evaluate.knn=false", "evaluate.align_uniform=true", "evaluate.align_uniform.every=10 steps",
		"evaluate.rankme=true", "evaluate.spread=true", "evaluate.spread.images=64", "evaluate.spectrum=true",
		"evaluate.alpha_req=true", "evaluate.alpha_req.first=2", "evaluate.lidar.images=40", "evaluate.lidar.views=3",
		"evaluate.clid.images=128", "evaluate.clid.clusters=8", "evaluate.rotation.images=300")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, e := range sum.Evaluations {
		got[e.Representation+" "+e.Label()] = e.Value
		if e.Set != "training" || (e.Interval != nil) != e.Accuracy {
			t.Errorf("%s is of the %s set with interval %v, want training, and one of an accuracy", e.Label(), e.Set,
				e.Interval)
		}
	}
	for label, most := range map[string]float64{"rankme": 16, "spread": 1, "align_uniform alignment": 4,
		"align_uniform uniformity": 0, "alpha_req alpha": 9, "spectrum effective_rank": 16,
		"spectrum stable_rank": 16, "spectrum participation_ratio": 16, "spectrum auc": 1, "spectrum nesum": 16,
		"lidar": 16, "clid learnability": 1, "clid dimension": 30, "rotation top1": 1} {
		for _, rep := range []string{"trained", "untrained"} {
			if v, ok := got[rep+" "+label]; !ok || v > most || label != "align_uniform uniformity" && v <= 0 {
				t.Errorf("%s %s is %v (%v), want at most %v", rep, label, v, ok, most)
			}
		}
	}
	if a, b := got["trained align_uniform alignment"], got["untrained align_uniform alignment"]; a == b || a == 0 {
		t.Errorf("alignment %v trained and %v untrained: want two numbers of two views", a, b)
	}
	if r := got["trained rotation top1"]; r < 0.4 {
		t.Errorf("turns of clothes are told in %v of the cases, want far more than chance", r)
	}
	if len(got) != 28 {
		t.Errorf("got %v, want fourteen numbers of the trained and of the untrained encoder", got)
	}
	if sum.Best == nil || sum.Best.Evaluation != "align_uniform alignment" ||
		sum.Best.Value > got["trained align_uniform alignment"] {
		t.Errorf("best %+v, want the lowest alignment, at most the last %v", sum.Best,
			got["trained align_uniform alignment"])
	}
	if table := sum.Table(); strings.Contains(table, "pixels") || strings.Contains(table, "test:") ||
		strings.Contains(table, "validation") {
		t.Errorf("a table of nothing that was measured:\n%s", table)
	}
	if _, err := run(); err == nil || !strings.Contains(err.Error(), "[evaluate.knn] needs labelled training "+
		"and test images") ||
		!strings.Contains(err.Error(), "[evaluate.rankme], [evaluate.spread] and [evaluate.align_uniform] need "+
			"no labels, nor do others of `") {
		t.Errorf("kNN without labels: got %v", err)
	}
	if _, err := run("evaluate.rankme=true"); err == nil || !strings.Contains(err.Error(),
		"switch it off with [evaluate] knn = false; rankme can stay") {
		t.Errorf("kNN and rankme without labels: got %v", err)
	}
}

// A protocol that turns images is refused where the training turns them, and where the samples are none.
func TestTurnsAreRefused(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"views.quarter_turn=0.5", "[views] turns them in the training (quarter_turn = [0.5])"},
		{"views.rotate=[0.0,0.2]", "[views] turns them in the training (rotate = [0 0.2])"},
		{"views.rand_augment=0.1", "of whose operations one rotates"},
		{"views.vertical_flip=0.5", "which together are half a turn"},
		{"method=looc", "[method.looc] turns them in the training"},
		{"scarf.toml", "the samples of dataset.letter are rows"},
	} {
		file, sets := writeRecipe(t, small), []string{"evaluate.rotation=true", c.set}
		if strings.HasSuffix(c.set, ".toml") {
			file, sets = c.set, sets[:1]
		}
		r, err := recipes.Load(file, sets, recipes.Builtin())
		if err == nil {
			_, err = experiment.Open(r)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(),
			"switch it off with [evaluate] rotation = false") {
			t.Errorf("%s: got %v, want %q", c.set, err, c.want)
		}
	}
	r, err := recipes.Load(writeRecipe(t, small), []string{"views.vertical_flip=0.5", "views.flip=0.0",
		"evaluate.rotation=true"}, recipes.Builtin())
	if err == nil {
		_, err = experiment.Open(r)
	}
	if err != nil {
		t.Errorf("a top-bottom flip alone: %v", err)
	}
}
