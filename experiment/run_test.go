package experiment_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/graph/cpu/kern"
	"selfsup/recipes"
)

// small is a run of seconds: 23 steps of a tiny network on real images, a checkpoint every 5.
const small = `
base = "quickstart.toml"
name = "small"

[backbone.convnet]
widths = [8, 16]

[method.simclr]
projector = [32, 16]

[train]
batch = 64
length = "23 steps"
checkpoint = "5 steps"
log = "1 step"

[evaluate]
linear = false

[evaluate.knn]
every = "0 steps"
`

// load writes a recipe and loads it.
func load(t testing.TB, text string, sets ...string) *recipes.Loaded {
	t.Helper()
	r, err := recipes.Load(writeRecipe(t, text), sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// writeRecipe puts a recipe into a file of its own.
func writeRecipe(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "small.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// final is the digest of the numbers that a run folder ends with.
func final(t *testing.T, dir string) string {
	t.Helper()
	return finalAt(t, dir, 23)
}

// finalAt is final of a run that ends at a step.
func finalAt(t *testing.T, dir string, step int) string {
	t.Helper()
	st, m, warning, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
	if err != nil || warning != "" {
		t.Fatal(err, warning)
	}
	if int(m.Step) != step {
		t.Fatalf("%s ends at step %d, want %d", dir, m.Step, step)
	}
	return st.Hash("")
}

// resumesAs stops a run after its first step and goes on with it: it ends at a step with the bits of one that was not
// stopped.
func resumesAs(t *testing.T, whole *experiment.Summary, step int, again *recipes.Loaded) {
	t.Helper()
	root, stop := t.TempDir(), make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	if _, err := experiment.Run(again, experiment.Options{Root: root, Messages: io.Discard, Stop: stop}); err == nil {
		t.Fatal("was not stopped")
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "*"))
	sum, err := experiment.Resume(dirs[0], recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := finalAt(t, sum.Run, step), finalAt(t, whole.Run, step); a != b {
		t.Errorf("resumed run ends with %s, uninterrupted run with %s", a, b)
	}
}

func train(t *testing.T, r *recipes.Loaded, stop <-chan experiment.Request) (*experiment.Summary, error) {
	t.Helper()
	return experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard, Stop: stop})
}

// Methods with state of every kind: moments, running statistics, a teacher, random numbers in the graph.
var resumable = map[string][]string{
	"simclr": nil,
	"vicreg": {`method="vicreg"`, "method.vicreg.projector=[32,32]"},
	"byol":   {`method="byol"`, "method.byol.projector=[32,16]", "method.byol.predictor=[32]", `optimizer="adamw"`},
	"moco":   {`method="moco"`, "method.moco.projector=[32,16]", "method.moco.queue=150", "method.moco.momentum=0.9"},
	"shuffled": {`method="moco"`, "method.moco.projector=[32,16]", "method.moco.queue=150",
		"method.moco.momentum=0.9", "method.moco.shuffle=4"},
	"nnclr": {`method="nnclr"`, "method.nnclr.projector=[32,16]", "method.nnclr.predictor=[16]",
		"method.nnclr.queue=150"},
	"msf": {`method="msf"`, "method.msf.projector=[32,16]", "method.msf.predictor=[16]", "method.msf.queue=150",
		`method.msf.constraint="past"`},
	"mochi": {`method="mochi"`, "method.mochi.projector=[32,16]", "method.mochi.queue=150", "method.mochi.hardest=20",
		"method.mochi.pairs=8", "method.mochi.with_query=4", `method.mochi.warmup="5 steps"`},
	"pcl": {`method="pcl"`, "method.pcl.projector=[32,16]", "method.pcl.queue=150", "method.pcl.k=[5,9]",
		`subset="few_shot"`, "subset.few_shot.per_class=30"},
	"npid": {`method="npid"`, "method.npid.projector=[16]", "method.npid.noise=60", `subset="few_shot"`,
		"subset.few_shot.per_class=30"},
	"augself": {`method="augself"`, "method.augself.base.byol.projector=[32,16]", "method.augself.predictor=[16]",
		"method.augself.flip=0.5"},
	"essl": {`method="essl"`, "method.essl.base.byol.projector=[32,16]", "method.essl.predictor=[16]",
		"views.crops=[{count=2,size=28,area=[0.4,1.0]},{count=1,size=14,area=[0.4,1.0]}]"},
	"equimod":   {`method="equimod"`, "method.equimod.projector=[32,16]", "views.flip=[0.5,0.5,0.0]"},
	"lie_group": {`method="lie_group"`, "method.lie_group.projector=[32,16]", "method.lie_group.generators=2"},
	"sen":       {`method="sen"`, "views.quarter_turn=1.0", "method.sen.transition=[8]"},
	"sie":       {`method="sie"`, "method.sie.projector=[32,16]"},
	"parts": {`method="byol"`, "method.byol.projector=[32,16]", "method.byol.predictor=[32]", `optimizer="adamw"`,
		"train.accumulate=4", "train.parts_apart=true", "train.clip=0.5",
		"optimizer.adamw.final_decay=3.0"},
	"densecl": {`method="densecl"`, "method.densecl.projector=[32,16]", "method.densecl.queue=150",
		"method.densecl.momentum=0.9"},
	"insloc": {`method="insloc"`, "method.insloc.projector=[32,16]", "method.insloc.queue=150",
		"method.insloc.momentum=0.9", "method.insloc.align=2"},
	"leopart": {`method="leopart"`, "method.leopart.hidden=16", "method.leopart.bottleneck=8",
		"method.leopart.clusters=12", "method.leopart.align=3", "method.leopart.momentum=0.8",
		"method.leopart.foreground=0.0"},
	"selfpatch": {`method="selfpatch"`, "method.selfpatch.hidden=16", "method.selfpatch.bottleneck=8",
		"method.selfpatch.prototypes=24", "method.selfpatch.patch_prototypes=12", "method.selfpatch.heads=2",
		`method.selfpatch.hold_last="10 steps"`, "method.selfpatch.momentum=0.8", `optimizer="adamw"`, `backbone="vit"`,
		"backbone.vit.dim=8", "backbone.vit.depth=2", "backbone.vit.heads=2", "backbone.vit.patch=7",
		`backbone.vit.pool="mean"`},
	"capi": {`method="capi"`, "method.capi.clusters=12", "method.capi.depth=1", "method.capi.heads=2",
		"method.capi.side=2", "method.capi.momentum=0.8", `optimizer="adamw"`, `backbone="vit"`,
		"backbone.vit.dim=8", "backbone.vit.depth=2", "backbone.vit.heads=2", "backbone.vit.patch=7"},
	"vicregl": {`method="vicregl"`, "method.vicregl.projector=[32,16]", "method.vicregl.places=[16,8]",
		"method.vicregl.matches=[6,3]"},
	"updetr": {`method="updetr"`, "method.updetr.size=16", `optimizer="adamw"`},
	"detreg": {`method="detreg"`, "method.detreg.size=16", `optimizer="adamw"`},
	"dino": {`method="dino"`, "method.dino.hidden=16", "method.dino.bottleneck=8", "method.dino.prototypes=24",
		`method.dino.hold_last="10 steps"`, "method.dino.momentum=0.8", `optimizer="adamw"`,
		"optimizer.adamw.final_decay=10.0",
		"train.clip=3.0", "views.crops=[{count=2,size=28,area=[0.4,1.0]},{count=2,size=12,area=[0.1,0.4]}]"},
	"bigan": {`method="bigan"`, "method.bigan.latent=4", "method.bigan.widths=[8,4]", "method.bigan.hidden=16",
		`optimizer="adamw"`,
		`method.bigan.discriminator="adamw"`, "method.bigan.discriminator.adamw.rate=5e-4"},
	"gan_features": {`method="gan_features"`, "method.gan_features.latent=4", "method.gan_features.widths=[8,4]",
		`method.gan_features.generator="complement"`, `optimizer="adamw"`,
		`method.gan_features.discriminator="adamw"`, "method.gan_features.discriminator.adamw.rate=5e-4"},
	"vae": {`method="vae"`, "method.vae.latent=4", "method.vae.widths=[8,4]"},
	"colorization": {`method="colorization"`, `dataset="emoji_32"`, `subset="few_shot"`,
		"subset.few_shot.per_class=30", `backbone="luma"`, "backbone.luma.tower.convnet.widths=[8,16]",
		"method.colorization.cell=20.0"},
	"layerwise_autoencoder": {`method="layerwise_autoencoder"`, "method.layerwise_autoencoder.noise=0.2",
		`backbone="dbn"`, "backbone.dbn.widths=[24,12]", `optimizer="sgd"`, "views.mean=[0.0]", "views.std=[1.0]"},
	"rbm": {`method="rbm"`, "method.rbm.persistent=true", `backbone="dbn"`, "backbone.dbn.widths=[24,12]",
		`optimizer="sgd"`, "views.mean=[0.0]", "views.std=[1.0]"},
	"deepcluster_v2": clustered,
	"deepcluster": {`method="deepcluster"`, "method.deepcluster.k=10", "method.deepcluster.pca=8", `subset="few_shot"`,
		"subset.few_shot.per_class=20"},
	"sela": {`method="sela"`, "method.sela.k=10", "method.sela.heads=2", `subset="few_shot"`,
		"subset.few_shot.per_class=20"},
	"mmc": {`method="mmc"`, "method.mmc.k=10", `subset="few_shot"`, "subset.few_shot.per_class=20"},
	"nat": {`method="nat"`, "method.nat.projector=[16]", "method.nat.every=2", `subset="few_shot"`,
		"subset.few_shot.per_class=20"},
	"mixmatch": {`method="mixmatch"`, `sampler="two_streams"`, "sampler.two_streams.labelled=20", `labelled="few_shot"`,
		"labelled.few_shot.per_class=20"},
	"mean_teacher": {`method="mean_teacher"`, `sampler="two_streams"`, "sampler.two_streams.labelled=20",
		`labelled="few_shot"`, "labelled.few_shot.per_class=20"},
	"vat": {`method="vat"`, "method.vat.xi=0.1", `labelled="few_shot"`, "labelled.few_shot.per_class=60"},
	"subset": {`subset="long_tail"`, "subset.long_tail.ratio=10.0", `sampler="balanced"`, `labelled="few_shot"`,
		"labelled.few_shot.per_class=20"},
	"resolution": {`train.resolution=[{until="2 steps",crop=16},{until="50%",crop=20}]`, `train.log="1 step"`},
	"mae": {`method="mae"`, "method.mae.decoder_dim=8", "method.mae.decoder_depth=1", "method.mae.decoder_heads=2",
		`optimizer="adamw"`,
		`backbone="vit"`, "backbone.vit.dim=8", "backbone.vit.depth=2", "backbone.vit.heads=2", "backbone.vit.patch=7",
		"backbone.vit.drop_path=0.2"},

	"oracle_views": {`method="oracle_views"`, "method.oracle_views.base.vicreg.projector=[32,16]",
		"method.oracle_views.candidates=2"},
	"comparing": {"method.simclr.final_temperature=0.5", "method.simclr.projector_momentum=0.9",
		"method.simclr.apart=true"},
	"projector": {`method="byol"`, "method.byol.projector=[32,16]", "method.byol.predictor=[]",
		"method.byol.predictor_steps=2", `projector.norm="decorrelated"`, "projector.frozen=true"},

	// a predictor that a job computes, queues, second moments, banks and draws of the methods of images
	"directpred": {`method="directpred"`, "method.directpred.projector=[32,16]", "method.directpred.momentum=0.8",
		`method.directpred.every="2 steps"`},
	"swav": {`method="swav"`, "method.swav.projector=[32,16]", "method.swav.prototypes=12", "method.swav.queue=192",
		`method.swav.queue_from="2 steps"`, `method.swav.hold="2 steps"`},
	"tico": {`method="tico"`, "method.tico.projector=[32,16]", "method.tico.momentum=0.8"},
	"isd":  {`method="isd"`, "method.isd.projector=[32,16]", "method.isd.predictor=[16]", "method.isd.queue=150"},
	"ressl": {`method="ressl"`, "method.ressl.projector=[32,16]", "method.ressl.queue=150",
		"method.ressl.momentum=0.9"},
	"mocov3": {`method="mocov3"`, "method.mocov3.projector=[32,16]", "method.mocov3.predictor=[16]",
		"method.mocov3.momentum=0.8"},
	"univcl": {`method="univcl"`, "method.univcl.projector=[32,16]", "method.univcl.predictor=[16]",
		"method.univcl.queue=150", "method.univcl.momentum=0.9", "method.univcl.neighbours=3",
		"method.univcl.edge_mask=0.2", "method.univcl.node_mask=0.2"},
	"mugs_instance": {`method="mugs_instance"`, "method.mugs_instance.projector=[32,16]",
		"method.mugs_instance.predictor=[16]", "method.mugs_instance.queue=192", "method.mugs_instance.momentum=0.8"},
	"relic": {`method="relic"`, "method.relic.projector=[32,16]", "method.relic.momentum=0.8"},
	"simsiam": {`method="simsiam"`, "method.simsiam.projector=[32,16]", "method.simsiam.predictor=[8]",
		"method.simsiam.constant_rate=true"},
	"wmse":   {`method="wmse"`, "method.wmse.projector=[32,8]", "method.wmse.sub_batch=32"},
	"lejepa": {`method="lejepa"`, "method.lejepa.projector=[32,16]", "method.lejepa.directions=8"},
	"sscd":   {`method="sscd"`, "method.sscd.projector=[16]"},
	"jigsaw": {`method="jigsaw"`, "method.jigsaw.permutations=20", "method.jigsaw.tile=8", "method.jigsaw.width=8",
		"method.jigsaw.hidden=[16]"},
	"relative_patch": {`method="relative_patch"`, "method.relative_patch.patch=7", "method.relative_patch.gap=1",
		"method.relative_patch.jitter=1", "method.relative_patch.hidden=[16]"},
	"counting": {`method="counting"`, "method.counting.projector=[16,8]"},
	"looc": {`method="looc"`, "method.looc.projector=[32,16]", "method.looc.queue=150",
		"method.looc.momentum=0.8"},
	"pirl": {`method="pirl"`, "method.pirl.width=16", "method.pirl.noise=60", `subset="few_shot"`,
		"subset.few_shot.per_class=30"},
}

// A run that is interrupted after any step and resumed ends with the same bits as one that is not, on one thread and on
// two.
func TestResumeIsExact(t *testing.T) {
	for name, sets := range resumable {
		t.Run(name, func(t *testing.T) {
			defer kern.SetThreads(kern.Threads())
			kern.SetThreads(2)
			whole, err := train(t, load(t, small, sets...), nil)
			if err != nil {
				t.Fatal(err)
			}
			want := final(t, whole.Run)

			kern.SetThreads(1)
			stop := make(chan experiment.Request, 1)
			stop <- experiment.Interrupt
			_, err = train(t, load(t, small, sets...), stop) // stops after its first step
			var stopped *experiment.Stopped
			if !errors.As(err, &stopped) || stopped.Step != 1 {
				t.Fatalf("interrupted run: %v, want a stop after step 1", err)
			}
			kern.SetThreads(2)
			stop <- experiment.Requeue
			_, err = experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard,
				Stop: stop})
			if !errors.As(err, &stopped) || stopped.Step != 2 || stopped.Reason != experiment.Requeue {
				t.Fatalf("interrupted again: %v, want a stop after step 2", err)
			}
			sum, err := experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if got := final(t, sum.Run); got != want {
				t.Errorf("resumed run ends with %s, uninterrupted run with %s", got, want)
			}
			if a, b := values(whole), values(sum); a != b {
				t.Errorf("evaluations differ: uninterrupted %s, resumed %s", a, b)
			}
			checkLog(t, sum.Run)
		})
	}
}

