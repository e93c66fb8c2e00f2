// Package recipes is what a user writes: the typed recipe, its strict loading through overlays, the catalog of
// everything a recipe can name, and the recipes that ship inside the binary.
package recipes

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/captioned"
	"selfsup/datasets/frames"
	"selfsup/datasets/rows"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
	"selfsup/datasets/windows"
	"selfsup/evaluations"
	"selfsup/graph/device"
	"selfsup/graph/optim"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Recipe is one experiment, complete.
type Recipe struct {
	Name string `toml:"name"` // of the run's folder
	Seed int64  `toml:"seed"` // of weights, order of images and views
	// fp32 | bf16: layers round the operands of their products, in training; sums, weights, losses and evaluation are
	// float32
	Precision string `toml:"precision"`
	Device    string `toml:"device"` // cpu | cuda | cuda:1, a GPU by its number

	// TF32 rounds the operands of float32 products to 10 bits of mantissa, which the tensor cores of a GPU multiply
	// several times as fast; sums stay float32.
	TF32 bool `toml:"tf32"`

	// AllowReference lets operations that have no kernel on the device run by their reference: slowly, and named in the
	// log with their share of the step's time. Without it they are refused. Operations from outside this module may
	// have none.
	AllowReference bool `toml:"allow_reference"`

	// MemoryLimit bounds what the training step takes: temporaries, working memory of its kernels, inputs, and its part
	// of the Store (parameters, moments, teachers). Values that are cheap to compute are then computed again rather
	// than kept, as far as needed; the results are the same bits. Data, views and the Go runtime come on top. "none":
	// no limit.
	MemoryLimit setting.Size `toml:"memory_limit"`

	Dataset overlay.Choice[datasets.Source] `toml:"dataset"`
	// training images that the method sees; none: all
	Subset overlay.Choice[sampling.Subset] `toml:"subset" overlay:"optional"`
	// training images whose labels evaluations learn from; none: all
	Labelled overlay.Choice[sampling.Subset] `toml:"labelled" overlay:"optional"`
	// which of them a step holds; none: shuffle
	Sampler  overlay.Choice[sampling.Settings] `toml:"sampler" overlay:"optional"`
	Views    views.Settings                    `toml:"views"`    // of images and clips
	Clips    frames.Settings                   `toml:"clips"`    // of clips, beside views
	Rows     rows.Settings                     `toml:"rows"`     // of tables
	Captions captioned.Settings                `toml:"captions"` // of images with texts
	// weights to begin with; without a file or run, all are random
	Init     Init                               `toml:"init"`
	Windows  windows.Settings                   `toml:"windows"` // of texts and sound recordings
	Backbone overlay.Choice[backbones.Backbone] `toml:"backbone"`
	Method   overlay.Choice[methods.Method]     `toml:"method"`
	// how the projector of the method differs from what the method says
	Projector Projector                       `toml:"projector"`
	Optimizer overlay.Choice[optim.Optimizer] `toml:"optimizer"`
	Train     Train                           `toml:"train"`
	// training images whose labels choose checkpoints and hyperparameters
	Validation Validation                  `toml:"validation"`
	Average    Average                     `toml:"average"`   // which weights are evaluated
	Baselines  Baselines                   `toml:"baselines"` // what the trained encoder is evaluated beside
	Evaluate   overlay.Choices[Evaluation] `toml:"evaluate"`
	// labelled data sets that evaluations learn from and measure on: in place of the training data's labels where those
	// have none (the first by name), else beside them
	EvaluateOn overlay.Choices[datasets.Source] `toml:"evaluate_on"`
}

// Train is the training loop's settings.
type Train struct {
	Batch      int            `toml:"batch"`      // images of one step, over all ranks
	Length     setting.Length `toml:"length"`     // of the whole training
	Checkpoint setting.Length `toml:"checkpoint"` // between checkpoints; the end has one in any case
	Log        setting.Length `toml:"log"`        // between lines of metrics.jsonl
	// train a linear classifier beside the method, on features that it does not change
	Probe     bool    `toml:"probe"`
	ProbeRate float64 `toml:"probe_rate"` // its learning rate (AdamW)
	Workers   int     `toml:"workers"`    // goroutines that make views; 0: one for each core
	Clip      float64 `toml:"clip"`       // largest norm of all gradients together; 0: any
	// weight of KoLeo, which spreads the features of a step evenly over the sphere, beside the method's own terms
	KoLeo float64 `toml:"koleo"`
	// share of the labels that are wrong, each that of another class, drawn by the seed: of what the training learns
	// from, not of evaluations
	LabelNoise float64 `toml:"label_noise"`
	// even parts in which a batch goes through the step, for less memory, where the loss is a sum over samples
	Accumulate int `toml:"accumulate"`
	// even parts in which a batch goes through the encoder and the projector, whose results the loss sees as one: its
	// exact gradient in the memory of a part (GradCache), for about a third more time; 1: there are none
	GradCache int `toml:"grad_cache"`
	// parts, of either kind, are batches of their own for batch norms, and those of accumulate for negatives and other
	// comparisons too: not the step of the whole batch; without it what is not the same is refused
	PartsApart bool `toml:"parts_apart"`
	// smaller views at first, in turn; then views.crop, at which the encoder is evaluated
	Resolution []Resolution `toml:"resolution"`
}

