// Package experiment is what one run does: recipe -> data -> views -> graph -> program -> training loop -> checkpoints -> evaluation ->
// report. Run and Resume are the two ways in.
package experiment

import (
	"errors"
	"fmt"
	"slices"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/methods"
	"selfsup/recipes"
	"selfsup/recipes/memory"
	"selfsup/recipes/overlay"
)

// DataError is a fault of the data: a file that is missing, cut or corrupt, or a set that a recipe cannot be run on.
type DataError struct{ Err error }

func (e *DataError) Error() string { return e.Err.Error() }
func (e *DataError) Unwrap() error { return e.Err }

// RecipeError is a recipe that resolves but does not fit its data or itself.
type RecipeError struct {
	File string
	Err  error
}

func (e *RecipeError) Error() string { return e.File + ": " + e.Err.Error() }
func (e *RecipeError) Unwrap() error { return e.Err }

// Setup is an experiment that is ready to run: the data, and compiled programs over one Store.
type Setup struct {
	Recipe   *recipes.Loaded
	Device   device.Device
	Data     *datasets.Data
	Seen     datasets.Set // training images of the recipe's subset: what the method sees
	Labelled datasets.Set // training images that evaluations learn from, each with a label
	Tested   datasets.Set // labelled test images; nil without a test set
	Views    *views.Pipeline
	Image    backbones.Image // of the first view, and of what is evaluated
	Store    *graph.Store
	Train    *graph.Program // one whole training step
	Leaves   []graph.Leaf   // what the training step keeps in the Store
	Params   []string       // trained by the method, in the order of the output "gradient_norms"
	PerEpoch int            // steps
	Steps    int            // of the whole training

	fingerprint *fingerprint        // of Data
	known       *checkpoint.Encoder // whose mean and deviation the views take; nil: the recipe says, or they are measured
	opened      func(*Setup) error  // looks at the data before anything is made of them; nil: nobody does
	hidden      []bool              // training images of Seen whose labels the training does not see; nil: none

	stages []stage // of the training, in order; the last is this Setup

	alive func() error // called again and again while images are evaluated; nil: nobody asks
}

// Prepare opens the data and compiles the training step of a recipe. It changes nothing on disk.
func Prepare(r *recipes.Loaded) (*Setup, error) {
	s, err := newSetup(r)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	return s, nil
}

// newSetup is a Setup with its device and nothing else.
func newSetup(r *recipes.Loaded) (*Setup, error) {
	d, err := device.Open(r.Device, device.Options{Reference: r.AllowReference})
	if err != nil {
		return nil, &RecipeError{r.File, err}
	}
	return &Setup{Recipe: r, Device: d}, nil
}

// prepare is Prepare on the Setup's device.
func (s *Setup) prepare() error {
	if err := s.openData(); err != nil {
		return err
	}
	s.Store = s.newStore()
	if err := s.compile(); err != nil {
		return &RecipeError{s.Recipe.File, err}
	}
	if err := s.addStages(); err != nil {
		return inRecipe(s.Recipe, err)
	}
	tidy(s.Train.Memory())
	return nil
}

// inRecipe says which recipe an error belongs to, if the error does not say it.
func inRecipe(r *recipes.Loaded, err error) error {
	if placed := (overlay.Errors)(nil); errors.As(err, &placed) {
		return err
	}
	return &RecipeError{r.File, err}
}

// compile builds and compiles the training step.
func (s *Setup) compile() error {
	g, err := s.trainGraph()
	if err != nil {
		return err
	}
	if s.Train, err = g.CompileWithin(s.Device, s.Store, int64(s.Recipe.MemoryLimit)); err != nil {
		return settingError(err)
	}
	s.Leaves = g.States()
	return s.checkTrainInputs()
}

// settingError says what of the recipe to change where an operation has no kernel, or where its memory_limit is too small, in the unit of
// the limit.
func settingError(err error) error {
	if lacks := (*graph.KernelError)(nil); errors.As(err, &lacks) {
		return fmt.Errorf("%w; allow_reference = true runs it by its reference, slowly", err)
	}
	var short *graph.MemoryError
	if !errors.As(err, &short) {
		return err
	}
	asked := memory.Size(short.Limit)
	in := func(n int64) string { return memory.Size(n).In(asked) }
	m := short.Least
	return &limitFault{short, fmt.Sprintf("memory_limit = %q: the step needs at least %s (temporaries %s, scratch %s, state %s, inputs %s); the smallest limit for this recipe is %q, a smaller train.batch needs less",
		asked, in(m.Total()), in(m.Temporaries), in(m.Scratch), in(m.State), in(m.Inputs), in(m.Total()))}
}

// limitFault is a MemoryError in the words of a recipe.
type limitFault struct {
	*graph.MemoryError
	text string
}

