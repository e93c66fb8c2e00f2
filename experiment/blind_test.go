package experiment

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
	"selfsup/recipes"
)

// blindCases are recipes at small sizes, and which protocols are measured during their training.
var blindCases = map[string]struct {
	recipe    string
	protocols []string
	sets      []string
}{
	"images": {protocols: []string{"align_uniform", "alpha_req", "augmentation", "calibration", "cca", "cka", "clid",
		"clustering", "colour", "copy_detection", "corruptions", "groups", "independence", "knn", "label_noise",
		"lidar", "linear", "linear_sgd", "low_shot", "mlp", "online", "ood", "pgd", "rankme", "retrieval", "ridge",
		"rotation", "spectrum", "spread"},
		sets: []string{`evaluate.corruptions.kinds=["contrast"]`, "evaluate.corruptions.l2=[0.1]",
			`evaluate.ood.outside="emoji_32"`, "evaluate.ood.images=20", "evaluate.lidar.images=20",
			"evaluate.lidar.views=3", "evaluate.clid.images=40", "evaluate.clid.clusters=4", "evaluate.pgd.images=20",
			"evaluate.pgd.linf=[2]", "evaluate.pgd.l2_radius=[0.5]", "evaluate.pgd.steps=2", "evaluate.pgd.l2=[0.1]",
			"evaluate.alpha_req.first=1", "evaluate.alpha_req.last=6", `evaluate.copy_detection.kinds=["mirror"]`,
			"evaluate.copy_detection.images=20", "evaluate.linear_sgd.epochs=1", "evaluate.linear_sgd.rates=[0.1]",
			"evaluate.mlp.epochs=1", "evaluate.mlp.hidden=[8]"}},
	"another set": {protocols: []string{"knn", "linear"}, sets: []string{"evaluate_on.emoji_32=true"}},
	"views": {recipe: "emoji-sie.toml", protocols: []string{"following"},
		sets: []string{"evaluate.following.images=8", "evaluate.following.views=6"}},
	"rows": {recipe: "scarf-satellite.toml", protocols: []string{"boosting"},
		sets: []string{"evaluate.boosting.rounds=2", "evaluate.boosting.draws=1",
			"evaluate.boosting.features=true", "labelled.few_shot.per_class=8"}},
	"mixed": {recipe: "tcl.toml", protocols: []string{"recovery"}},
	"next": {recipe: "gpt.toml", protocols: []string{"told", "halves"},
		sets: []string{"evaluate.told.texts=4", "evaluate.told.samples=0", "evaluate.halves.texts=20"}},
	"hidden": {recipe: "mlm.toml", protocols: []string{"guessed"}, sets: []string{"evaluate.guessed.texts=1"}},
	"clips": {recipe: "../recipes/scenes/space_time.toml", protocols: []string{"order", "speed", "temporal"},
		sets: []string{"dataset.scenes.count=24", "dataset.scenes.held=8", "dataset.scenes.size=16", "train.batch=8",
			"views.crop=16", "backbone.per_frame.tower.convnet.widths=[8]", "clips.frames=4", "clips.stride=[1,1]"}},
	"captions": {recipe: "../recipes/scenes/clip.toml", protocols: []string{"zero_shot"},
		sets: []string{"dataset.scenes.count=60", "dataset.scenes.held=20", "train.batch=8",
			"evaluate.open_vocabulary=false"}},
	"agent": {recipe: "dqn.toml", protocols: []string{"returns", "coverage", "state"},
		sets: []string{"backbone.nature_cnn.widths=[4,4,4]", "backbone.nature_cnn.features=8", "method.dqn.hidden=[8]",
			"dataset.envs.replay=30", "dataset.envs.warmup=20", "dataset.envs.episodes=5", "dataset.envs.held=3",
			"train.batch=4", `train.length="23 steps"`, "evaluate.returns.episodes=3"}},
}

