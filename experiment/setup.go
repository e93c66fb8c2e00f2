// Package experiment is what one run does: recipe -> data -> views -> graph -> program -> training loop -> checkpoints
// -> evaluation -> report. Run and Resume are the two ways in.
package experiment

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/masks"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/report"
	"selfsup/experiment/sheet"
	"selfsup/graph"
	"selfsup/graph/comm"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/internal/room"
	"selfsup/methods"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
	"selfsup/setting"
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
	Ranks    *comm.Line // the processes that the training step is dealt out over; nil: this one is alone
	Data     *datasets.Data
	Seen     datasets.Labelled // training images of the recipe's subset: what the method sees
	Labelled datasets.Labelled // training images that evaluations learn from, each with a label
	Tested   datasets.Labelled // labelled test images; nil without a test set
	Kind     feed.Kind         // how samples become fields
	Views    *views.Pipeline
	Store    *graph.Store
	Train    *graph.Program  // the first turn of a training step, for most methods the whole
	Leaves   []graph.Leaf    // what the training step keeps in the Store
	Input    feed.Field      // view 0: what is evaluated
	Wants    []string        // fields of a batch that the training reads
	PerEpoch int             // steps
	Steps    int             // of the whole training
	Stages   []Stage         // of the training, in order; the last is this Setup
	Trained  *encoder.Config // of OpenTrained: what the encoder takes; else nil
	// of a batch, drawn by the loader, by the names of their fields
	Masks map[string]masks.Plan
	Edits map[string]feed.Edit // fields of a batch that editors make of the data's

	turns     []turn            // of a training step
	memory    []int32           // of an agent, as the data were opened; nil: nobody acts
	exchange  *exchange         // of the programs of a step with train.grad_cache; nil: there is one a turn
	given     []handing         // with train.grad_cache: from its parts to the loss
	taken     []handing         // and back
	dtype     ir.DType          // of the training step; tests of gradients have F64
	objective methods.Objective // that the method returned, whose nodes are those of the first turn's graph
	trained   *graph.Graph      // the first turn's
	last      int64             // number of the last node in it that the method made
	projector *heads.Projector  // that the method asked for
	encodedAt encoderPlace      // where the encoder is that is evaluated

	fingerprint *fingerprint // of Data, until a run folder has it; nil: it has
	// whose mean and deviation the views take; nil: the recipe says, or they are measured
	known *checkpoint.Encoder
	// runs whose networks the method reads
	lenders []lender
	begun   *Begun             // where the first weights are from; nil: they are random
	opened  func(*Setup) error // looks at the data before anything is made of them; nil: nobody does
	held    []int32            // rows of Labelled whose labels choose: the validation split
	unseen  datasets.Labelled  // texts that are held out of the training to be measured on during it; nil: none are
	// other data sets that protocols tell the samples from, opened
	outside map[datasets.Source]other
	// pairs of texts of files, and what files ask of words, once they are read
	graded map[evaluations.Listed]gradedFile
	words  map[evaluations.WordFiles]*evaluations.WordTasks

	main   *labelledSet  // of [evaluate_on], in place of the labels that the run's data lack; nil: their own
	others []labelledSet // of [evaluate_on], beside the run's own
	wrong  []int32       // labels of Seen as train.label_noise makes them; nil: they are right
	hidden []bool        // training images of Seen whose labels the training does not see; nil: none

	alive func() error // called again and again while images are evaluated; nil: nobody asks

	shown *report.Progress                   // where tell tells; nil: nowhere
	tell  func(what string, done, total int) // see watch; nil: nobody asks
	doing string                             // which evaluation goes on; empty: none
	look  func(x []float32, dim int) error   // at features of the trained encoder that an evaluation takes; nil: nobody

	leave func(name string, sh *sheet.Sheet) error // in the run folder; nil: there is none to write to
}

// Prepare opens the data and compiles the training step of a recipe. It changes nothing on disk.
func Prepare(r *recipes.Loaded) (*Setup, error) {
	s, err := newSetup(r, nil)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	return s, nil
}

// PrepareOn is Prepare on a device of the caller's, whatever the recipe names.
func PrepareOn(r *recipes.Loaded, d device.Device) (*Setup, error) {
	s := &Setup{Recipe: r, Device: d}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	return s, nil
}

// PrepareAmong is Prepare for one of several ranks.
func PrepareAmong(r *recipes.Loaded, ranks *comm.Line) (*Setup, error) {
	s, err := newSetup(r, ranks)
	if err != nil {
		return nil, err
	}
	return s, s.prepare()
}

// Open opens the data of a recipe and builds nothing.
func Open(r *recipes.Loaded) (*Setup, error) {
	s, err := newSetup(r, nil)
	if err != nil {
		return nil, err
	}
	return s, s.openData()
}

