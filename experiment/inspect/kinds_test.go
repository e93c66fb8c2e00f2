package inspect

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets/filetest"
)

// smallText makes the transformers of the papers' recipes of texts small.
var smallText = []string{"windows.length=24", "backbone.transformer.dim=16", "backbone.transformer.depth=1",
	"backbone.transformer.heads=2"}

// smallDecoded is smallText of a method with a decoder.
func smallDecoded(method string, more ...string) []string {
	m := "method." + method
	return append(append(more, m+".decoder_depth=1", m+".decoder_heads=2"), smallText...)
}

// smallGenerator is smallText of a method with a generator.
func smallGenerator(method string) []string {
	m := "method." + method + ".generator_"
	return append([]string{m + "dim=16", m + "depth=1", m + "heads=2"}, smallText...)
}

// smallKinds makes the papers' recipes of texts, tables, films and agents small enough for every test run; nil is for
// recipes that no paper's settings are in.
var smallKinds = map[string][]string{
	"corpus/base.toml":     nil,
	"corpus/bart.toml":     smallDecoded("bart"),
	"corpus/bert.toml":     smallText,
	"corpus/coco_lm.toml":  smallGenerator("coco_lm"),
	"corpus/declutr.toml":  append([]string{"method.declutr.least=4", "method.declutr.most=6"}, smallText...),
	"corpus/electra.toml":  smallGenerator("electra"),
	"corpus/gpt.toml":      append([]string{`optimizer.adamw.warmup="10%"`}, smallText...),
	"corpus/simcse.toml":   smallText,
	"corpus/t5.toml":       append(smallDecoded("t5", "method.t5.source=20"), "windows.length=21"),
	"corpus/ul2.toml":      smallDecoded("ul2"),
	"corpus/word2vec.toml": {"windows.length=24", "backbone.symbols.dim=8", "method.word2vec.pairs=8"},

	"adult/contrast_restore.toml": {},
	"adult/met.toml":              {"backbone.ft_transformer.dim=8", "backbone.ft_transformer.depth=1"},
	"adult/saint.toml":            {"backbone.saint.row_head=8", "method.saint.projector=[16,8]"},
	"adult/scarf.toml":            {},
	"adult/subtab.toml": {"backbone.subsets.widths=[16]", "method.subtab.projector=[16,8]",
		"method.subtab.decoder=[16]"},
	"adult/swap_noise.toml":   {"backbone.mlp.widths=[32]"},
	"adult/tabbie.toml":       {"backbone.saint.dim=16", "backbone.saint.depth=1"},
	"adult/target_aware.toml": {"backbone.mlp.widths=[32]", "method.target_aware.hidden=[16]"},
	"adult/vime.toml":         {},
	"adult/vime_semi.toml": {"labelled.few_shot.fraction=0.5", "sampler.two_streams.labelled=2",
		"method.vime_semi.hidden=[16]"},

	"kinetics/byol.toml": append([]string{"method.byol.projector=[16,8]", "method.byol.predictor=[16]"}, smallFilm...),
	"kinetics/moco.toml": append([]string{"method.moco.projector=[16,8]", "method.moco.queue=16"}, smallFilm...),
	"kinetics/simclr.toml": append([]string{"views.crop=0", "views.crops=[{count=4,size=32,area=[0.2,0.766]}]",
		"method.simclr.projector=[16,8]"}, smallFilm[1:]...),

	"control/paper-byol_explore.toml": append([]string{"method.dqn.base.byol_explore.window=4",
		"method.dqn.base.byol_explore.horizon=2", "method.dqn.base.byol_explore.hidden=16"}, smallAgent...),
	"control/paper-curl.toml": smallAgent,
	"control/paper-spr.toml":  append([]string{"method.dqn.base.spr.projection=16"}, smallAgent...),
}

// smallFilm is a narrow network of space and time on clips of two frames of 32 pixels.
var smallFilm = []string{"views.crop=32", "dataset.clips.length=5", "clips.frames=2", "clips.stride=[1,2]",
	"backbone.slow.depth=26", "evaluate.speed.speeds=[1,2]",
	"backbone.slow.width=0.125", "views.blur_kernel=3"}

// smallAgent has few episodes to remember.
var smallAgent = []string{"dataset.envs.episodes=6", "dataset.envs.held=2", "dataset.envs.replay=60",
	"dataset.envs.warmup=40"}

// Every recipe of a paper's settings on texts, tables, films and for agents builds and runs two steps, of a small size,
// on data made here.
func TestPaperRecipesOfKindsRun(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var corpus, rows strings.Builder
	for i := range 240 {
		fmt.Fprintf(&corpus, "word%d ", r.IntN(12))
		if i%30 == 29 {
			corpus.WriteString("\n\n")
		}
	}
	rows.WriteString("age,hours,trade,land,income\n")
	for i := range 60 {
		fmt.Fprintf(&rows, "%d,%d,%c,%c,%d\n", 20+r.IntN(40), r.IntN(60), 'a'+r.IntN(4), 'p'+r.IntN(3), i%2)
	}
	dir := filetest.Tree(t, map[string][]byte{"corpus.txt": []byte(corpus.String()), "rows.csv": []byte(rows.String())})
	films := filepath.Join(filepath.Dir(filetest.Films(t)), "films")
	given := map[string][]string{
		"corpus": {"dataset.text.train=" + filepath.Join(dir, "corpus.txt"), "train.batch=4"},
		"adult": {"dataset.table.train=" + filepath.Join(dir, "rows.csv"), "train.batch=8",
			"dataset.table.test=" + filepath.Join(dir, "rows.csv")},
		"kinetics": {"dataset.clips.train=" + films, "dataset.clips.test=" + films, "train.batch=4"},
		"control":  {"train.batch=4"},
	}
	files := map[string]bool{}
	for _, pattern := range []string{"corpus/*", "adult/*", "kinetics/*", "control/paper-*"} {
		found, err := filepath.Glob("../../recipes/" + pattern + ".toml")
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v (%v), want recipes", pattern, found, err)
		}
		for _, file := range found {
			folder := filepath.Base(filepath.Dir(file))
			name := folder + "/" + filepath.Base(file)
			sets, ok := smallKinds[name]
			if files[name] = true; !ok {
				t.Errorf("%s has no small size", name)
			}
			if sets == nil {
				continue
			}
			t.Run(name, func(t *testing.T) {
				runTwoSteps(t, prepare(t, file, append(given[folder], sets...)...))
			})
		}
	}
	for name := range smallKinds {
		if !files[name] {
			t.Errorf("there is no recipe %s", name)
		}
	}
}