// values prints evaluations for comparison.
func values(s *experiment.Summary) string {
	text, _ := json.Marshal(s.Evaluations)
	return string(text)
}

// checkLog checks that the metrics have every step once, in order, and the end's evaluation.
func checkLog(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if end := lines[len(lines)-1]; !strings.HasPrefix(end, `{"step":23,`) ||
		!strings.Contains(end, `,"knn k=20 top1":`) {
		t.Errorf("the last line of the metrics is %s, want the evaluation after step 23", end)
	}
	lines = lines[:len(lines)-1]
	for i, line := range lines {
		var at struct {
			Step int
			Wait *float64 `json:"data_wait"`
		}
		if err := json.Unmarshal([]byte(line), &at); err != nil || at.Step != i+1 {
			t.Fatalf("metrics line %d is %s (%v), want step %d", i+1, line, err, i+1)
		}
		if at.Wait == nil || *at.Wait < 0 || *at.Wait > 1 {
			t.Errorf("metrics line %d is %s, want the share data_wait of the step's time", i+1, line)
		}
	}
	if len(lines) != 23 {
		t.Errorf("metrics have %d lines, want 23", len(lines))
	}
}

// killed are the methods whose runs are killed: those with state that most have not. DeepCluster v2 is also killed
// inside of its job, and CLIP on data of its own: see TestKilledInsideJobResumes and TestKilledCLIPResumes.
var killed = []string{"simclr", "moco", "dino", "bigan", "rbm", "deepcluster_v2"}

