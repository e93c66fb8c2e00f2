package experiment_test

import (
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/recipes"
)

// The tests of this file say which images and labels go where. Their images are patterns so far apart that every
// encoder tells them from one another, so that accuracies are known exactly.

// given is a data set of a test's own.
type given struct{ train, test datasets.Set }

func (g *given) Open(datasets.Env) (*datasets.Data, error) {
	return &datasets.Data{Train: g.train, Test: g.test, Channels: 1, Height: side, Width: side}, nil
}

// side of an image, pixels.
const side = 16

// Patterns are quarters of the image that are lit. R has something of P and of Q, which have nothing of each other.
const (
	patternP = 0b0001
	patternQ = 0b0010
	patternR = 0b0111
)

// picture is a pattern; in the last quarter a pixel tells images of one pattern apart.
func picture(pattern, serial int) datasets.Image {
	img := datasets.Image{H: side, W: side, C: 1, Pix: make([]byte, side*side)}
	for i := range img.Pix {
		quarter := i/side/(side/2)*2 + i%side/(side/2)
		if pattern>>quarter&1 == 1 {
			img.Pix[i] = 250
		}
	}
	img.Pix[side*side/2+side/2+serial%4*side+serial/4%8] = byte(20 + serial%60)
	return img
}

// pictures is a set of two classes: images of patterns with their labels.
func pictures(name string, serial int, patterns []int, labels []int) *datasets.Memory {
	m := &datasets.Memory{Labels: labels, Class: []string{"zero", "one"}, Origin: name}
	for i, p := range patterns {
		m.Images = append(m.Images, picture(p, serial+i))
	}
	return m
}

// repeat is v n times.
func repeat(n int, v ...int) []int { return slices.Repeat(v, n) }

// plain is a short training on images as they are.
var plain = []string{
	`views.crop_area=[1.0,1.0]`, "views.flip=0.0", "views.jitter=0.0", "backbone.convnet.widths=[8,16]",
	"method.simclr.projector=[16,8]",
	"train.batch=8", `train.length="4 epochs"`, "evaluate.linear=false", "evaluate.knn.k=[1]",
	`evaluate.knn.every="0 steps"`,
}

// runOn runs the quickstart on a data set and returns the accuracy of nearest neighbours by representation.
func runOn(t *testing.T, g *given, sets ...string) map[string]float64 {
	t.Helper()
	c := recipes.Builtin()
	c.Datasets["given"] = func() datasets.Source { return g }
	r, err := recipes.Load("quickstart.toml", append(append([]string{`dataset="given"`}, plain...), sets...), c)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	top1 := map[string]float64{}
	for _, e := range sum.Evaluations {
		if e.Protocol == "knn" && e.Metric == "top1" {
			top1[e.Representation] = e.Value
		}
	}
	return top1
}

// Evaluations learn from the training images' labels and are tested on the test images with theirs: three test labels
// of eight contradict the training's, so 5 of 8 are right, whoever looks. Training images tested would all be right,
// and labels that move by a row other 8ths.
func TestEvaluationsTestOnTheTestSet(t *testing.T) {
	g := &given{
		train: pictures("train", 0, repeat(20, patternP, patternR), repeat(20, 0, 1)),
		test: pictures("test", 100,
			[]int{patternP, patternR, patternP, patternP, patternR, patternR, patternR, patternP},
			[]int{1, 1, 0, 1, 1, 1, 0, 0}), // shifted by a row either way, neither 5 nor 3 are right
	}
	got := runOn(t, g)
	for _, representation := range []string{"trained", "untrained", "pixels"} {
		if v, ok := got[representation]; !ok || v != 5.0/8 {
			t.Errorf("kNN of %s is %v (%v), want 5 of 8", representation, v, ok)
		}
	}
}

// With [labelled] evaluations know the labels of those images alone. The patterns of class 0 are farther from each
// other than from class 1: knowing one image of each class, an evaluation is wrong about the other pattern of class 0.
func TestEvaluationsLearnFromTheLabelled(t *testing.T) {
	g := &given{
		train: pictures("train", 0, repeat(10, patternP, patternR, patternQ, patternR), repeat(20, 0, 1)),
		test:  pictures("test", 100, repeat(4, patternP, patternR, patternQ), repeat(4, 0, 1, 0)),
	}
	if got := runOn(t, g)["pixels"]; got != 1 {
		t.Errorf("kNN of pixels with all labels is %v, want 1", got)
	}
	if got := runOn(t, g, "labelled.few_shot.per_class=1")["pixels"]; got != 8.0/12 {
		t.Errorf("kNN of pixels with one label of each class is %v, want 8 of 12", got)
	}
}

// counted is a set that counts how often each image is read.
type counted struct {
	*datasets.Memory
	reads []atomic.Int64
}

func (c *counted) Image(i int, dst *datasets.Image) error {
	c.reads[i].Add(1)
	return c.Memory.Image(i, dst)
}

