package experiment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets/filetest"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Of every method in the catalog: either the mean of its losses over the parts of a batch is its loss of the batch, or
// train.accumulate is refused with a sentence that says what would be right. Recipes whose data or lenders are not here
// get small ones.
func TestAccumulateIsExactOrRefused(t *testing.T) {
	allowed, refused, seen := 0, 0, map[string]bool{}
	try := func(name string, sets ...string) {
		sets = append([]string{"train.accumulate=2", `train.length="2000 steps"`}, sets...)
		for _, batch := range []string{"train.batch=16", "train.batch=128", "train.batch=256"} { // some need as many
			r, err := recipes.Load(name, append([]string{batch}, sets...), recipes.Builtin())
			var places overlay.Errors
			if errors.As(err, &places) || err == nil && seen[r.Method.Name] { // such as a batch that the sampler fixes
				if len(sets) > 2 && err != nil {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := newSetup(r, nil)
			if err == nil {
				err = s.borrow()
			}
			if err == nil {
				err = s.openData()
			}
			if err != nil { // data or other runs that are elsewhere
				t.Logf("%s, %s: %.150s", name, batch, err)
				if lacks := (*DataError)(nil); errors.As(err, &lacks) {
					return
				}
				continue
			}
			if _, err = s.build(); err == nil {
				seen[r.Method.Name] = true
				allowed++
				checkMean(t, s, name)
				return
			}
			text := err.Error()
			if !strings.Contains(text, "train.accumulate") && !strings.Contains(text, "accumulate = ") {
				t.Logf("%s, %s: %.150s", name, batch, text)
				continue
			}
			seen[r.Method.Name] = true
			if refused++; !strings.Contains(text, "want 1") && !strings.Contains(text, "accumulate = 1") {
				t.Errorf("%s: %s", name, text)
			}
			return
		}
	}
	for _, e := range elsewhere(t) {
		try(e.file, e.sets...)
	}
	for _, name := range append(recipes.Names(), recipes.PaperNames()...) {
		try(name)
	}
	shipped := shippedMethods(t)
	for _, name := range slices.Sorted(maps.Keys(recipes.Builtin().Methods)) {
		switch {
		case seen[name]:
		case shipped[name]:
			t.Errorf("[method.%s] was tried on no data: elsewhere lacks small data for one of its recipes", name)
		default:
			t.Logf("[method.%s] is in no recipe", name)
		}
	}
	t.Logf("%d methods: %d add up, %d are refused", len(seen), allowed, refused)
	if allowed < 5 || refused < 20 {
		t.Errorf("%d methods are allowed and %d refused", allowed, refused)
	}
}

// shippedMethods are those that a recipe names.
func shippedMethods(t *testing.T) map[string]bool {
	t.Helper()
	table := regexp.MustCompile(`(?m)^\[method\.(\w+)[].]`)
	named := map[string]bool{}
	err := fs.WalkDir(os.DirFS("../recipes"), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(file) != ".toml" {
			return err
		}
		text, err := os.ReadFile(filepath.Join("../recipes", file))
		for _, m := range table.FindAllSubmatch(text, -1) {
			named[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}

// smallRecipe is a shipped recipe with the settings that make it small.
type smallRecipe struct {
	file string
	sets []string
}

// elsewhere are recipes of the methods that need other data than the binary has, or the network of another run, with
// small ones: pictures with captions, tones, a few frames of clips, and runs of a step.
func elsewhere(t *testing.T) (list []smallRecipe) {
	t.Helper()
	root := t.TempDir()
	at := func(file string) string { return filepath.Join("..", "recipes", filepath.FromSlash(file)) }
	add := func(sets []string, more []string, files ...string) {
		for _, f := range files {
			list = append(list, smallRecipe{at(f), append(slices.Clone(sets), more...)})
		}
	}
	run := func(file string, sets ...string) string {
		t.Helper()
		r, err := recipes.Load(file, append([]string{"train.batch=16", `train.length="1 step"`, "evaluate.knn=false",
			"evaluate.linear=false", `optimizer.adamw.warmup="0%"`, "baselines.untrained=false",
			"baselines.pixels=false"}, sets...), recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		sum, err := Run(r, Options{Root: root, Messages: io.Discard})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return sum.Run
	}
	set := func(key, value string) string { return fmt.Sprintf("%s=%q", key, value) }
	vit := []string{"backbone.vit.dim=8", "backbone.vit.depth=1", "backbone.vit.heads=2",
		`backbone.vit.position="sincos"`}

	captions := []string{set("dataset.captions.train", filepath.Join(filepath.Dir(withCaptions(t)), "list.jsonl")),
		set("dataset.captions.label", "class"), "views.crop=8"}
	add(captions, []string{"backbone.convnet.widths=[4,8]"}, "captions/align.toml", "captions/clip.toml",
		"captions/siglip.toml", "captions/slip.toml", "captions/language_guided.toml")

	waves := filepath.Join(root, "waves")
	for i := range 40 {
		x := make([]float64, 3500+40*i)
		for at := range x {
			x[at] = 0.3 * math.Sin(float64(at)*float64(1+i%7)/9)
		}
		writeFile(t, filepath.Join(waves, fmt.Sprintf("%d_%s_%d.wav", i%2, []string{"a", "b"}[i%3%2], i%20)),
			filetest.Samples(8000, 1, x))
	}
	add([]string{set("dataset.wav.train", waves)}, nil, "sounds/digits-mae.toml", "sounds/digits-byol_a.toml",
		"sounds/digits-cola.toml", "sounds/digits-cpc.toml", "sounds/digits-data2vec.toml",
		"sounds/digits-hubert.toml", "sounds/digits-wav2vec2.toml")

	clips := filepath.Join(root, "clips")
	const filmed = 48 // frames of each of four films
	for i := range 4 * filmed {
		m := image.NewRGBA(image.Rect(0, 0, 8, 8))
		for k := range m.Pix {
			m.Pix[k] = byte(k * (i%filmed + 1))
		}
		var file bytes.Buffer
		if err := png.Encode(&file, m); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(clips, fmt.Sprint(i/filmed/2), fmt.Sprint(i/filmed),
			fmt.Sprintf("%04d.png", i%filmed)), file.Bytes())
	}
	ofClips, err := filepath.Glob("../recipes/clips/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range ofClips {
		add([]string{set("dataset.clips.train", clips), "dataset.clips.step=1", "dataset.clips.gap=1"}, nil,
			"clips/"+filepath.Base(file))
	}

	scenes := []string{"dataset.scenes.count=48", "dataset.scenes.held=8", "views.crop=32",
		"backbone.convnet.widths=[4,8]"}
	add(scenes, nil, "scenes/detr.toml", "scenes/detreg.toml", "scenes/updetr.toml")
	add(scenes[:2], nil, "scenes/av_contrast.toml", "scenes/ambient_sound.toml", "scenes/ego_motion.toml",
		"scenes/monodepth.toml", "scenes/moving_objects.toml", "scenes/avc.toml")

	few := []string{"subset.few_shot.per_class=4"}
	dvae := run("dvae.toml", append(few, "backbone.convnet.widths=[4,6]", "method.dvae.widths=[6,4]",
		"method.dvae.vocabulary=16")...)
	add(few, append(vit, set("method.beit.tokenizer", dvae)), "masked/beit.toml")
	add(few, append(vit, set("method.maskgit.tokenizer", dvae), "method.maskgit.iterations=3"), "masked/maskgit.toml")
	add(few, append(vit, set("method.distill.teacher", run("ibot.toml", append(few, "backbone.vit.dim=16",
		"backbone.vit.depth=1", "method.ibot.hidden=8", "method.ibot.bottleneck=4", "method.ibot.prototypes=8",
		`method.ibot.hold_last="0 steps"`)...))),
		"masked/distill.toml")
	add(few, append(vit, set("method.vqkd.teacher", run("dbot.toml", append(few, vit...)...)), "method.vqkd.heads=2"),
		"masked/vqkd.toml")
	patches := append(few, "backbone.vit.dim=16", "backbone.vit.depth=1", "dataset.scenes.count=200",
		"dataset.scenes.held=20")
	add(patches, []string{set("init.from", run("selfpatch.toml", append(patches,
		`method.selfpatch.hold_last="0 steps"`, "evaluate.segmentation=false",
		"evaluate.attention_segmentation=false")...))}, "dense/leopart.toml")
	clip := []string{"backbone.vit.dim=8", "backbone.vit.depth=1", "backbone.vit.heads=2", "backbone.vit.patch=2"}
	clip = append(clip, captions...)
	add(clip, []string{set("method.eva.teacher", run(at("masked/clip.toml"), append(clip,
		"evaluate.zero_shot=false")...))}, "masked/eva.toml")
	small := append(scenes[:2:2], "views.crop=16", "backbone.convnet.widths=[4,8]")
	add(small[:3], append(vit, set("method.muse.tokenizer", run(at("scenes/tokens.toml"), append(small,
		"method.dvae.widths=[8,4]")...)), set("method.muse.text", run(at("scenes/reader.toml"), append(small,
		"evaluate.zero_shot=false", "method.clip.text.transformer.dim=8", "method.clip.text.transformer.heads=2")...)),
		"method.muse.heads=2", "evaluate.drawing=false"), "scenes/muse.toml")
	return list
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// checkMean compares the loss of a batch with the mean over its halves, without training.
func checkMean(t *testing.T, s *Setup, name string) {
	t.Helper()
	s.Store = s.newStore()
	loss := func(rows int) (*graph.Program, error) {
		g, err := graph.Build(s.options(nil), func(g *graph.Scope) {
			obj := s.objectiveIn(g, rows, &built{})
			g.DropUpdates()
			for _, p := range playersOf(obj) {
				for _, term := range p.Terms {
					g.Output(path.Join("loss", p.Name, term.Name), term.Value)
				}
			}
		})
		if err != nil {
			return nil, err
		}
		return g.Compile(s.Device, s.Store)
	}
	whole, err := loss(s.Recipe.Train.Batch)
	if err != nil {
		t.Logf("%s: of the whole batch: %v", name, err)
		return
	}
	half, err := loss(s.rowsAtOnce())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Store.Names() {
		if graph.IsKey(e) { // what is drawn depends on the part
			return
		}
	}
	loader, err := s.Loader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	batch, err := loader.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	run := func(p *graph.Program, part int) {
		for k, field := range s.Wants {
			if to, ok := p.Inputs()[field]; ok && to.DType == ir.I32 {
				copy(to.I32, batch.Fields[k].I32[part*to.Shape.Size():])
			} else if ok {
				copy(to.F32, batch.Fields[k].F32[part*to.Shape.Size():])
			}
		}
		p.Schedule(s.Time(0))
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	}
	mean := map[string]float64{}
	for part := range 2 {
		run(half, part)
		for _, o := range half.Outputs() {
			v, _ := half.Output(o)
			mean[o] += v.At(0) / 2
		}
	}
	run(whole, 0)
	for _, o := range whole.Outputs() {
		v, _ := whole.Output(o)
		if d := math.Abs(v.At(0) - mean[o]); !(d <= 1e-4*max(1, math.Abs(v.At(0)))) {
			t.Errorf("%s: %s is %v of the batch and %v the mean over its parts: samples meet without AllRows", name, o,
				v.At(0), mean[o])
		}
	}
}

// The sentence names grad_cache where that would do, and says what parts_apart is.
func TestAccumulateNamesGradCache(t *testing.T) {
	for _, c := range []struct {
		want string
		sets []string
	}{
		{"batch norm takes the statistics of a batch (backbone/0/norm), so that the parts would be batches of their " +
			"own; " +
			"want 1; parts_apart = true takes them for such", nil},
		{"[method.simclr] compares the samples of a batch or counts them together, so that the parts would be " +
			"batches " +
			"of their own; want 1, or grad_cache = 2, which gives the gradient of the whole batch in the memory of a " +
			"part",
			[]string{"backbone.vit.dim=8", "backbone.vit.heads=2", "backbone.vit.patch=4", `projector.norm="layer"`}},
		{"", []string{"train.parts_apart=true"}},
	} {
		r, err := recipes.Load("quickstart.toml", append([]string{"train.accumulate=2"}, c.sets...), recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.build(); c.want == "" && err != nil || c.want != "" && (err == nil ||
			!strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: got %v, want %q", c.sets, err, c.want)
		}
	}
}