func (e *limitFault) Error() string { return e.text }
func (e *limitFault) Unwrap() error { return e.MemoryError }

// newStore is a Store as a run starts with: what it will hold depends on the recipe's seed and the names of its entries.
func (s *Setup) newStore() *graph.Store { return graph.NewStore(uint64(s.Recipe.Seed)) }

// openData reads the data set and checks that the recipe fits it.
func (s *Setup) openData() (err error) {
	r := s.Recipe
	if s.Data, err = openSource(r.Dataset.Name, r.Dataset.Value, datasets.Env{BaseDir: r.Dir()}); err != nil {
		return err
	}
	if s.opened != nil {
		if err := s.opened(s); err != nil {
			return err
		}
	}
	if err := s.checkLabels(); err != nil {
		return &RecipeError{r.File, err}
	}
	if err := s.sample(); err != nil {
		return &RecipeError{r.File, err}
	}
	if err := s.checkPixels(); err != nil {
		return err
	}
	if s.Views, err = views.New(s.viewSettings(), s.Data, r.Method.Value.Views()); err != nil {
		return viewsError(r.File, err)
	}
	s.Image = backbones.Image{H: s.Views.Height, W: s.Views.Width, C: s.Views.Channels}
	if err := s.checkViews(); err != nil {
		return &RecipeError{r.File, fmt.Errorf("[backbone.%s] %w", r.Backbone.Name, err)}
	}
	s.PerEpoch = s.Seen.Len() / r.Train.Batch
	s.Steps = r.Train.Length.Steps(s.PerEpoch, 0)
	return r.CheckLengths(s.PerEpoch)
}

// time is where the training stands before a step, counted from 0.
func (s *Setup) time(step int) graph.Time {
	return graph.Time{Step: step, Steps: s.Steps, PerEpoch: s.PerEpoch}
}

// viewSettings is the recipe's views, with the mean and the deviation that the run began with where it is known.
func (s *Setup) viewSettings() views.Settings {
	v := s.Recipe.Views
	if k := s.known; k != nil && len(v.Mean) == 0 && v.Statistics == views.Measured {
		for c := range k.Mean {
			v.Mean, v.Std = append(v.Mean, float64(k.Mean[c])), append(v.Std, float64(k.Std[c]))
		}
	}
	return v
}

// view is the size of a view.
func (s *Setup) view(v int) backbones.Image {
	h, w := s.Views.Shape(v)
	return backbones.Image{H: h, W: w, C: s.Views.Channels}
}

// viewSizes lists the sizes that views have.
func (s *Setup) viewSizes() []backbones.Image {
	var sizes []backbones.Image
	for v := range s.Views.Views {
		if size := s.view(v); !slices.Contains(sizes, size) {
			sizes = append(sizes, size)
		}
	}
	return sizes
}

// checkViews asks the backbone whether it takes every size of view.
func (s *Setup) checkViews() error {
	b, sizes := s.Recipe.Backbone.Value, s.viewSizes()
	for _, size := range sizes {
		if err := b.Check(size); err != nil {
			return err
		}
	}
	if _, any := b.(backbones.AnySize); len(sizes) > 1 && !any {
		return fmt.Errorf("takes views of one size, and views.crops gives %v", sizes)
	}
	return nil
}

// sample takes the recipe's subsets of the training set, and checks that its sampler fits.
func (s *Setup) sample() (err error) {
	r := s.Recipe
	if err := s.takeSubsets(); err != nil {
		return err
	}
	if n := s.Seen.Len(); r.Train.Batch > n {
		return fmt.Errorf("train.batch = %d, but the training set of %s has %d images; want at most that%s", r.Train.Batch, r.Dataset.Name, n, s.chosen())
	}
	if _, err = sampling.New(r.Sampler.Value, s.Seen, r.Train.Batch, uint64(r.Seed)); err != nil {
		return fmt.Errorf("[sampler.%s] %w", r.Sampler.Name, err)
	}
	return nil
}

// encoder is the recipe's backbone as methods see it.
func (s *Setup) encoder() methods.Encoder {
	b, table := s.Recipe.Backbone.Value, "backbone."+s.Recipe.Backbone.Name
	enc := methods.Encoder{Dim: b.Dim(), Classes: len(s.Data.Train.Classes())}
	enc.New = func(at *graph.Scope) layer.Func { return checkedEncoder(table, b, at, s.Image) }
	if t, ok := b.(backbones.Tokens); ok {
		enc.Tokens = func(at *graph.Scope) *backbones.TokenEncoder { return checkedTokens(table, t, at, s.Image) }
	}
	return enc
}

// Names of the training program's inputs and outputs.
const (
	lossOutput    = "loss"
	normsOutput   = "gradient_norms"
	rateInput     = "rate"
	probeScope    = "probe"
	backboneScope = "backbone"
)

