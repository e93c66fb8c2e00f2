package experiment_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets/feed"
	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/recipes"
)

// The oracle of a run: a few steps of every shipped recipe, made small, held against numbers that
// tools/oracle/oracle.py computed in float64 from the equations of the papers: losses, metrics, settings that change
// with the step, and after each step every parameter, moment, teacher and running statistic. tools/oracle/README.md
// says how to make the numbers again.

var oracleInputs = flag.String("oracle-inputs", "", "write what tools/oracle/oracle.py reads to this folder")

// oracleSteps is long enough for a learning rate that rises twice and falls twice, over three epochs of two steps.
const oracleSteps = 5

// oracleCase is a run of the oracle, by the name of its file.
type oracleCase struct {
	recipe string
	sets   []string // beside oracleSets
}

// oracleSets make any recipe small.
var oracleSets = []string{
	"train.batch=16", fmt.Sprintf(`train.length="%d steps"`, oracleSteps), `train.checkpoint="1 step"`,
	`train.log="1 step"`,
	"subset.few_shot.per_class=4", "views.crop=12", "evaluate.knn=false", "evaluate.linear=false",
}

// Settings of the shipped recipes that make their numbers sensitive: rates and decays that move every value by
// percents in a step, and for Adam an epsilon, since the bias of the keys has no gradient but what rounding leaves,
// which Adam would scale up.
var (
	oracleConvNet = []string{"backbone.convnet.widths=[4,6]",
		"optimizer.lars.rate=8.0", "optimizer.lars.weight_decay=0.01", `optimizer.lars.warmup="40%"`}
	oracleSimCLR = append(slices.Clone(oracleConvNet), "method.simclr.projector=[10,8]")
	oracleVICReg = append(slices.Clone(oracleConvNet), "method.vicreg.projector=[10,8]")
	oracleBYOL   = append(slices.Clone(oracleConvNet), "method.byol.projector=[10,8]", "method.byol.predictor=[10]",
		"method.byol.momentum=0.6")
	oracleViT = []string{"backbone.vit.dim=8", "backbone.vit.depth=1", "backbone.vit.heads=2",
		"backbone.vit.patch=4",
		"optimizer.adamw.rate=0.1", "optimizer.adamw.weight_decay=2.0", `optimizer.adamw.warmup="40%"`,
		"optimizer.adamw.eps=1e-3"}
	oracleMAE = append(slices.Clone(oracleViT), "method.mae.decoder_dim=8", "method.mae.decoder_depth=1",
		"method.mae.decoder_heads=2")
)

// oracleCases are every shipped recipe, and what none of them has: another seed, descent with Nesterov's momentum, the
// other scale and a final rate; a transformer with a class token and learned positions; images whose labels the
// training must not see.
var oracleCases = map[string]oracleCase{
	"quickstart":   {"quickstart.toml", oracleSimCLR},
	"vicreg":       {"vicreg.toml", oracleVICReg},
	"byol":         {"byol.toml", oracleBYOL},
	"mae":          {"mae.toml", oracleMAE},
	"supervised":   {"supervised.toml", oracleConvNet},
	"emoji-simclr": {"emoji-simclr.toml", oracleSimCLR},
	// wider than the batch, as shipped
	"emoji-vicreg": {"emoji-vicreg.toml", append(slices.Clone(oracleConvNet), "method.vicreg.projector=[10,24]")},
	"emoji-byol":   {"emoji-byol.toml", oracleBYOL},
	"sgd": {"quickstart.toml", []string{"seed=7", "backbone.convnet.widths=[4,6]", "method.simclr.projector=[10,8]",
		"optimizer.sgd.rate=0.8", `optimizer.sgd.scale="sqrt"`, "optimizer.sgd.nesterov=true",
		"optimizer.sgd.final=0.1",
		"optimizer.sgd.weight_decay=0.05", `optimizer.sgd.warmup="20%"`}},
	"labelled": {"quickstart.toml", append(slices.Clone(oracleSimCLR), "labelled.few_shot.per_class=2")},
	"vit": {"byol.toml", append(slices.Clone(oracleViT), `backbone.vit.pool="class"`, `backbone.vit.position="learned"`,
		`optimizer.adamw.scale="none"`,
		"optimizer.adamw.rate=0.006", "method.byol.projector=[10,8]", "method.byol.predictor=[10]",
		"method.byol.momentum=0.6")},
}

// oracle is a file of testdata/oracle.
type oracle struct {
	Recipe string
	Sets   []string
	Shapes map[string][]int
	Steps  []oracleStep
}