// Build builds the graph of the training step, which says what the training reads: Wants and Masks. It compiles
// nothing.
func (s *Setup) Build() error {
	if _, err := s.build(); err != nil {
		return &RecipeError{s.Recipe.File, err}
	}
	return nil
}

// newSetup is a Setup with its device and nothing else.
func newSetup(r *recipes.Loaded, ranks *comm.Line) (*Setup, error) {
	if ranks != nil && ranks.Size() == 1 {
		ranks = nil
	}
	d, err := device.Open(r.Device, device.Options{Reference: r.AllowReference, TF32: r.TF32, Ranks: ranks})
	if err != nil {
		return nil, &RecipeError{r.File, err}
	}
	s := &Setup{Recipe: r, Device: d, Ranks: ranks}
	return s, s.checkRanks()
}

// prepare is Prepare on the Setup's device.
func (s *Setup) prepare() error {
	if err := s.borrow(); err != nil {
		return err
	}
	if err := s.openData(); err != nil {
		return err
	}
	s.Store = s.newStore()
	if err := s.plan(int64(s.Recipe.MemoryLimit)); err != nil {
		return inRecipe(s.Recipe, err)
	}
	if err := s.addStages(); err != nil {
		return inRecipe(s.Recipe, err)
	}
	if err := s.checkRoom(room.Left()); err != nil {
		return err
	}
	if err := s.compile(); err != nil {
		return &RecipeError{s.Recipe.File, err}
	}
	if err := s.compileStages(); err != nil {
		return &RecipeError{s.Recipe.File, err}
	}
	tidy(s.Train.Memory())
	return s.takeLoans()
}

// inRecipe says which recipe an error belongs to, if the error does not say it.
func inRecipe(r *recipes.Loaded, err error) error {
	if placed := (overlay.Errors)(nil); errors.As(err, &placed) {
		return err
	}
	return &RecipeError{r.File, err}
}

// placed is an error of the building of the graph, with more at its end: at the table of the method, or the setting in
// it that the message begins with, if it is the method's own word about its settings, the data or the backbone.
func (s *Setup) placed(err error, more string) error {
	own := (*op.BuildError)(nil)
	if !errors.As(err, &own) || own.Op != "" || own.Scope != "" || own.Panic || strings.HasPrefix(own.Msg, "[") {
		return fmt.Errorf("%w%s", err, more)
	}
	return s.Recipe.Result.Place("method."+s.Recipe.Method.Name, fmt.Errorf("%s (%s)%s", own.Msg, own.At, more))
}

// build builds the training step's first turn, or with train.grad_cache its loss, which says what a batch has to hold.
func (s *Setup) build() (*built, error) {
	g, made, x, err := s.firstGraph()
	if err != nil {
		takers := ""
		if made.batch != nil && made.batch.Lacks() {
			takers = "; " + s.takers()
		}
		return nil, s.placed(err, takers)
	}
	s.last, s.projector = made.last, made.projector
	made.exchange = x
	s.trained, s.objective, s.Wants, s.Masks = g, made.objective, made.batch.Wants(), made.batch.Masks()
	s.Edits = made.batch.Edits()
	s.encodedAt.scope = made.objective.Encoder
	s.encodedAt.student, _ = g.StudentOf(s.encoderScope())
	if err := cmp.Or(s.checkProjected(), s.checkAverage(), s.checkOnline(), s.checkFollowing(),
		s.checkTold(), s.checkWritten(), s.checkTags(), s.checkAccumulated()); err != nil {
		return nil, err
	}
	_, err = s.Maker().Worker(s.made()) // do the data give as many views?
	return made, err
}

// plan builds the training step and plans it within a limit, 0 for none. It takes none of the step's memory.
func (s *Setup) plan(limit int64) error {
	s.turns = nil
	made, err := s.build()
	if err != nil {
		return err
	}
	leaves := map[string]graph.Leaf{}
	for n, pass := range s.passes(made.objective) {
		g, made, err := s.turnGraph(n, pass, made)
		if err != nil {
			return err
		}
		p, err := g.Plan(s.Device, limit)
		if err != nil {
			return settingError(err)
		}
		for _, l := range g.States() {
			leaves[l.Name] = l
		}
		first := firstLayer(made.params, func(name string) int { return len(leaves[name].Shape) })
		parts := s.batchParts()
		if pass == lossPass {
			parts = 1
		}
		s.turns = append(s.turns, turn{planned: p, params: made.params, first: first, parts: parts, pass: pass})
	}
	if l, ok := s.memoryLeaf(); ok {
		leaves[l.Name] = l
	}
	s.Leaves = slices.SortedFunc(maps.Values(leaves), func(a, b graph.Leaf) int {
		return strings.Compare(a.Name, b.Name)
	})
	s.exchange = made.exchange
	return nil
}