// Resolution is a size of views for a part of the training, `[[train.resolution]]`.
//
// Balestriero et al. 2023, A Cookbook of Self-Supervised Learning, arXiv:2304.12210, fig. 15.
type Resolution struct {
	Until setting.Length `toml:"until"` // from the beginning of the training
	Crop  int            `toml:"crop"`  // side of a view until then, pixels
}

// Validate checks the settings.
func (r *Resolution) Validate() error {
	if r.Until.IsZero() {
		return setting.Bad("until", "%q: want how long the views have this size, such as \"50%%\" or \"20 epochs\"",
			r.Until)
	}
	if r.Crop < 1 {
		return setting.Bad("crop", "%d: want at least 1 pixel", r.Crop)
	}
	return nil
}

// Default is a recipe with the values of all keys that a file leaves out.
func Default() *Recipe {
	return &Recipe{
		Name: "experiment", Seed: 1, Precision: "fp32", Device: "cpu",
		Views: views.Defaults(), Rows: rows.Defaults(), Windows: windows.Defaults(), Captions: captioned.Defaults(),
		Clips: frames.Defaults(),
		Init:  DefaultInit(), Validation: DefaultValidation(), Baselines: DefaultBaselines(),
		Average: DefaultAverage(),
		Train: Train{
			Batch: 256, Length: setting.Epochs(100), Checkpoint: setting.Epochs(10), Log: setting.Steps(10),
			Probe: true, ProbeRate: 1e-3, Accumulate: 1, GradCache: 1,
		},
	}
}

// Validate checks what can be checked before any data is read.
func (r *Recipe) Validate() error {
	var bad []error
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			bad = append(bad, setting.Bad(key, format, args...))
		}
	}
	check(r.Name != "" && !strings.ContainsAny(r.Name, "/\\\x00") && r.Name[0] != '.', "name",
		"%q: want a name that can be a folder's", r.Name)
	check(r.Seed >= 0, "seed", "%d: want a number of 0 or more", r.Seed)
	check(r.Precision == "fp32" || r.Precision == "bf16", "precision", "%q: want \"fp32\" or \"bf16\"", r.Precision)
	if err := device.Check(r.Device); err != nil {
		check(false, "device", "%v", err)
	} else {
		gpu := device.IsGPU(r.Device)
		check(!r.TF32 || gpu, "tf32", "true: device = %q has no products of this kind; want false, or "+
			"device = \"cuda\"", r.Device)
		check(!r.AllowReference || !gpu, "allow_reference", "true: operations without a kernel cannot run by their "+
			"reference on device = %q; want false, or device = \"cpu\"", r.Device)
	}
	check(r.Train.Batch >= 2, "train.batch", "%d: want at least 2 images", r.Train.Batch)
	check(!r.Train.Length.Relative() && !(r.Train.Length.IsZero() && r.Init.None()), "train.length",
		"%q: want a length such as \"60 epochs\" or \"500 steps\"; 0 is for weights that [init] names",
		r.Train.Length)
	check(r.Train.ProbeRate > 0, "train.probe_rate", "%v: want a number above 0", r.Train.ProbeRate)
	check(r.Train.KoLeo >= 0, "train.koleo", "%v: want a weight of 0 or more, such as 0.1", r.Train.KoLeo)
	check(r.Train.LabelNoise >= 0 && r.Train.LabelNoise <= 1, "train.label_noise", "%v: want a share from 0 to 1",
		r.Train.LabelNoise)
	check(r.Train.Clip >= 0, "train.clip", "%v: want a norm above 0, or 0 for any", r.Train.Clip)
	check(r.Train.Accumulate >= 1 && r.Train.Batch%max(r.Train.Accumulate, 1) == 0 &&
		r.Train.Batch/max(r.Train.Accumulate, 1) >= 2, "train.accumulate",
		"%d: want a number of parts that divides train.batch = %d and leaves each at least 2 samples",
		r.Train.Accumulate, r.Train.Batch)
	check(r.Train.GradCache >= 1 && r.Train.Batch%max(r.Train.GradCache, 1) == 0 &&
		r.Train.Batch/max(r.Train.GradCache, 1) >= 2, "train.grad_cache",
		"%d: want a number of parts that divides train.batch = %d and leaves each at least 2 samples",
		r.Train.GradCache, r.Train.Batch)
	check(r.Train.GradCache <= 1 || r.Train.Accumulate == 1, "train.grad_cache", "%d: train.accumulate = %d cuts the "+
		"batch too; want one of them", r.Train.GradCache, r.Train.Accumulate)
	check(!r.Train.PartsApart || r.Train.GradCache > 1 || r.Train.Accumulate > 1, "train.parts_apart",
		"true: the batch goes through the step as one; want accumulate or grad_cache above 1")
	check(r.Train.Workers >= 0 && r.Train.Workers <= 1024, "train.workers", "%d: want 0 to 1024", r.Train.Workers)
	return errors.Join(bad...)
}

