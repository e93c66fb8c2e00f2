package experiment_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/images"
	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/recipes"
)

// spied is Fashion-MNIST-4k that counts the test images that are read, or has other labels.
type spied struct {
	images.FashionMNIST4k
	reads *atomic.Int64
	train func(i, label int) int // nil: as they are
	test  func(i, label int) int
}

func (s *spied) Open(env datasets.Env) (*datasets.Data, error) {
	d, err := s.FashionMNIST4k.Open(env)
	if err == nil {
		d.Train, d.Test = &spiedSet{d.Train.(datasets.Set), nil, s.train}, &spiedSet{d.Test.(datasets.Set), s.reads,
			s.test}
	}
	return d, err
}

type spiedSet struct {
	datasets.Set
	reads *atomic.Int64
	label func(i, label int) int
}

func (s *spiedSet) Label(i int) int {
	if s.label == nil {
		return s.Set.Label(i)
	}
	return s.label(i, s.Set.Label(i))
}

func (s *spiedSet) Image(i int, dst *datasets.Image) error {
	if s.reads != nil {
		s.reads.Add(1)
	}
	return s.Set.Image(i, dst)
}

// Shape implements datasets.Shaped.
func (s *spiedSet) Shape(i int) (h, w, c int) { return s.Set.(datasets.Shaped).Shape(i) }

// spy loads small on a spied set, with evaluations every ten steps.
func spy(t *testing.T, s *spied, sets ...string) (*recipes.Loaded, recipes.Catalog) {
	t.Helper()
	c := recipes.Builtin()
	c.Datasets["spied"] = func() datasets.Source { return s }
	sets = append([]string{`dataset="spied"`, "evaluate.knn.every=10 steps", "evaluate.linear=true",
		"evaluate.linear.l2=[1.0, 0.03]"}, sets...)
	r, err := recipes.Load(writeRecipe(t, small), sets, c)
	if err != nil {
		t.Fatal(err)
	}
	return r, c
}

// Nobody looks at the test set before the training is over.
func TestTestSetIsReadAtTheEnd(t *testing.T) {
	var reads atomic.Int64
	s := &spied{reads: &reads}
	r, c := spy(t, s)
	stop := make(chan experiment.Request, 1)
	// the data are open, and their fingerprint is taken
	forget := &after{text: "small: 3000 images", do: func() { reads.Store(0) }}
	// after the second evaluation
	halt := &after{text: "epoch 0.4: validation", do: func() { stop <- experiment.Interrupt }}
	_, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.MultiWriter(forget, halt),
		Stop: stop})
	var stopped *experiment.Stopped
	if !errors.As(err, &stopped) || stopped.Step != 20 {
		t.Fatalf("got %v, want a stop after step 20", err)
	}
	if n := reads.Load(); n != 0 {
		t.Errorf("%d test images were read during the training, want none", n)
	}
	forget.done = false
	sum, err := experiment.Resume(stopped.Folder, c, experiment.Options{Messages: forget})
	if err != nil {
		t.Fatal(err)
	}
	if n := reads.Load(); n != 3*1000 {
		t.Errorf("%d test images were read at the end, want 1000 by each of the trained encoder, the untrained "+
			"one and pixels", n)
	}
	if sum.Best == nil || sum.Best.Evaluation != "validation knn k=20 top1" ||
		sum.Validation != "validation: labels of 600 of 3000 training images" {
		t.Errorf("best %+v of %q, want it chosen by the validation split of 600", sum.Best, sum.Validation)
	}
}

// after does something when a text is written for the first time.
type after struct {
	text string
	do   func()
	done bool
}

func (a *after) Write(b []byte) (int, error) {
	if !a.done && strings.Contains(string(b), a.text) {
		a.done = true
		a.do()
	}
	return len(b), nil
}

// Labels of the test set choose neither the checkpoint nor a hyperparameter; and what chooses changes no bit of the
// training.
func TestTestLabelsChooseNothing(t *testing.T) {
	choices := func(s *spied, sets ...string) (choice string, weights string, top1 float64) {
		r, _ := spy(t, s, sets...)
		sum, err := train(t, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		st, _, _, err := checkpoint.Latest(filepath.Join(sum.Run, "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range sum.Evaluations {
			choice += fmt.Sprint(e.Settings["l2"], " ")
			if e.Label() == "linear top1" && e.Representation == "trained" {
				top1 = e.Value
			}
		}
		return fmt.Sprintf("%+v %s", sum.Best, choice), st.Hash(""), top1
	}
	r := rand.New(rand.NewPCG(1, 1))
	random := make([]int, 1000)
	for i := range random {
		random[i] = r.IntN(10)
	}
	a, weights, right := choices(&spied{})
	b, _, wrong := choices(&spied{test: func(i, _ int) int { return random[i] }})
	if a != b {
		t.Errorf("with the test labels the choice is %s, with random ones %s", a, b)
	}
	if right < 0.4 || wrong > 0.2 {
		t.Errorf("accuracies of %.3f and %.3f: want the random labels to be the ones measured on", right, wrong)
	}
	if _, other, _ := choices(&spied{}, "validation.share=0.5"); other != weights {
		t.Errorf("with half of the labels held out the training ends with other bits")
	}
	if _, other, _ := choices(&spied{}, "validation.share=0", "evaluate.knn.every=0",
		"evaluate.linear.l2=[0.03]"); other != weights {
		t.Errorf("without a validation split the training ends with other bits")
	}
}

// What is measured on the validation split has not seen its labels: of labels that say nothing a nearest neighbour
// knows nothing, unless it is the image itself. At the end all labels are learned from.
func TestSplitIsHeldOut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]int, 3000)
	for i := range random {
		random[i] = r.IntN(10)
	}
	rec, _ := spy(t, &spied{train: func(i, _ int) int { return random[i] }}, "evaluate.knn.k=[1]",
		"evaluate.linear=false")
	var said strings.Builder
	if _, err := experiment.Run(rec, experiment.Options{Root: t.TempDir(), Messages: &said}); err != nil {
		t.Fatal(err)
	}
	var value float64
	i := strings.Index(said.String(), "validation knn k=1 top1 ")
	if i < 0 {
		t.Fatalf("no evaluation on the split in\n%s", said.String())
	}
	fmt.Sscanf(said.String()[i:], "validation knn k=1 top1 %g", &value)
	if value < 0.05 || value > 0.17 {
		t.Errorf("kNN of one neighbour is right of %.3f of random labels that it should not know, want about 0.1",
			value)
	}
}