// oracleStep is what there is after a step.
type oracleStep struct {
	Settings map[string]float64   // fed before the step
	Values   map[string]float64   // losses and metrics
	Store    map[string][]float64 // by our names and layouts
}

func readOracle(t *testing.T, name string) *oracle {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "oracle", name+".json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var o oracle
	if err := json.NewDecoder(z).Decode(&o); err != nil {
		t.Fatalf("%s: %v", f.Name(), err)
	}
	c := oracleCases[name]
	if want := slices.Concat(oracleSets, c.sets); len(o.Steps) != oracleSteps || o.Recipe != c.recipe ||
		!slices.Equal(o.Sets, want) {
		t.Fatalf("%s has %d steps of %s with %q, the test takes %d of %s with %q: make the numbers again, see "+
			"tools/oracle/README.md",
			f.Name(), len(o.Steps), o.Recipe, o.Sets, oracleSteps, c.recipe, want)
	}
	return &o
}

// Tolerances of float32 against float64, relative to the largest number of a tensor; a step hands its rounding on to
// the next.
const (
	valueTolerance = 1e-5
	storeTolerance = 2e-5
	storeRounding  = 1e-6 // what may be left where the exact number is 0: gradients that cancel
)

// withoutOracle are recipes without one, and why.
var withoutOracle = map[string]string{
	"directpred.toml":   "the predictor is held against hand-worked moments, the rest by byol's oracle",
	"emoji-cmc.toml":    "as npid.toml",
	"cpc_image.toml":    "contexts and loss are held against plain loops",
	"pirl.toml":         "as npid.toml",
	"npid.toml":         "the bank and its losses are held against plain loops",
	"sscd.toml":         "the loss is held against plain loops and SimCLR's, the rest is the quickstart's",
	"oracle_views.toml": "the choice of views is held against hand-worked ones, the rest is vicreg's",

	"vicreg_ctr.toml": "the terms are held against plain loops of the paper's equations, the rest by vicreg's oracle",
	"vicreg_exp.toml": "as vicreg_ctr.toml",
	"deepcluster.toml": "the loss and the clusters are held against the authors' code by golden numbers, " +
		"the optimiser by the quickstart's oracle",
	"dino.toml": "loss, centre, head and schedules are held against the authors' code by golden " +
		"numbers, the teacher by byol's oracle",
	"emoji-dino.toml": "as dino.toml",
	"emoji-augself.toml": "its terms and targets are held against the authors' code by golden numbers, the " +
		"method beside it by its own oracle",
	"emoji-sie.toml": "the loss and the prediction are held against the authors' code by golden numbers, " +
		"the rest by vicreg's oracle",
	"emoji-equimod.toml": "NT-Xent and the method beside it are simclr's, which has an oracle; the rest by gradients " +
		"in float64",
	"emoji-lie_group.toml": "both contrasts are simclr's, which has an oracle; the exponential is held against " +
		"rotations and the laws of a group",
	"mlm.toml": "masks, loss, head and a transformer of its form are held against BERT's code by " +
		"golden numbers, the optimiser by the oracles that have AdamW",
	"bart.toml": "noises, losses and the encoder are held against the authors' codes by golden numbers, the " +
		"decoder's gradient against central differences, the optimiser by the oracles that have AdamW",
	"bert.toml":     "as mlm.toml, with the head of what follows",
	"coco_lm.toml":  "the corrective term is held against plain loops, the rest is electra's and NT-Xent",
	"declutr.toml":  "spans and loss are held against the authors' code by golden numbers, the rest is mlm's",
	"electra.toml":  "samples and losses are held against golden numbers, the rest is mlm's",
	"gpt.toml":      "loss and transformer are held against nanoGPT by golden numbers, the optimiser as mlm.toml",
	"simcse.toml":   "the loss is held against the authors' code by golden numbers, the rest is mlm's",
	"spelling.toml": "the loss is clip's; the towers are held by other oracles",
	"t5.toml":       "as bart.toml",
	"ul2.toml":      "as t5.toml",
	"word2vec.toml": "losses and what is drawn are held against golden numbers, the optimiser as mlm.toml",
	"moco.toml": "the loss and the queue are held against the authors' code by golden numbers, " +
		"teacher and optimiser by byol's oracle",
	"rotation.toml": "one cross-entropy, which supervised has; the turns and their labels are compared " +
		"with turned images in its own test",
	"bigan.toml": "the losses are held against golden numbers, and the gradient that each player sees " +
		"against central differences",
	"rbm.toml": "a CD step and one of a stack are held against golden numbers",
	"scarf.toml": "the corruption and the loss are held against the paper's algorithm by golden " +
		"numbers, the MLP and the optimiser by the other oracles",
	"scarf-satellite.toml": "as scarf.toml",
	// methods for rows whose corruption and losses are held against golden numbers
	"vime.toml": "as scarf.toml", "vime_semi.toml": "as scarf.toml", "subtab.toml": "as scarf.toml",
	"saint.toml":            "as scarf.toml; its transformer too is held against golden numbers",
	"swap_noise.toml":       "vime's corruption and error of entries",
	"contrast_restore.toml": "scarf's loss and vime's error of entries",
	"target_aware.toml":     "vime's losses and supervised's",
	"tabbie.toml":           "vime's loss of the mask, of tokens",
	"met.toml":              "vime's error of entries; masks and decoder are mae's",

	// control
	"atc.toml": "its scores and their cross-entropy are CURL's, which golden numbers hold; the rest by gradients in " +
		"float64",
	"barlow_balance.toml": "its gradient is held against central differences",
	"efficient_zero.toml": "SimSiam's loss, which has golden numbers; the rest by gradients in float64",
	"sac.toml":            "the gradient of each term is held against central differences, the targets are dqn's",

	"deepcluster_v1.toml": "its terms and jobs are held against plain loops of the paper's equations",
	"mean_teacher.toml": "its terms and schedules are held against plain loops of the paper's equations, the " +
		"teacher by byol's oracle",
	"mmc.toml":          "as deepcluster_v1.toml; the classes are held against all ways to choose them",
	"nat.toml":          "the exchange of targets is held against all ways to exchange them",
	"pseudo_label.toml": "its terms and schedules are held against plain loops of the paper's equations",
	"sela.toml":         "the labels are held against golden numbers of Sinkhorn, its terms as deepcluster.toml",

	"debiased.toml": "as hcl.toml",
	"dual_temperature.toml": "value and gradient of the loss are held against plain loops, and against InfoNCE " +
		"where it is that; the wiring is SimCLR's",
	"hcl.toml": "value and gradient of the loss are held against plain loops, and against NT-Xent where it is that; " +
		"the wiring is SimCLR's",
	"nca.toml":      "value and gradient of the loss are held against plain loops; the wiring is SimCLR's",
	"ssl_hsic.toml": "as nca.toml",

	// autoencoders and their halves
	"autoencoder.toml": "one squared difference, whose gradient through encoder and decoder is held against central " +
		"differences; the decoder is BiGAN's generator",
	"denoising_autoencoder.toml":  "as autoencoder.toml; noise and weights are held against plain loops",
	"inpainting_autoencoder.toml": "as denoising_autoencoder.toml",
	"gan_features.toml": "the discriminator's loss is BiGAN's, which golden numbers hold, and plain loops hold the " +
		"others; the gradient that each player sees is held against central differences",
	"layerwise_autoencoder.toml": "a layer's loss is held against plain loops, and the layers are the rbm's",
	"vae.toml": "the bound is held against the integral of its definition and plain loops, its gradient against " +
		"central differences",
	// puzzles of tiles, and of exemplars, augmentations and time
	"jigsaw.toml": "the orders are held against golden numbers, and what the tiles say of them against plain loops; " +
		"the loss is one cross-entropy, which supervised has",
	"relative_patch.toml": "the loss is held against plain loops over the pixels; it is one cross-entropy, which " +
		"supervised has",
	"exemplar.toml": "one cross-entropy, which supervised has",
	"looc.toml":     "spaces, turns and tones are held against plain loops; queue and teacher are MoCo's",
	"tcl.toml":      "the loss is held against plain loops; MLP and AdamW are scarf's",

	// masked images
	"aim.toml": "what a token attends to is held against plain loops, and the gradient against central " +
		"differences; the loss is that of MAE's patches",
	"igpt.toml": "as aim.toml; the colours are patch_prediction's",
	"dbot.toml": "the decoder is mae's; the loss is smooth L1, which golden numbers hold, and its gradient is held " +
		"against central differences",
	"mae_class.toml":  "the setting of mae.toml that MAE's golden step has",
	"mae_half.toml":   "as mae.toml",
	"mae_pixels.toml": "as mae.toml; the loss of pixels as they are is videomae's and simmim's",
	"patch_prediction.toml": "the colours are held against plain loops; the loss is one cross-entropy, which " +
		"supervised has, and masks are BERT's",

	// two encoders, and versions
	"dcca.toml":   "the correlation is held against linear maps and cosines, its gradient against differences",
	"dccae.toml":  "as dcca.toml",
	"mocov1.toml": "as moco.toml",
}