// compile takes the memory of the planned training step and makes it ready to run.
func (s *Setup) compile() (err error) {
	for i := range s.turns {
		t := &s.turns[i]
		if t.Program, err = t.planned.Compile(s.Store); err != nil {
			return err
		}
		t.planned = nil
		if err := s.checkTrainInputs(t.Program); err != nil {
			return err
		}
	}
	s.Train = s.turns[0].Program
	if s.cached() {
		s.Train = s.turns[2].Program
		if s.given, s.taken, err = handings(s.turns[0].Program, s.turns[1].Program, s.turns[2].Program,
			s.exchange); err != nil {
			return err
		}
	}
	if err := s.keepMemory(); err != nil {
		return err
	}
	return cmp.Or(s.checkEncoder(), s.checkTimes())
}

// settingError says what of the recipe to change where an operation has no kernel, or where its memory_limit is too
// small, in the unit of the limit.
func settingError(err error) error {
	if lacks := (*graph.KernelError)(nil); errors.As(err, &lacks) {
		return fmt.Errorf("%w; allow_reference = true runs it by its reference, slowly", err)
	}
	var short *graph.MemoryError
	if !errors.As(err, &short) {
		return err
	}
	asked := setting.Size(short.Limit)
	in := func(n int64) string { return setting.Size(n).In(asked) }
	m := short.Least
	return &limitFault{short, fmt.Sprintf("memory_limit = %q: the step needs at least %s (temporaries %s, "+
		"scratch %s, state %s, inputs %s); the smallest limit for this recipe is %q, a smaller train.batch needs less",
		asked, in(m.Total()), in(m.Temporaries), in(m.Scratch), in(m.State), in(m.Inputs), in(m.Total()))}
}

// limitFault is a MemoryError in the words of a recipe.
type limitFault struct {
	*graph.MemoryError
	text string
}

func (e *limitFault) Error() string { return e.text }
func (e *limitFault) Unwrap() error { return e.MemoryError }

// newStore is a Store as a run starts with: what it will hold depends on the recipe's seed and the names of its
// entries.
func (s *Setup) newStore() *graph.Store { return graph.NewStore(uint64(s.Recipe.Seed)) }

// openData reads the data set and checks that the recipe fits it.
func (s *Setup) openData() (err error) {
	r := s.Recipe
	if s.Data, err = OpenSource(r.Dataset.Name, r.Dataset.Value, datasets.Env{BaseDir: r.Dir(),
		Progress: s.reads("reading dataset." + r.Dataset.Name)}); err != nil {
		return err
	}
	if s.opened != nil {
		if err := s.opened(s); err != nil {
			return err
		}
	}
	if err := s.openEvaluateOn(); err != nil {
		return err
	}
	if err := s.checkLabels(); err != nil {
		return &RecipeError{r.File, err}
	}
	if err := cmp.Or(s.checkMasks(), s.checkSources(), s.checkPlays()); err != nil {
		return &RecipeError{r.File, err}
	}
	if err := s.sample(); err != nil {
		return &RecipeError{r.File, err}
	}
	s.spoilLabels()
	kind, err := s.kindOf()
	if err != nil {
		return err
	}
	if err := s.takeKind(kind); err != nil {
		return inRecipe(r, err)
	}
	if err := cmp.Or(s.checkPairs(), s.checkHeard(), s.checkSurveyed(), s.checkTurns(), s.checkShownClips(),
		s.checkBlocks(), s.checkPlaces()); err != nil {
		return &RecipeError{r.File, err}
	}
	s.held = split(s.Labelled, r.Validation.Share, uint64(r.Seed))
	s.PerEpoch = s.Seen.Len() / r.Train.Batch
	s.Steps = r.Train.Length.Steps(s.PerEpoch, 0)
	if err := s.checkSplit(); err != nil {
		return &RecipeError{r.File, err}
	}
	if err := cmp.Or(s.checkBeside(), s.checkTuning(), s.checkDetection(), s.checkLenders(),
		s.checkDrawing()); err != nil {
		return err
	}
	return r.CheckLengths(s.PerEpoch)
}