// A recipe that has nothing to choose on is refused before the training, with what to write.
func TestNothingToChooseOn(t *testing.T) {
	for _, c := range []struct {
		name string
		sets []string
		want string
	}{
		{"a grid", []string{"validation.share=0", "evaluate.linear=true"},
			"[evaluate.linear] chooses a setting on labels that are held out of the training images, and " +
				"[validation] share = 0 holds no labels out; want one value, such as l2 = [0.01]"},
		{"evaluations during the training", []string{"validation.share=0", "evaluate.knn.every=10 steps"},
			`[evaluate.knn] every = "10 steps" measures on labels that are held out of the training images, and ` +
				`[validation] share = 0 holds no labels out; want every = 0`},
		{"one image a class", []string{"labelled.few_shot.per_class=1", "evaluate.knn.every=10 steps"},
			"[validation] share = 0.2 leaves none of the 10 labelled training images out, as each is the only " +
				"one of its class"},
		{"one strength, at the end", []string{"validation.share=0", "evaluate.linear=true",
			"evaluate.linear.l2=[0.01]"}, ""},
	} {
		_, err := experiment.Prepare(load(t, small, c.sets...))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := recipes.Load(writeRecipe(t, small), []string{"validation.share=1"}, recipes.Builtin()); err == nil ||
		!strings.Contains(err.Error(), "less than 1") {
		t.Errorf("share = 1: got %v", err)
	}
}

// Baselines can be left out.
func TestBaselines(t *testing.T) {
	for _, c := range []struct {
		sets []string
		want string
	}{
		{nil, "trained untrained pixels "},
		{[]string{"baselines.pixels=false"}, "trained untrained "},
		{[]string{"baselines.untrained=false"}, "trained pixels "},
		{[]string{"baselines.untrained=false", "baselines.pixels=false"}, "trained "},
		{[]string{"baselines.projector=[1,2]", "baselines.pixels=false"}, "trained projector1 projector2 untrained "},
	} {
		sum, err := train(t, load(t, small, c.sets...), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, e := range sum.Evaluations {
			if e.Metric == "top1" {
				got += e.Representation + " "
			}
		}
		if header := strings.Fields(strings.SplitN(sum.Table(), "\n", 2)[0]); got != c.want ||
			strings.Join(header[1:], " ")+" " != c.want {
			t.Errorf("%v: %q under %q, want %q", c.sets, got, header, c.want)
		}
	}
}

// Layers of the projector are those that the method trains: behind the last the features of views agree more than
// before, as SimCLR's loss asks for, and they are what the whole network makes of the features. Layers that there are
// not are refused.
func TestProjectorIsEvaluated(t *testing.T) {
	sum, err := train(t, load(t, small, "baselines.projector=[1,2]", `train.length="100 steps"`,
		`evaluate.align_uniform.every="0 steps"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	apart, _ := sum.Measure("trained", "align_uniform uniformity")
	spread, ok := sum.Measure("projector2", "align_uniform uniformity")
	if !ok || spread > apart-0.3 {
		t.Errorf("uniformity is %v of the features and %v behind the projector (%v); want it lower where the loss is",
			apart, spread, ok)
	}
	for _, c := range []struct{ set, method, want string }{
		{"baselines.projector=[3]", "", "3: the projector of [method.simclr] has 2 layers"},
		{"baselines.projector=[0]", "", "each once, the first is 1"},
		{"baselines.projector=[1,1]", "", "each once, the first is 1"},
		{"baselines.projector=[1]", `method="autoencoder"`, "[method.autoencoder] has no projector"},
		{"baselines.projector=[1]", `projector.norm="decorrelated"`, "of the batch, in evaluation too"},
	} {
		sets := []string{c.set}
		if c.method != "" {
			sets = append(sets, c.method)
		}
		r, err := recipes.Load(writeRecipe(t, small), sets, recipes.Builtin())
		if err == nil {
			_, err = experiment.Prepare(r)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", sets, err, c.want)
		}
	}
}