// goldenLoss are methods whose loss and gradients are held against their authors' code by a file of testdata/golden,
// and whose wiring (views, teachers, queues, optimisers) is tested beside the method or by another method's oracle.
// Recipes of such a method need no oracle of their own.
var goldenLoss = map[string]string{
	"univcl": "losses/moco_infonce_queue",
	"amdim":  "origins/amdim",
	"pcl":    "losses/pcl",
	"mochi":  "losses/moco_infonce_queue",
	"msf":    "losses/mean_shift",
	"isd":    "losses/ressl",
	"ressl":  "losses/ressl",
	"nnclr":  "losses/nnclr",
	"mocov3": "losses/mocov3",
	"cpc":    "audio/cpc_gru",
	"dqn":    "rl/dqn_target", "curl": "rl/curl", "spr": "rl/spr_loss", "sgi": "rl/sgi_spr_inverse",
	"dbc": "rl/dbc_bisimulation", "contrastive_goal": "rl/contrastive_goal_rl", "vip": "rl/vip",
	"r3m": "rl/r3m_time_contrastive", "laplacian": "rl/laplacian", "forward_backward": "rl/forward_backward",
	"icm": "rl/icm", "rnd": "rl/rnd", "apt": "rl/apt_particle_entropy", "proto_rl": "rl/proto_rl",
	"byol_explore": "rl/byol_explore",
	"barlow_twins": "losses/barlow_twins", "emp_ssl": "losses/emp_ssl", "frossl": "losses/frossl",
	"lejepa": "losses/lejepa", "mmcr": "losses/mmcr", "simsiam": "losses/simsiam", "swav": "losses/swav",
	"tico": "losses/tico", "vibcreg": "losses/vibcreg", "wmse": "losses/wmse",

	// detectors
	"detreg": "dense/detreg",
	"updetr": "dense/updetr",

	// masked images for convolutions and pyramids
	"fcmae":  "mim/fcmae_micro",
	"um_mae": "mim/um_mae_uniform_mask",

	// features that follow
	"essl": "equivariant/essl_rotation",
	"sen":  "equivariant/sen_world_model",

	// few labels
	"mixmatch": "origins/mixmatch",
	"vat":      "origins/vat",

	// contrastive methods of one batch
	"align_uniform":    "losses/align_uniform",
	"alpha_cl":         "losses/alphacl_dual2_exp",
	"dcl":              "losses/dcl",
	"dclw":             "losses/dclw",
	"directclr":        "losses/directclr",
	"macl":             "losses/macl",
	"margin":           "losses/contrastive_margin",
	"mugs_instance":    "losses/mugs_instance_infonce",
	"phi_psi":          "losses/phipsi_infonce",
	"relic":            "losses/relic",
	"simclr_multiview": "losses/simclr_multiview",
	"supcon":           "losses/supcon_all",
	"triplet":          "losses/triplet_squared",

	// autoencoders and their halves
	"colorization": "origins/colorization_rebalanced",
	"split_brain":  "origins/split_brain",
	// places of images
	"capi":      "losses/capi",
	"densecl":   "losses/densecl",
	"insloc":    "dense/roi_align",
	"leopart":   "dense/leopart_spatial_loss",
	"selfpatch": "dense/selfpatch_loss",
	"vicregl":   "losses/vicregl_official",
	// puzzles of tiles
	"counting": "origins/counting",

	// masked images
	"context_encoder": "mim/context_encoder",
	"data2vec":        "losses/smooth_l1",
	"data2vec2":       "mim/data2vec2_loss",
	"dinov2":          "losses/dinov2_cls_sinkhorn",
	"dvae":            "mim/dvae",
	"ibot":            "losses/ibot",
	"ijepa":           "mim/ijepa_micro",
	"maskfeat":        "mim/maskfeat_loss",
	"msn":             "losses/msn",
	"pmsn":            "losses/pmsn",
	"simmim":          "mim/simmim_micro",
	"vqvae":           "mim/vqvae_ema",
}

