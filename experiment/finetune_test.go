package experiment

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/cpu/kern"
	"selfsup/recipes"
	"selfsup/setting"
)

// ofTransformer is a run of seconds of a vision transformer with three blocks.
const ofTransformer = `
base = "mae.toml"
name = "small"

[backbone.vit]
dim = 24
depth = 3
heads = 2
patch = 7

[method.mae]
decoder_dim = 16

[train]
batch = 32
length = "4 steps"

[evaluate]
knn = false
linear = false
`

// preparedRecipe is a recipe of a test, compiled.
func preparedRecipe(t *testing.T, text string, sets ...string) *Setup {
	t.Helper()
	file := filepath.Join(t.TempDir(), "small.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := recipes.Load(file, sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Prepare(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// short is a fine-tuning of few steps, whose first has the peak rate.
func short(steps int) evaluations.Tuning {
	t := evaluations.DefaultFinetune().Tuning
	t.Length, t.Warmup, t.Batch, t.WeightDecay = setting.Steps(steps), setting.Length{}, 32, 0
	return t
}

// moved is how far each parameter has moved from one Store to another, at most, by its name.
func moved(from, to *graph.Store) map[string]float64 {
	far := map[string]float64{}
	for _, name := range from.Names() {
		a, b := from.Get(name), to.Get(name)
		if a.Kind != graph.Param {
			continue
		}
		for i := range a.F32 {
			far[name] = max(far[name], math.Abs(float64(a.F32[i]-b.F32[i])))
		}
	}
	return far
}

// The first step of AdamW moves every weight by its learning rate: each layer's is layer_decay times that of the one
// above it (Bao et al. 2022, arXiv:2106.08254, app. H), the embedding's the smallest, and norm and classifier have the
// whole. The run's own Store stays as it is.
func TestFinetuneLayerDecay(t *testing.T) {
	s := preparedRecipe(t, ofTransformer)
	before := s.Store.Hash("")
	tuning, rate := short(1), 1e-3
	tuning.LayerDecay = 0.5
	u, fresh := tunedCopy(t, s, tuning, rate)
	const head, decay = "classifier/weight", 0.5
	rate *= 32. / 256
	for name, far := range moved(fresh, u.Store) {
		want := rate
		switch {
		case strings.HasPrefix(name, "backbone/patch") || strings.HasPrefix(name, "backbone/class"):
			want *= math.Pow(decay, 4)
		case strings.HasPrefix(name, "backbone/blocks/"):
			want *= math.Pow(decay, float64(3-int(name[len("backbone/blocks/")]-'0')))
		}
		if math.Abs(far-want) > 0.02*want {
			t.Errorf("%s moved by %.3g, want %.3g", name, far, want)
		}
	}
	if s.Store.Hash("") != before {
		t.Error("fine-tuning changed the run's Store")
	}
}

// tunedCopy is a fine-tuning of the encoder of an experiment, and what it began with.
func tunedCopy(t *testing.T, s *Setup, tuning evaluations.Tuning, rate float64) (u *Setup, fresh *graph.Store) {
	t.Helper()
	u, err := s.tuning(tuning, rate, s.Labelled)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.copyEncoder(s, s.Store); err != nil {
		t.Fatal(err)
	}
	fresh = graph.NewStore(1)
	for _, name := range u.Store.Names() {
		e := u.Store.Get(name)
		c := *e
		c.F32 = slices.Clone(e.F32)
		fresh.Put(&c)
		if of := s.Store.Get(name); strings.HasPrefix(name, "backbone/") && of != nil && !slices.Equal(of.F32, e.F32) {
			t.Fatalf("%s does not begin as the encoder has it", name)
		}
	}
	if err := u.trainTuned(context.Background(), rate, func(int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return u, fresh
}

// Of blocks = 1 the last block moves, with the norm behind it and the classifier, and nothing below; of a convnet the
// last layer, while the norms of the others keep their statistics.
func TestFinetuneBlocks(t *testing.T) {
	for name, c := range map[string]struct {
		sets  []string
		moves []string
	}{
		"vit": {nil, []string{"backbone/blocks/2/", "backbone/norm/", "classifier/"}},
		"convnet": {[]string{`method="simclr"`, `backbone="convnet"`, "backbone.convnet.widths=[4,6,8]"},
			[]string{"backbone/2/", "classifier/"}},
		"resnet": {[]string{`method="simclr"`, `backbone="resnet"`, "backbone.resnet.width=0.125",
			`backbone.resnet.stem="3x3"`}, []string{"backbone/stage4/1/", "classifier/"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := preparedRecipe(t, ofTransformer, c.sets...)
			tuning := short(2)
			tuning.Blocks = 1
			if name == "vit" {
				tuning.DropPath = 0.5
			}
			u, fresh := tunedCopy(t, s, tuning, 1e-2)
			for _, entry := range fresh.Names() {
				a, b := fresh.Get(entry), u.Store.Get(entry)
				want := slices.ContainsFunc(c.moves, func(p string) bool { return strings.HasPrefix(entry, p) })
				if a.Kind == graph.Moment {
					continue
				}
				if got := !slices.Equal(a.F32, b.F32); got != want && a.Name != "backbone/blocks/drop_path/key" {
					t.Errorf("%s changed: %v, want %v", entry, got, want)
				}
			}
		})
	}
}

// A run ends with its trained encoder fine-tuned beside one from scratch, not with pixels; evaluated again, with other
// threads, the numbers are the same. The rate is chosen on the split, whose samples the training then does not see.
func TestFinetuneOfARun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "small.toml")
	if err := os.WriteFile(file, []byte(ofTransformer), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := recipes.Load(file, []string{`method="simclr"`, `backbone="convnet"`,
		"evaluate.finetune.rates=[3e-2, 1e-6]", "evaluate.finetune.length=60 steps", "evaluate.finetune.batch=64",
		"evaluate_on.emoji_32=true"},
		recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	defer kern.SetThreads(kern.Threads())
	kern.SetThreads(1)
	sum, err := Run(r, Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	of := func(all []Evaluation) map[string]Evaluation {
		m := map[string]Evaluation{}
		for _, e := range all {
			m[e.Representation+" "+e.Label()] = e
		}
		return m
	}
	got := of(sum.Evaluations)
	if len(got) != 10 || got["trained finetune top1 on emoji_32"].Value < 0.2 {
		t.Errorf("%d evaluations, want top1 and top5 of two encoders on two sets, and balanced: %v", len(got),
			got)
	}
	for rep, decay := range map[string]float64{"trained": 0.75, "untrained": 1} {
		e := got[rep+" finetune top1"]
		if e.Value < 0.5 || e.Interval == nil || e.Set != "test" || e.Settings["rate"] != 3e-2 ||
			e.Settings["layer_decay"] != decay {
			t.Errorf("%s: %v on %s with %v; want at least 0.5 at the rate 0.03 with a layer decay of %v", rep, e.Value,
				e.Set, e.Settings, decay)
		}
	}
	kern.SetThreads(3)
	again, err := Evaluate(sum.Run, false, nil, recipes.Builtin(), Options{Messages: io.Discard,
		Protocols: []string{"finetune"}})
	if err != nil {
		t.Fatal(err)
	}
	for label, e := range of(again.Evaluations) {
		if !slices.Equal(e.Hits, got[label].Hits) {
			t.Errorf("%s: evaluated again with three threads it is right on other images", label)
		}
	}
}

// What is chosen on is the split alone, and the training sees no sample of it.
func TestFinetuneChoosesOnTheSplit(t *testing.T) {
	s := preparedRecipe(t, ofTransformer)
	learned := s.without(s.held)
	if len(s.held) == 0 || learned.Len() != s.Labelled.Len()-len(s.held) {
		t.Fatalf("%d samples without the %d of the split of %d", learned.Len(), len(s.held), s.Labelled.Len())
	}
	next := 0
	for i := range s.Labelled.Len() {
		if _, held := slices.BinarySearch(s.held, int32(i)); held {
			continue
		}
		if learned.Label(next) != s.Labelled.Label(i) {
			t.Fatalf("sample %d of the training has the label %d, want that of %d", next, learned.Label(next), i)
		}
		next++
	}
	_, labels, err := s.tuner(s.Store, short(1)).Train(context.Background(), 1e-3, true)
	if err != nil || len(labels) != len(s.held) {
		t.Fatalf("%d samples are scored, %v; want the %d of the split", len(labels), err, len(s.held))
	}
	for k, i := range s.held {
		if int(labels[k]) != s.Labelled.Label(int(i)) {
			t.Fatalf("label %d of the split is %d, want %d", k, labels[k], s.Labelled.Label(int(i)))
		}
	}
}

// A request ends a fine-tuning between two steps, and so does whoever watches it.
func TestFinetuneIsInterrupted(t *testing.T) {
	s := preparedRecipe(t, ofTransformer)
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	s.alive = func() error {
		if steps++; steps == 3 {
			cancel()
		}
		return nil
	}
	if _, _, err := s.tuner(s.Store, short(50)).Train(ctx, 1e-3, false); !errors.Is(err, context.Canceled) ||
		steps > 4 {
		t.Errorf("cancelled in step 3: %v after %d steps", err, steps)
	}
}

// Data of other kinds are fine-tuned on as their training shows them; images in each way of augment.
func TestFinetuneKinds(t *testing.T) {
	for name, sets := range map[string][]string{
		"letter":  {`dataset="letter"`, `backbone="mlp"`, "backbone.mlp.widths=[16,8]", `method="supervised"`},
		"recipe":  {`evaluate.finetune.augment="recipe"`, "evaluate.finetune.clip=1"},
		"none":    {`evaluate.finetune.augment="none"`, `evaluate.finetune.optimizer="sgd"`},
		"too few": {"labelled.few_shot.per_class=1", "validation.share=0", "evaluate.finetune.rates=[1e-3]"},
	} {
		t.Run(name, func(t *testing.T) {
			base := ofTransformer
			if name == "letter" {
				base = strings.NewReplacer("mae.toml", "scarf.toml", "[backbone.vit]\ndim = 24\ndepth = 3\nheads = 2\n"+
					"patch = 7\n\n[method.mae]\ndecoder_dim = 16\n", "").Replace(base)
			}
			s := preparedRecipe(t, base, append(sets, "evaluate.finetune=true")...)
			tuning := *s.protocols()[0].Needs().Tuning
			tuning.Length, tuning.Batch = setting.Steps(2), 32
			scores, labels, err := s.tuner(s.Store, tuning).Train(context.Background(), 1e-3, false)
			if err != nil || len(labels) != s.Tested.Len() || len(scores) != len(labels)*len(s.Data.Train.Classes()) {
				t.Fatalf("%d scores of %d samples, %v", len(scores), len(labels), err)
			}
		})
	}
}

// What the backbone cannot do is refused before the training, at the setting.
func TestFinetuneRefusals(t *testing.T) {
	for _, c := range []struct {
		sets []string
		want string
	}{
		{[]string{"evaluate.finetune.blocks=9"}, "9: [backbone.vit] has 4 layers"},
		{[]string{`method="simclr"`, `backbone="convnet"`, "evaluate.finetune.drop_path=0.1"},
			"0.1: [backbone.convnet] has no branches"},
		{[]string{"evaluate.finetune.rates=[1e-3, 1e-2]", "validation.share=0"}, "[evaluate.finetune] chooses"},
	} {
		file := filepath.Join(t.TempDir(), "small.toml")
		os.WriteFile(file, []byte(ofTransformer), 0o666)
		r, err := recipes.Load(file, c.sets, recipes.Builtin())
		if err == nil {
			_, err = Open(r)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.sets, err, c.want)
		}
	}
}

// Of a method whose evaluated encoder is a teacher, the copy begins as the teacher, not as its student, with the
// positions that the two share.
func TestFinetuneOfATeacher(t *testing.T) {
	s := preparedRecipe(t, ofTransformer, `method="dino"`, "method.dino.hold_last=1 step",
		"method.dino.teacher_warmup=1 step")
	entries := 0
	for _, name := range s.Store.Names() {
		if e := s.Store.Get(name); strings.HasPrefix(name, "teacher/backbone/") {
			for i := range e.F32 {
				e.F32[i] += 0.5
			}
			entries++
		}
	}
	u, err := s.tuning(short(1), 1e-3, s.Labelled)
	if err == nil {
		err = u.copyEncoder(s, s.Store)
	}
	if err != nil || entries == 0 {
		t.Fatalf("%d entries of a teacher, %v", entries, err)
	}
	for _, name := range u.Store.Names() {
		if rest, ok := strings.CutPrefix(name, "backbone/"); ok {
			of := s.Store.Get("teacher/backbone/" + rest)
			if of == nil { // what is not trained is the student's own
				of = s.Store.Get(name)
			}
			if !slices.Equal(u.Store.Get(name).F32, of.F32) {
				t.Errorf("%s does not begin as the teacher has it", name)
			}
		}
	}
}