// Training reads the images of the recipe's subset, each in every epoch, and no other image, least of all one of the
// test set.
func TestTrainingSeesTheSubset(t *testing.T) {
	const few, many = 2, 40 // epochs
	const prefetched = 8    // epochs that may be read ahead of the training
	reads := func(epochs string) (train, test []int64) {
		g := [2]*counted{}
		for k, n := range []int{20, 4} {
			m := pictures("set", 50*k, repeat(n, patternP, patternR), repeat(n, 0, 1))
			g[k] = &counted{m, make([]atomic.Int64, len(m.Images))}
		}
		runOn(t, &given{g[0], g[1]}, "subset.few_shot.per_class=4", "evaluate.knn=false", "train.length="+epochs)
		for k, to := range []*[]int64{&train, &test} {
			for i := range g[k].reads {
				*to = append(*to, g[k].reads[i].Load())
			}
		}
		return train, test
	}
	train, test := reads(`"2 epochs"`)
	longTrain, longTest := reads(`"40 epochs"`)
	seen := 0
	for i := range train {
		switch more := longTrain[i] - train[i]; {
		case more >= many-few-prefetched:
			seen++
		case more != 0:
			t.Errorf("training image %d is read %d times more in %d epochs than in %d, want %d or, outside the "+
				"subset, 0", i, more, many, few, many-few)
		}
	}
	if seen != 8 {
		t.Errorf("training reads %d images, want the 8 of the subset", seen)
	}
	for i := range test {
		if longTest[i] != test[i] {
			t.Errorf("training reads test image %d", i)
		}
	}
}

// With [subset.hold_out] the training sees the other classes alone, with a method that learns from labels too, and
// evaluations learn from and are measured on the classes that are held out: here the test images of the other classes
// all have wrong labels.
func TestHeldOutClasses(t *testing.T) {
	four := func(name string, serial, n int, labels ...int) *datasets.Memory {
		m := pictures(name, serial, repeat(n, patternP, patternQ, patternR, 0), repeat(n, labels...))
		m.Class = []string{"a", "b", "c", "d"}
		return m
	}
	g := &given{train: four("train", 0, 10, 0, 1, 2, 3), test: four("test", 100, 3, 1, 0, 2, 3)}
	for held, want := range map[string]float64{`["c","d"]`: 1, `["a","b"]`: 0, `["b","c","d"]`: 1} {
		if held == `["b","c","d"]` { // its test images labelled b are of the pattern that trains as a
			want = 2. / 3
		}
		if got := runOn(t, g, "subset.hold_out.classes="+held)["pixels"]; got != want {
			t.Errorf("kNN of pixels on %s held out is %v, want %v", held, got, want)
		}
	}
	c := recipes.Builtin()
	c.Datasets["given"] = func() datasets.Source { return g }
	open := func(sets ...string) (*experiment.Setup, error) {
		r, err := recipes.Load("quickstart.toml", append(append([]string{`dataset="given"`}, plain...), sets...), c)
		if err != nil {
			return nil, err
		}
		return experiment.Open(r)
	}
	for _, method := range []string{"simclr", "supervised"} {
		s, err := open(`subset.hold_out.classes=["d","b"]`, "method="+method)
		if err != nil {
			t.Fatal(err)
		}
		for what, of := range map[string]struct {
			set  datasets.Labelled
			n    int
			want []int
		}{"training": {s.Seen, 20, []int{0, 2}}, "labelled": {s.Labelled, 20, []int{1, 3}},
			"test": {s.Tested, 6, []int{1, 3}}} {
			if of.set.Len() != of.n {
				t.Errorf("%s: %d %s images, want %d", method, of.set.Len(), what, of.n)
			}
			for i := range of.set.Len() {
				if !slices.Contains(of.want, of.set.Label(i)) {
					t.Fatalf("%s: a %s image is of class %d, want %v", method, what, of.set.Label(i), of.want)
				}
			}
		}
	}
	for want, sets := range map[string][]string{
		`there is no class "e"; want some of a, b, c, d`: {`subset.hold_out.classes=["a","e"]`},
		"nothing is left to train on":                    {`subset.hold_out.classes=["a","b","c","d"]`},
		"at least two classes":                           {`subset.hold_out.classes=["a"]`},
		`"a" is named twice`:                             {`subset.hold_out.classes=["a","a"]`},
		"so does [labelled.few_shot]": {`subset.hold_out.classes=["a","b"]`,
			"labelled.few_shot.per_class=1"},
		"and not [labelled.hold_out]": {`labelled.hold_out.classes=["a","b"]`},
	} {
		if _, err := open(sets...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", sets, err, want)
		}
	}
}

// The three representations are what their names say: training changes the trained encoder alone, and a seed the
// untrained one too; pixels are the same in every run. Two trainings of other lengths tell. Where training changes
// nothing (a rate of nearly 0, a network without running statistics), the trained encoder is the untrained one.
func TestRepresentations(t *testing.T) {
	var got [4]map[string]float64
	for i, sets := range [][]string{
		{`train.length="4 steps"`}, {`train.length="40 steps"`}, {`train.length="4 steps"`, "seed=2"},
		{`train.length="4 steps"`, "backbone.vit.dim=8", "backbone.vit.depth=1", "backbone.vit.heads=2",
			"backbone.vit.patch=7", "optimizer.adamw.rate=1e-30"},
	} {
		sum, err := train(t, load(t, small, sets...), nil)
		if err != nil {
			t.Fatal(err)
		}
		got[i] = map[string]float64{}
		for _, e := range sum.Evaluations {
			if e.Protocol == "knn" && e.Metric == "top1" {
				got[i][e.Representation] = e.Value
			}
		}
	}
	for name, same := range map[string][2]bool{"trained": {}, "untrained": {true, false}, "pixels": {true, true}} {
		for k, what := range []string{"training for longer", "another seed"} {
			if equal := got[0][name] == got[k+1][name]; equal != same[k] || got[0][name] == 0 {
				t.Errorf("%s: kNN of %s goes from %v to %v; want the same: %v", what, name, got[0][name],
					got[k+1][name], same[k])
			}
		}
	}
	if idle := got[3]; idle["trained"] != idle["untrained"] || idle["trained"] == 0 {
		t.Errorf("kNN of an encoder that training does not change is %v, of the untrained one %v, want the same",
			idle["trained"], idle["untrained"])
	}
}