// Every shipped recipe has an oracle, its method golden numbers, or it has a reason why it has neither.
func TestOracleIsComplete(t *testing.T) {
	for _, recipe := range recipes.Names() {
		if c := oracleCases[strings.TrimSuffix(recipe, ".toml")]; c.recipe == recipe || withoutOracle[recipe] != "" {
			continue
		}
		r, err := recipes.Load(recipe, nil, recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		file, ok := goldenLoss[r.Method.Name]
		if !ok {
			t.Errorf("%s has no oracle of its name in oracleCases, and goldenLoss has no file for method.%s: "+
				"see tools/oracle/README.md", recipe, r.Method.Name)
		} else if _, err := os.Stat(filepath.Join("..", "testdata", "golden",
			filepath.FromSlash(file)+".json")); err != nil {
			t.Errorf("goldenLoss of method.%s: %v", r.Method.Name, err)
		}
	}
}

// TestOracle runs every case as a user does, stopped after each step and resumed, and compares what the run folder
// then holds.
func TestOracle(t *testing.T) {
	for name := range oracleCases {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && strings.HasPrefix(name, "emoji-") {
				t.Skip("short: the same methods in colour")
			}
			want := readOracle(t, name)
			stop := make(chan experiment.Request, 1)
			options := experiment.Options{Root: t.TempDir(), Messages: io.Discard, Stop: stop}
			dir := ""
			for step := range oracleSteps {
				stop <- experiment.Interrupt
				var err error
				if dir == "" {
					_, err = experiment.Run(loadShipped(t, want.Recipe, want.Sets), options)
				} else {
					_, err = experiment.Resume(dir, recipes.Builtin(), options)
				}
				var stopped *experiment.Stopped
				if last := step == oracleSteps-1; last && err != nil || !last && (!errors.As(err, &stopped) ||
					stopped.Step != step+1) {
					t.Fatalf("step %d of %d: got %v, want a stop after it, or the end", step+1, oracleSteps, err)
				}
				if stopped != nil {
					dir = stopped.Folder
				}
				compareStore(t, dir, want, step)
			}
			compareMetrics(t, dir, want, 1)
			compareSettings(t, want)
		})
	}
}