// Loaded is a recipe with the story of its making.
type Loaded struct {
	*Recipe
	File     string // as named by the user
	BaseDir  string // set where the recipe was moved away from the paths that it names
	Sets     []string
	Resolved string // the recipe with every value spelled out, as TOML that loads to the same recipe
	Result   *overlay.Result
	Catalog  Catalog // that it was loaded with
}

// Load resolves a recipe file (on disk, or shipped) with its bases and --set overlays.
func Load(file string, sets []string, c Catalog) (*Loaded, error) {
	r := Default()
	res, err := overlay.Load(file, sets, c.options(), r)
	if err != nil {
		return nil, err
	}
	return finish(r, res, file, sets, c)
}

// finish checks what a resolved recipe says, and writes it out.
func finish(r *Recipe, res *overlay.Result, file string, sets []string, c Catalog) (*Loaded, error) {
	if err := r.settle(res); err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := overlay.Encode(&text, r, nil); err != nil {
		return nil, err
	}
	l := &Loaded{Recipe: r, File: file, Sets: sets, Resolved: text.String(), Result: res, Catalog: c}
	if err := l.CheckLengths(0); err != nil {
		return nil, err
	}
	return l, nil
}

// LoadTable resolves a file of another form than a recipe's, with its bases, into a struct: strictly, and with the same
// messages.
func (c Catalog) LoadTable(file string, into any) error {
	_, err := overlay.Load(file, nil, c.options(), into)
	return err
}

// settle hides the tables that do not concern the recipe's kind of data. One that the recipe has all the same is a
// mistake.
func (r *Recipe) settle(res *overlay.Result) error {
	samples := datasets.SamplesOf(r.Dataset.Value)
	for _, t := range []struct {
		name  string
		table interface{ Hide(bool) }
		of    []string
	}{
		{"views", &r.Views, []string{"images", "clips"}},
		{"clips", &r.Clips, []string{"clips"}},
		{"rows", &r.Rows, []string{"rows"}},
		{"captions", &r.Captions, []string{datasets.WithCaptions, datasets.WavesWithCaptions}},
		{"windows", &r.Windows, []string{"texts", "waves", datasets.ClipsWithSound}},
	} {
		concerned := slices.Contains(t.of, samples) || slices.Contains(t.of, datasets.PlainKind(samples))
		if !concerned && res.Wrote(t.name) {
			return res.Bad(t.name, "is about %s, and the samples of dataset.%s are %s", strings.Join(t.of, " and "),
				r.Dataset.Name, samples)
		}
		t.table.Hide(!concerned)
	}
	waves := r.Windows.Spectrogram.Bands > 0 && (samples == "waves" || samples == datasets.ClipsWithSound)
	if r.Windows.Spectrogram.Hide(!waves); !waves && res.Wrote("windows.spectrogram") {
		return res.Bad("windows.spectrogram",
			"is of recordings, with bands above 0, such as 40; the samples of dataset.%s "+
				"are %s, and bands is %d", r.Dataset.Name, samples, r.Windows.Spectrogram.Bands)
	}
	if r.Init.Hide(r.Init.None()); r.Init.None() && res.Wrote("init") {
		return res.Bad("init", "names no weights; want from = \"runs/one\", a run folder, or weights = "+
			"\"x.safetensors\", a file that was made elsewhere")
	}
	last := r.Average.Weights == LastWeights
	if r.Average.Hide(last); last && res.Wrote("average.decay") {
		return res.Bad("average.decay", "is of weights = \"ema\", and average.weights is \"last\"")
	}
	changes := r.Projector.Changes()
	if r.Projector.Hide(!changes); !changes && res.Wrote("projector") {
		return res.Bad("projector", "changes nothing; want norm, form or frozen")
	}
	return nil
}

// Dir is the folder that relative paths of the recipe start from: BaseDir, or else the recipe file's.
func (l *Loaded) Dir() string {
	dir := l.BaseDir
	if dir == "" {
		dir = filepath.Dir(l.File)
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// WriteOrigins writes the resolved recipe with the origin of every value beside it.
func (l *Loaded) WriteOrigins(w io.Writer) error { return overlay.Encode(w, l.Recipe, l.Result) }

// ID identifies the training that a recipe describes: a digest of everything resolved but what does not change the
// numbers.
func (l *Loaded) ID() string {
	sum := sha256.Sum256([]byte(l.Resolved))
	return hex.EncodeToString(sum[:8])
}

// Evaluation is an evaluation protocol with its settings and when it runs.
type Evaluation = evaluations.Protocol