// Every protocol that can be measured during the training is measured without a test set, neither the run's own nor
// that of another set; every other one says why it has no every.
func TestNoTestSetBeforeTheEnd(t *testing.T) {
	covered := map[string]bool{}
	for name, c := range blindCases {
		for _, p := range c.protocols {
			covered[p] = true
		}
		t.Run(name, func(t *testing.T) {
			sets := c.sets
			for _, p := range c.protocols {
				sets = append(slices.Clip(sets), "evaluate."+p+".every=1 step")
			}
			s := blindSetup(t, c.recipe, sets)
			b := s.blind()
			if b.Data.Test != nil || b.Tested != nil || s.Data.Test == nil {
				t.Fatalf("test sets %v and %v of %v, want none of one", b.Data.Test, b.Tested, s.Data.Test)
			}
			for _, o := range b.outside {
				if o.test != nil || o.train == nil {
					t.Error("the test set of another data set is there")
				}
			}
			u, err := b.encoderSubject("trained", s.Store)
			if err != nil {
				t.Fatal(err)
			}
			all, err := u.measure(context.Background(), onValidation, s.protocols())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.protocols {
				i := slices.IndexFunc(all, func(e Evaluation) bool { return s.protocolName(e.by) == p })
				if i < 0 {
					t.Errorf("%s gave nothing", p)
				} else if all[i].Set == onTest || all[i].Set == onOther {
					t.Errorf("%s is of the %s set during the training", p, all[i].Set)
				}
			}
		})
	}
	for name, fresh := range recipes.Builtin().Evaluations {
		settings := reflect.ValueOf(fresh()).Elem()
		every := settings.Kind() == reflect.Struct && settings.FieldByName("Every").IsValid()
		if every && !covered[name] {
			t.Errorf("%s has every, and no case here measures it without a test set", name)
		}
		_, err := recipes.Load("quickstart.toml", []string{"evaluate." + name + ".every=1 step"}, recipes.Builtin())
		if !every && (err == nil || !strings.Contains(err.Error(), "it runs at the end alone")) {
			t.Errorf("%s: every = 1 step: got %v, want a word of why not", name, err)
		}
	}
}

// Texts that are told or halved during the training are none that the training sees, and depend on the seed alone; the
// rest is trained on. Episodes of the end are none of those before.
func TestTextsAreHeldOutWhileTraining(t *testing.T) {
	rows := func(set datasets.Labelled) []int32 {
		_, place := sampling.Whole(set)
		return place
	}
	sets := []string{`evaluate.told.every="5%"`, "dataset.sotu.least=50", "validation.share=0.1"}
	s := blindSetup(t, "gpt.toml", sets)
	n := s.Data.Train.Len()
	all := append(slices.Clone(rows(s.Seen)), rows(s.unseen)...)
	slices.Sort(all)
	if out := s.unseen.Len(); out != (n+5)/10 || len(all) != n || !slices.Equal(all, others(n, nil)) {
		t.Errorf("%d texts are held out and %d seen of %d, want a tenth and the others", out, s.Seen.Len(), n)
	}
	if again := blindSetup(t, "gpt.toml", sets); !slices.Equal(rows(again.unseen), rows(s.unseen)) {
		t.Error("other texts are held out of the same recipe")
	}
	if note := s.splitNote(); !strings.Contains(note, "training texts, which the training does not see") {
		t.Errorf("the run says %q", note)
	}
	if s = blindSetup(t, "gpt.toml", append(sets, "evaluate.told.every=0")); s.unseen != nil || s.Seen.Len() != n {
		t.Errorf("without every %d texts of %d are seen", s.Seen.Len(), n)
	}
	r, err := recipes.Load("gpt.toml", append(sets, "validation.share=0"), recipes.Builtin())
	if err == nil {
		_, err = Open(r)
	}
	if want := "holds out 0 of "; err == nil || !strings.Contains(err.Error(), want) ||
		!strings.Contains(err.Error(), `[evaluate.told] every = "5%" measures on texts`) {
		t.Errorf("share = 0: got %v, want %q", err, want)
	}
	c := blindCases["agent"]
	s = blindSetup(t, c.recipe, c.sets)
	var at []int
	u := &subject{Setup: s, plays: func(_ context.Context, from, _ int) ([]float64, error) {
		at = append(at, from)
		return nil, nil
	}}
	for _, on := range []string{onTest, onValidation} {
		if _, err := u.played(context.Background(), on, evaluations.Needs{Episodes: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(at, []int{0, 7}) {
		t.Errorf("episodes from %v on, want 0 at the end and 7 before", at)
	}
}

// blindSetup is a shipped recipe, or attackSetup's where none is named, with no other evaluations than sets names.
func blindSetup(t *testing.T, file string, sets []string) *Setup {
	t.Helper()
	if file == "" {
		return attackSetup(t, sets...)
	}
	r, err := recipes.Load(file, nil, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	var off []string
	for _, c := range r.Evaluate.On {
		if !slices.ContainsFunc(sets, func(set string) bool { return strings.HasPrefix(set, "evaluate."+c.Name+".") }) {
			off = append(off, "evaluate."+c.Name+"=false")
		}
	}
	if r, err = recipes.Load(file, append(off, sets...), recipes.Builtin()); err != nil {
		t.Fatal(err)
	}
	s, err := Prepare(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