// TestOracleMeans runs recipes in one piece, with lines of metrics over two steps: the numbers of a line are the means
// of its steps, the last line is of what is left, and the weights are those of the oracle.
func TestOracleMeans(t *testing.T) {
	for _, name := range []string{"quickstart", "byol", "supervised"} {
		t.Run(name, func(t *testing.T) {
			want := readOracle(t, name)
			r := loadShipped(t, want.Recipe, append(slices.Clone(want.Sets), `train.log="2 steps"`))
			sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			compareStore(t, sum.Run, want, oracleSteps-1)
			compareMetrics(t, sum.Run, want, 2)
		})
	}
}

func loadShipped(t *testing.T, name string, sets []string) *recipes.Loaded {
	t.Helper()
	r, err := recipes.Load(name, sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// compareStore compares the newest checkpoint of a run with the oracle after a step, both ways: no entry more, none
// less.
func compareStore(t *testing.T, dir string, o *oracle, step int) {
	t.Helper()
	st, m, warning, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
	if err != nil || warning != "" || m.Step != step+1 {
		t.Fatalf("the checkpoint has %d steps (%v, %q), want %d", m.Step, err, warning, step+1)
	}
	var got []string
	for _, name := range st.Names() {
		if !constantOfRun(name) {
			got = append(got, name)
		}
	}
	if want := slices.Sorted(maps.Keys(o.Steps[step].Store)); !slices.Equal(got, want) {
		t.Fatalf("the store holds\n%q\nwant\n%q", got, want)
	}
	for _, name := range got {
		a := st.Get(name).Array
		v := make([]float64, a.Shape.Size())
		for i := range v {
			v[i] = a.At(i)
		}
		if !slices.Equal([]int(a.Shape), o.Shapes[name]) {
			t.Fatalf("%s is %v, want %v", name, a.Shape, o.Shapes[name])
		}
		compareEntry(t, fmt.Sprintf("step %d: %s%v", step+1, name, a.Shape), v, o.Steps[step].Store[name])
	}
}

// compareEntry allows a difference relative to the largest number, which a program that does another thing exceeds by
// far.
func compareEntry(t *testing.T, what string, got, want []float64) {
	t.Helper()
	worst, at, largest := 0.0, 0, 0.0
	for i, w := range want {
		largest = max(largest, math.Abs(w))
		if d := math.Abs(got[i] - w); !(d <= worst) { // a NaN is the worst
			worst, at = d, i
		}
	}
	if allowed := storeTolerance*largest + storeRounding; !(worst <= allowed) {
		t.Errorf("%s: element %d is %v, want %v: off by %.3g, at most %.3g is allowed", what, at, got[at], want[at],
			worst, allowed)
	}
}

// constantOfRun reports entries that only their seed and shape decide: keys of random numbers.
func constantOfRun(name string) bool { return strings.HasSuffix(name, "/key") }

// compareMetrics compares metrics.jsonl, of a line every so many steps, with the oracle's means over the steps of each
// line.
func compareMetrics(t *testing.T, dir string, o *oracle, every int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if want := (oracleSteps + every - 1) / every; len(lines) != want {
		t.Fatalf("metrics.jsonl has %d lines, want %d:\n%s", len(lines), want, text)
	}
	for i, line := range lines {
		var got map[string]float64
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		first, end := i*every, min(i*every+every, oracleSteps)
		if got["step"] != float64(end) {
			t.Errorf("line %d is of step %v, want %d", i+1, got["step"], end)
		}
		if want := o.Steps[end-1].Settings["rate"]; !near(got["rate"], want, 1e-6) {
			t.Errorf("step %d: rate is %v, want %v", end, got["rate"], want)
		}
		for name := range o.Steps[first].Values {
			want := 0.0
			for _, s := range o.Steps[first:end] {
				want += s.Values[name] / float64(end-first)
			}
			if v, ok := got[name]; !ok || !near(v, want, valueTolerance) {
				t.Errorf("step %d: %s is %v (%v), want %v, the mean of %d steps", end, name, v, ok, want, end-first)
			}
		}
	}
}

// near allows a relative difference, and as much of a number that is nearly 0.
func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(math.Abs(want), 0.1)
}

// compareSettings compares what the host feeds before each step: learning rate, weight decay, the teacher's momentum.
func compareSettings(t *testing.T, o *oracle) {
	t.Helper()
	s, err := experiment.Prepare(loadShipped(t, o.Recipe, o.Sets))
	if err != nil {
		t.Fatal(err)
	}
	for step := range o.Steps {
		s.Train.Schedule(graph.Time{Step: step, Steps: s.Steps, PerEpoch: s.PerEpoch})
		for name, want := range o.Steps[step].Settings {
			if got, ok := s.Train.Scheduled(name); !ok || !near(got, want, 1e-6) {
				t.Errorf("step %d: %s is %v (%v), want %v", step+1, name, got, ok, want)
			}
		}
	}
}

// TestOracleInputs writes what the oracle is given: the parameters that a run starts with, and for every step its
// views, its labels and which patches it hides.
func TestOracleInputs(t *testing.T) {
	if *oracleInputs == "" {
		t.Skip("only with -oracle-inputs DIR")
	}
	for name, c := range oracleCases {
		sets := slices.Concat(oracleSets, c.sets)
		s, err := experiment.Prepare(loadShipped(t, c.recipe, sets))
		if err != nil {
			t.Fatal(err)
		}
		type entry struct {
			Shape []int
			Kind  string
			Data  []float32
		}
		type inputs struct {
			Views  [][]float32
			Labels []int
			Hidden []float32 `json:",omitempty"`
		}
		out := struct {
			Recipe  string
			Sets    []string
			View    [4]int
			Classes int
			Store   map[string]entry
			Steps   []inputs
		}{c.recipe, sets, [4]int{s.Recipe.Train.Batch, s.Input.Shape[0], s.Input.Shape[1], s.Input.Shape[2]},
			len(s.Data.Train.Classes()), map[string]entry{}, nil}
		for _, l := range s.Leaves {
			if !constantOfRun(l.Name) {
				out.Store[l.Name] = entry{l.Shape, l.Kind.String(), s.Store.Get(l.Name).F32}
			}
		}
		labelled := map[string]bool{}
		for i := range s.Labelled.Len() {
			labelled[s.Labelled.Name(i)] = true
		}
		loader, err := s.Loader(0)
		if err != nil {
			t.Fatal(err)
		}
		for range oracleSteps {
			b, err := loader.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			in := inputs{Hidden: slices.Clone(b.Field("mask0").F32)}
			for k, name := range s.Wants {
				if _, view := feed.Numbered(name, "view"); view {
					in.Views = append(in.Views, slices.Clone(b.Fields[k].F32))
				}
			}
			for _, i := range b.Rows {
				label := -1
				if labelled[s.Seen.Name(int(i))] {
					label = s.Seen.Label(int(i))
				}
				in.Labels = append(in.Labels, label)
			}
			out.Steps = append(out.Steps, in)
			b.Release()
		}
		loader.Close()
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*oracleInputs, name+".json"), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