// A process that is killed at any instant, SIGKILL, leaves a folder that resumes to the same bits. The process that is
// killed and the one that runs through have two threads, the one that goes on has one.
func TestKilledRunResumes(t *testing.T) {
	if root := os.Getenv("TEST_RUN_ROOT"); root != "" { // the child
		kern.SetThreads(2)
		sets := resumable[os.Getenv("TEST_RUN_METHOD")]
		_, err := experiment.Run(load(t, small, sets...), experiment.Options{Root: root, Messages: io.Discard})
		t.Fatal("ran to its end: ", err)
	}
	for _, name := range killed {
		t.Run(name, func(t *testing.T) {
			defer kern.SetThreads(kern.Threads())
			kern.SetThreads(2)
			whole, err := train(t, load(t, small, resumable[name]...), nil)
			if err != nil {
				t.Fatal(err)
			}
			dir := killAtRandom(t, "TestKilledRunResumes", "TEST_RUN_METHOD="+name)
			kern.SetThreads(1)
			sum, err := experiment.Resume(dir, recipes.Builtin(), experiment.Options{Messages: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := final(t, sum.Run), final(t, whole.Run); got != want {
				t.Errorf("resumed run ends with %s, uninterrupted run with %s", got, want)
			}
		})
	}
}

// killAtRandom runs a test in a process of its own, which has the root of the run's folder in TEST_RUN_ROOT, kills it
// after a random number of steps, the last of which may be in no checkpoint, and returns the folder.
func killAtRandom(t *testing.T, test string, env ...string) (dir string) {
	t.Helper()
	root, steps := t.TempDir(), 1+rand.IntN(18)
	child := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	child.Env = append(append(os.Environ(), "TEST_RUN_ROOT="+root), env...)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Signal(syscall.SIGKILL)
	for wait := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		saved, _ := filepath.Glob(filepath.Join(root, "*", "checkpoints", "last"))
		lines, _ := filepath.Glob(filepath.Join(root, "*", "metrics.jsonl"))
		if len(saved) == 1 && len(lines) == 1 {
			text, err := os.ReadFile(lines[0])
			if err == nil && bytes.Count(text, []byte("\n")) >= steps {
				t.Logf("killed after %d steps", bytes.Count(text, []byte("\n")))
				return filepath.Dir(lines[0])
			}
		}
		if time.Now().After(wait) {
			t.Fatalf("no checkpoint and %d lines of metrics within a minute", steps)
		}
	}
}

// A loss that stops being a number stops the run, names the parameter with the largest gradient, and keeps the last
// good checkpoint.
func TestDivergence(t *testing.T) {
	r := load(t, small, `optimizer="sgd"`, "optimizer.sgd.rate=1e30", "optimizer.sgd.warmup=\"0 steps\"",
		"train.checkpoint=\"1 step\"")
	_, err := train(t, r, nil)
	var nan *experiment.DivergedError
	if !errors.As(err, &nan) {
		t.Fatalf("got %v, want a divergence", err)
	}
	if nan.Param == "" || nan.Step == 0 || !strings.Contains(err.Error(), "last finite step") {
		t.Errorf("divergence %+v: want a step, a parameter and the last finite step", nan)
	}
	if !strings.Contains(nan.First, " gives the first ") && !strings.Contains(nan.First, " before the step") {
		t.Errorf("%v: want the first operation whose result is not finite", err)
	}
	if nan.Last == "" {
		t.Errorf("%v: want the last checkpoint named", err)
	}
}

// A folder in use, a finished run, and a recipe whose shapes changed are refused with their reasons.
func TestRefusals(t *testing.T) {
	stop := make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	_, err := train(t, load(t, small), stop)
	var stopped *experiment.Stopped
	if !errors.As(err, &stopped) {
		t.Fatal(err)
	}
	resolved := filepath.Join(stopped.Folder, experiment.ResolvedFile)
	text, err := os.ReadFile(resolved)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(resolved, []byte(strings.Replace(string(text), "projector = [32, 16]", "projector = [48, 16]", 1)),
		0o666)
	_, err = experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if want := "projector/0/norm/bias is [32], this recipe builds [48]"; err == nil || !strings.Contains(err.Error(),
		want) {
		t.Errorf("another recipe's checkpoint: got %v, want %q", err, want)
	}
	os.WriteFile(resolved, text, 0o666)
	checkpoints := filepath.Join(stopped.Folder, "checkpoints")
	os.Rename(checkpoints, checkpoints+".away")
	_, err = experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if want := checkpoints + " holds no checkpoint, but its run.json says that step 1 was saved"; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("without its checkpoints: got %v, want %q", err, want)
	}
	os.Rename(checkpoints+".away", checkpoints)
	if _, err = experiment.Resume(stopped.Folder, recipes.Builtin(),
		experiment.Options{Messages: io.Discard}); err != nil {
		t.Fatal(err)
	}
	_, err = experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "is done") {
		t.Errorf("resuming a finished run: %v", err)
	}
}