func viewInput(v int) string { return fmt.Sprintf("view%d", v) }

// trainGraph is one training step: the method's objective, the optimiser, the teachers, and the online probe.
func (s *Setup) trainGraph() (*graph.Graph, error) {
	r := s.Recipe
	return graph.Build(graph.Options{Training: true, BF16: r.Precision == "bf16"}, func(g *graph.Scope) {
		x := make([]*graph.Node, r.Method.Value.Views())
		for v := range x {
			size := s.view(v)
			x[v] = g.Input(viewInput(v), r.Train.Batch, size.H, size.W, size.C)
		}
		enc := s.encoder()
		obj := r.Method.Value.Build(g, enc, x)
		checkObjective("method."+r.Method.Name, r.Method.Value, obj, r.Train.Batch, enc.Dim)
		loss := obj.Loss()
		g.Output(lossOutput, loss)
		for _, t := range obj.Terms {
			g.Output(t.Name, t.Value)
		}
		for _, m := range obj.Metrics {
			g.Output(m.Name, m.Value)
		}
		params := g.Params()
		rate := r.Optimizer.Value.Schedule()
		grads := optim.Apply(g, r.Optimizer.Value.Rule(), loss, params, optim.Hyper{
			Rate:  g.Scheduled(rateInput, rate.At(r.Train.Batch)),
			Decay: g.Scheduled("weight_decay", graph.Constantly(rate.WeightDecay)),
			Step:  g.Scheduled("step", optim.CountSteps),
		}, optim.Training{Treat: optim.PlainOnly(g)})
		g.UpdateTwins()
		norms := make([]*graph.Node, len(grads))
		for i, d := range grads {
			norms[i] = op.Reshape(op.Sqrt(op.SumSquares(d)), 1)
			s.Params = append(s.Params, g.Name(params[i]))
		}
		g.Output(normsOutput, op.Concat(0, norms...))
		if s.probed() {
			s.probe(g.In(probeScope), obj.Features, g.IntInput(methods.LabelsInput, r.Train.Batch))
		}
	})
}

// probed reports whether the training step has an online probe.
func (s *Setup) probed() bool {
	return s.Recipe.Train.Probe && len(s.Data.Train.Classes()) > 1 && datasets.CountLabelled(s.Seen) > 0
}

// probe is a linear classifier on the features, which it does not change: batch norm without scale and shift, then linear (He et al.
// 2022, arXiv:2111.06377, app. A.1), trained by AdamW at a fixed rate.
func (s *Setup) probe(g *graph.Scope, features, labels *graph.Node) {
	dim := op.ShapeOf(features).Last()
	classify := layer.Chain(layer.BatchNormPlain(g.In("norm"), dim), layer.Linear(g.In("linear"), dim, len(s.Data.Train.Classes()), true))
	logits := classify(op.StopGradient(features)) // [B,classes]
	loss := op.OfLabelled(op.MeanAll(op.CrossEntropy(logits, labels, 0)), labels)
	g.Output("loss", loss)
	g.Output("accuracy", op.Accuracy(logits, labels))
	rule := optim.DefaultAdamW()
	optim.Apply(g, &rule, loss, g.Params(), optim.Hyper{
		Rate:  g.Constant(s.Recipe.Train.ProbeRate),
		Decay: g.Constant(0),
		Step:  g.Scheduled("step", optim.CountSteps),
	}, optim.Training{})
}

// embedBatch is how many images go through the frozen encoder at once.
const embedBatch = 256

// featuresOutput is what the frozen encoder makes.
const featuresOutput = "features"

// embedGraph is the frozen encoder for embedBatch images.
func (s *Setup) embedGraph() (*graph.Graph, error) { return s.frozenGraph(embedBatch) }

// frozenGraph is the frozen encoder: input view0 [batch,H,W,C], output features [batch,F].
func (s *Setup) frozenGraph(batch int) (*graph.Graph, error) {
	return graph.Build(graph.Options{}, func(g *graph.Scope) {
		x := g.Input(viewInput(0), batch, s.Image.H, s.Image.W, s.Image.C)
		g.Output(featuresOutput, s.encoder().New(g.In(backboneScope))(x))
	})
}

// describeEncoder says what of the Store is the frozen encoder, and what it takes.
func (s *Setup) describeEncoder() (*checkpoint.Encoder, error) {
	g, err := s.embedGraph()
	if err != nil {
		return nil, err
	}
	v := s.Views
	e := &checkpoint.Encoder{Height: v.Height, Width: v.Width, Channels: v.Channels, Mean: v.Mean, Std: v.Std}
	for _, l := range g.States() {
		e.Entries = append(e.Entries, l.Name)
	}
	return e, nil
}
