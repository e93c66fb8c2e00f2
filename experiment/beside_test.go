package experiment_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/recipes"
)

// The encoder is shown corrupted test images and another data set, at the end and, of the validation split, during the
// training; the untrained one has an mCE of 1 relative to itself.
func TestBesideTheTestSet(t *testing.T) {
	r := load(t, small, `evaluate.ood.outside="emoji_32"`, "evaluate.ood.images=50", "evaluate.ood.every=10 steps",
		"evaluate.corruptions=true", `evaluate.corruptions.kinds=["contrast", "pixelate"]`,
		"evaluate.corruptions.l2=[0.1]", "evaluate.corruptions.every=10 steps", "evaluate.knn=false")
	sum, err := train(t, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]experiment.Evaluation{}
	for _, e := range sum.Evaluations {
		got[e.Representation+" "+e.Label()] = e
		auroc := e.Metric == "auroc emoji_32"
		if e.Set != "test" || (e.Interval != nil) != auroc || auroc && !(e.Interval[0] <= e.Value && e.Value <=
			e.Interval[1] && e.Interval[1]-e.Interval[0] < 0.2) {
			t.Errorf("%s is of the %s set with interval %v, want test, and one of auroc", e.Label(), e.Set, e.Interval)
		}
	}
	for _, rep := range []string{"trained", "untrained", "pixels"} {
		for _, label := range []string{"ood auroc emoji_32", "ood fpr95 emoji_32", "corruptions contrast",
			"corruptions pixelate", "corruptions error", "corruptions mCE"} {
			if e, ok := got[rep+" "+label]; !ok || !(e.Value >= 0 && (e.Value <= 1 || e.Metric == "mCE")) {
				t.Errorf("%s %s is %v (%v)", rep, label, e.Value, ok)
			}
		}
		if n := got[rep+" ood auroc emoji_32"].Settings["images"]; n != 50 {
			t.Errorf("%s: %v outside images, want 50", rep, n)
		}
		// Emoji are no garments.
		if v := got[rep+" ood auroc emoji_32"].Value; v < 0.6 && rep != "trained" {
			t.Errorf("%s: auroc of emoji is %v", rep, v)
		}
	}
	if v := got["untrained corruptions mCE"].Value; v != 1 {
		t.Errorf("the untrained encoder's mCE is %v relative to itself, want 1", v)
	}
	var want float64
	for _, kind := range []string{"contrast", "pixelate"} {
		want += got["pixels corruptions "+kind].Value / got["untrained corruptions "+kind].Value / 2
	}
	if v := got["pixels corruptions mCE"].Value; v != want {
		t.Errorf("mCE of pixels is %v, want %v", v, want)
	}
	if sum.Best == nil || !strings.HasPrefix(sum.Best.Evaluation, "validation corruptions contrast") {
		t.Errorf("best %+v, want it chosen by corrupted images of the validation split", sum.Best)
	}
	again, err := experiment.Evaluate(sum.Run, false, []string{`evaluate.corruptions.kinds=["contrast"]`},
		recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range again.Evaluations {
		if strings.HasSuffix(e.Label(), " contrast") && e.Value != got[e.Representation+" "+e.Label()].Value {
			t.Errorf("evaluated again, %s %s is %v, was %v", e.Representation, e.Label(), e.Value,
				got[e.Representation+" "+e.Label()].Value)
		}
	}
}

// An encoder that never saw a label is measured by the classes of another data set, in its channels, with an interval
// of that set's test images.
func TestTransfer(t *testing.T) {
	c := recipes.Builtin()
	c.Datasets["bare"] = func() datasets.Source { return &bare{} }
	r, err := recipes.Load(writeRecipe(t, small), []string{`dataset="bare"`, "evaluate.knn=false",
		`evaluate.transfer.to="emoji_32"`, "evaluate.transfer.l2=[0.1, 1]", "baselines.untrained=false"}, c)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range sum.Evaluations {
		if e.Metric != "emoji_32 linear top1" && e.Metric != "emoji_32 knn top1" {
			continue
		}
		seen++
		const chance = 1. / 9
		if e.Set != "other" || e.Interval == nil || e.Interval[1]-e.Interval[0] > 0.2 || e.Value < 1.5*chance ||
			e.Hits != nil || e.Images < 100 {
			t.Errorf("%s %s is %v with interval %v of %d images of the %s set", e.Representation, e.Label(), e.Value,
				e.Interval, e.Images, e.Set)
		}
	}
	if seen != 4 {
		t.Errorf("%d accuracies of the trained encoder and of the pixels, want 4: %+v", seen, sum.Evaluations)
	}
	if table := sum.Table(); !strings.Contains(table, "transfer emoji_32 linear top1") {
		t.Errorf("the table:\n%s", table)
	}
}

// A run is evaluated again by the protocols that are asked for and no others: one of its recipe keeps its settings, one
// that it has not gets the defaults.
func TestProtocolsThatAreAskedFor(t *testing.T) {
	sum, err := train(t, load(t, small, "evaluate.knn.k=[7]", "evaluate.spread=true"), nil)
	if err != nil {
		t.Fatal(err)
	}
	evaluate := func(names ...string) (labels []string, err error) {
		again, err := experiment.Evaluate(sum.Run, false, nil, recipes.Builtin(),
			experiment.Options{Messages: io.Discard, Protocols: names})
		for i := 0; err == nil && i < len(again.Evaluations); i++ {
			if e := again.Evaluations[i]; e.Representation == "trained" {
				labels = append(labels, e.Label())
			}
		}
		return labels, err
	}
	got, err := evaluate("knn", "clustering")
	want := []string{"clustering nmi", "clustering ari", "clustering purity", "clustering matched",
		"clustering silhouette", "clustering class_silhouette", "knn k=7 top1", "knn k=7 top5"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	if _, err := evaluate("cluster"); err == nil || !strings.Contains(err.Error(), "clustering") {
		t.Errorf("a protocol that does not exist: %v", err)
	}
}

// What cannot be shown or compared is refused before the training, with what would be right.
func TestBesideRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		sets []string
		want []string
	}{
		{small, []string{"evaluate.corruptions=true", "baselines.untrained=false"},
			[]string{"[evaluate.corruptions] against", `"untrained" is not evaluated`, "asks for pixels"}},
		{small, []string{`evaluate.ood.outside="letter"`},
			[]string{"[evaluate] ood", "data of rows", "fashion_mnist_4k are images"}},
		{small, []string{`evaluate.ood.outside="emoji_32"`, "evaluate.ood.every=10 steps", "validation.share=0"},
			[]string{"evaluate.ood.every", "held out, and none are"}},
		{small, []string{`evaluate.transfer.to="folder"`, `evaluate.transfer.to.folder.train="."`},
			[]string{"[evaluate.transfer]"}},
		{small, []string{`evaluate.ood.outside="folder"`, `evaluate.ood.outside.folder.train="nowhere"`},
			[]string{"[evaluate.ood] datasets: folder", "nowhere"}},
	} {
		r := load(t, c.text, c.sets...)
		_, err := experiment.Open(r)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: got %v, want %q", c.sets, err, want)
			}
		}
	}
}