// writerFunc is a Writer of a function.
type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// A request that comes with the last step, or while the finished encoder is evaluated, ends the run with everything
// saved; resuming it evaluates.
func TestStopAtTheEnd(t *testing.T) {
	whole, err := train(t, load(t, small), nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan experiment.Request, 1)
	o := experiment.Options{Root: t.TempDir(), Stop: stop, Messages: writerFunc(func(p []byte) {
		if bytes.Contains(p, []byte("step 23/23")) {
			stop <- experiment.Terminate
		}
	})}
	_, err = experiment.Run(load(t, small), o)
	var stopped *experiment.Stopped
	if !errors.As(err, &stopped) || stopped.Step != 23 || stopped.Reason != experiment.Terminate {
		t.Fatalf("got %v, want a stop after step 23", err)
	}
	if s, err := experiment.ReadStatus(stopped.Folder); err != nil || s.State != "interrupted" || s.Step != 23 {
		t.Errorf("run.json: %+v, %v; want interrupted at step 23", s, err)
	}
	sum, err := experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := values(whole), values(sum); a != b || sum.Loss != whole.Loss {
		t.Errorf("evaluated at once %s with loss %v, after resuming %s with loss %v", a, whole.Loss, b, sum.Loss)
	}
}

// A checkpoint that is damaged on the disk is told, and the run goes on from the one before to the same bits.
func TestDamagedCheckpoint(t *testing.T) {
	whole, err := train(t, load(t, small), nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	_, err = train(t, load(t, small), stop)
	var stopped *experiment.Stopped
	if !errors.As(err, &stopped) {
		t.Fatal(err)
	}
	stop <- experiment.Interrupt // the second checkpoint, of step 2
	experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard, Stop: stop})
	last := filepath.Join(stopped.Folder, "checkpoints", "last")
	data, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(last, data, 0o666); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	sum, err := experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: &said})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(filepath.Join(stopped.Folder, "log.txt"))
	for _, where := range []string{said.String(), string(text)} {
		for _, want := range []string{"warning: checkpoint: " + last, "damaged", "going on from " +
			filepath.Join(filepath.Dir(last), "previous") + " (step 1)"} {
			if !strings.Contains(where, want) {
				t.Errorf("no %q in\n%s", want, where)
			}
		}
	}
	if got, want := final(t, sum.Run), final(t, whole.Run); got != want {
		t.Errorf("the run ends with %s, an undamaged one with %s", got, want)
	}
	checkLog(t, sum.Run)
}