// Time is where the training stands before a step, counted from 0.
func (s *Setup) Time(step int) graph.Time {
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

// takeKind settles how samples become fields, and asks the backbone whether it takes them.
func (s *Setup) takeKind(k feed.Kind) (err error) {
	s.Kind = k
	if s.Input, err = k.Evaluation(s.Seen).Field(feed.View(0)); err != nil {
		return err
	}
	err = s.Recipe.Backbone.Value.Check(methods.InputOf(s.Input))
	if err == nil {
		err = s.checkSizes()
	}
	if err != nil {
		return s.Recipe.Result.Place("backbone."+s.Recipe.Backbone.Name, err)
	}
	return nil
}

// shapes lists the shapes that the views of a batch have.
func (s *Setup) shapes() (list []backbones.Input) {
	for v := range s.ViewCount() {
		list = s.addShape(list, v)
	}
	return list
}

// addShape adds the shape of a view to a list, unless it is there.
func (s *Setup) addShape(list []backbones.Input, view int) []backbones.Input {
	f, err := s.Kind.Training(s.Seen).Field(feed.View(view))
	in := methods.InputOf(f)
	if err != nil || slices.ContainsFunc(list, func(x backbones.Input) bool {
		return slices.Equal(x.Shape, in.Shape)
	}) {
		return list
	}
	return append(list, in)
}

// ViewSizes are the shapes of a batch's views, with how many have each where they are not all alike: "28x28x1 (2) and
// 16x16x1 (4)".
func (s *Setup) ViewSizes() string {
	shapes := s.shapes()
	counts := make([]int, len(shapes))
	for v := range s.ViewCount() {
		one := s.addShape(nil, v)
		counts[slices.IndexFunc(shapes, func(x backbones.Input) bool { return slices.Equal(x.Shape, one[0].Shape) })]++
	}
	var list []string
	for i, shape := range shapes {
		text := shape.String()
		if len(shapes) > 1 {
			text += fmt.Sprintf(" (%d)", counts[i])
		}
		list = append(list, text)
	}
	return strings.Join(list, " and ")
}

// checkSizes asks the backbone whether it takes every size of view.
func (s *Setup) checkSizes() error {
	var shapes []backbones.Input
	if g, ok := s.Kind.Training(s.Seen).(feed.Grouped); ok {
		v := 0
		for _, n := range g.Groups() {
			shapes = s.addShape(shapes, v)
			v += n
		}
	}
	b := s.Recipe.Backbone.Value
	for _, in := range shapes {
		if err := b.Check(in); err != nil {
			return err
		}
	}
	if _, any := b.(backbones.AnySize); len(shapes) > 1 && !any {
		return fmt.Errorf("takes views of one size, and views.crops gives %v", shapes)
	}
	return nil
}

// ViewCount is how many views of a sample a batch has.
func (s *Setup) ViewCount() (n int) {
	for _, name := range s.Wants {
		if _, view := feed.Numbered(name, "view"); view {
			n++
		}
	}
	return n
}

// Width is the side of view 0 that the speed tables name: the last axis but the channels.
func (s *Setup) Width() int {
	shape := s.Input.Shape
	return shape[max(len(shape)-2, 0)]
}

// made lists the fields of a batch that the data make; the others are the loader's.
func (s *Setup) made() (names []string) {
	for _, name := range s.Wants {
		if _, mask := s.Masks[name]; !mask && name != feed.Labels && name != feed.Rows {
			names = append(names, name)
		}
	}
	return names
}

// Maker makes the fields of training samples that the training reads, but the loader's own.
func (s *Setup) Maker() feed.Maker { return feed.Edited(s.Kind.Training(s.Seen), s.Edits) }

// Loader starts to make the batches of the training from a step on.
func (s *Setup) Loader(from int) (*feed.Loader, error) {
	r := s.Recipe
	l, err := feed.NewLoader(s.Seen, s.Maker(), feed.Config{
		Seed: uint64(r.Seed), Batch: r.Train.Batch, Start: from, Workers: r.Train.Workers, Sampler: r.Sampler.Value,
		Wants: s.Wants, Masks: s.Masks, Hidden: s.hidden,
		Rank: s.spread().Rank, Ranks: s.spread().Size, Parts: s.batchParts(),
	})
	if err != nil {
		return nil, &DataError{err}
	}
	return l, nil
}

// sample takes the recipe's subsets of the training set, and checks that its sampler fits.
func (s *Setup) sample() (err error) {
	r := s.Recipe
	if err := s.takeSubsets(); err != nil {
		return err
	}
	if n := s.Seen.Len(); r.Train.Batch > n {
		return fmt.Errorf("train.batch = %d, but the training set of %s has %d %s; want at most that%s", r.Train.Batch,
			r.Dataset.Name, n, s.Noun(), s.chosen())
	}
	if _, err = s.Sampler(); err != nil {
		return fmt.Errorf("[sampler.%s] %w", r.Sampler.Name, err)
	}
	return nil
}

// Sampler is the recipe's, which sees the labels that the training sees.
func (s *Setup) Sampler() (sampling.Sampler, error) {
	r := s.Recipe
	return sampling.New(r.Sampler.Value, sampling.Hide(s.Seen, s.hidden), r.Train.Batch, uint64(r.Seed))
}

// leading is how many samples at the beginning of every batch have a label for certain: a promise of the sampler, which
// parts of a batch do not keep.
func (s *Setup) leading() int {
	if l, ok := s.Recipe.Sampler.Value.(sampling.Leading); ok && s.batchParts() == 1 {
		return l.Leading()
	}
	return 0
}
