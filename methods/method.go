// Package methods is the language that self-supervised methods are written in: a method asks a Batch for what it
// needs, builds its equations with an Encoder, and returns an Objective. The methods of the book's chapters are in the
// folders below, one a file: its settings, the paper's values, and its equations as a graph.
package methods

import (
	"context"
	"math/rand/v2"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/setting"
)

// Method is a method with its settings.
type Method interface {
	// Validate says what is wrong with the settings.
	Validate() error
	// Build writes the method's graph for a batch and returns what it asks to be minimised.
	Build(s *graph.Scope, enc Encoder, b *Batch) Objective
}

// Taught is a Method that learns from labels. Of a recipe with a subset of labelled images it sees these alone, and it
// is refused a training set without labels.
type Taught interface {
	Method
	LearnsFromLabels()
}

// PartlyTaught is a Method that learns from samples with a label and from samples without. It sees all of them, and it
// is refused a training set without any label.
type PartlyTaught interface {
	Method
	LearnsFromFewLabels()
}

// Turning is a Method that turns images itself, beside what their views do.
type Turning interface {
	Method
	TurnsImages()
}

// Shown is a Method whose trained parts can be looked at: Show builds, over the parameters of Build, what they make of
// a batch of images without augmentation. Pictures are drawn beside each other in their order. Nothing is trained by
// them.
type Shown interface {
	Method
	Show(s *graph.Scope, enc Encoder, b *Batch) []Picture
}

// Drawing is a Method that draws images of captions.
type Drawing interface {
	Method
	// Draw builds, over the parameters of Build, images [B,H,W,C] of the batch's captions in the units of the views.
	// What it draws at random is from the source.
	Draw(s *graph.Scope, enc Encoder, b *Batch, random *graph.Random) *graph.Node
}

// Following is a Method that predicts where what is done to an image takes its embedding. Follow builds, over the
// parameters of Build, for each sample of a batch the embedding of a view as it is predicted from another one and from
// what was drawn, and as it is: [B,E] each. Nothing is trained by it.
type Following interface {
	Method
	Follow(s *graph.Scope, enc Encoder, b *Batch) (predicted, followed *graph.Node)
}

// Writing is a Method that says which symbol comes next in a text. Continue builds, over the parameters of Build,
// logits [B,T,V] for the symbol behind each of view 0 [B,T], made from it and those before it. Nothing is trained by
// it.
type Writing interface {
	Method
	Continue(s *graph.Scope, enc Encoder, b *Batch) *graph.Node
}

// Hiding is a Method that says what a hidden symbol of a text is, from those on both sides of it. Hidden builds, over
// the parameters of Build, logits [B,T,V] for the symbols of view 0 [B,T], of which those are hidden where hidden [B,T]
// is 1; the others' say nothing. Nothing is trained by it.
type Hiding interface {
	Method
	Hidden(s *graph.Scope, enc Encoder, b *Batch, hidden *graph.Node) *graph.Node
}

// Part is some of the features of a method that splits them: numbers From to To-1.
type Part struct {
	Name     string
	From, To int
}

// Split is a Method whose features have parts that mean different things.
type Split interface {
	Method
	Parts(dim int) []Part
}

// UsesLabels reports whether a method learns from labels.
func UsesLabels(m Method) bool {
	_, taught := m.(Taught)
	_, partly := m.(PartlyTaught)
	return taught || partly
}

// Term is one summand of a loss.
type Term struct {
	Name   string
	Weight float64
	Value  *graph.Node // 0-d
}

// Metric is a number to watch that nothing is trained by.
type Metric struct {
	Name  string
	Value *graph.Node // 0-d
}

// Picture is images that a method shows, such as what its generator makes: [N,H,W,C] in the units of the views. A
// sheet of them is drawn into the run folder with every checkpoint, as NAME.png. With players it is of the first turn.
type Picture struct {
	Name  string
	Value *graph.Node
}

// Objective holds the terms that a method minimises and all else that its training needs. A method that fills the
// first three fields is complete.
type Objective struct {
	// [N,Dim] of the encoder, rows like the labels; the online probe reads them. nil: there is no online probe
	Features *graph.Node
	Terms    []Term // the loss is their weighted sum
	Metrics  []Metric

	Encoder string   // scope of the encoder that is evaluated and exported, such as teacher/backbone; "": backbone
	Tune    []Tune   // parameters that are trained unlike the others
	Players []Player // parts with an optimiser of their own, in place of Terms
	Jobs    []Job    // what the host does between steps

	Alarms   []Alarm   // numbers that tell of a collapse, beside the metric "spread", see AlarmsOf
	Pictures []Picture // to look at
}

// Loss is the sum of the weighted terms.
func (o Objective) Loss() *graph.Node { return weighted(o.Terms) }

func weighted(terms []Term) *graph.Node {
	var sum []*graph.Node
	for _, t := range terms {
		if t.Weight != 0 {
			sum = append(sum, op.Scale(t.Value, t.Weight))
		}
	}
	return op.Sum(sum...)
}

// Tune is how the parameters below a scope are trained unlike the others.
type Tune struct {
	Scope string
	// of these only parameters of one axis: biases, scales and shifts of norms (Barlow Twins)
	Vectors bool
	Rate    graph.Schedule // factor of the learning rate; nil: 1
	Flat    bool           // the peak rate from beginning to end (SimSiam's predictor)
	// 1 in steps in which parameter and moments stay as they are, else 0 (DINO's last layer); nil: never
	Hold graph.Schedule

	// Within bounds the values, which are put back to the nearer bound after a step (CLIP's temperature); 0 and 0:
	// there are no bounds.
	Within [2]float64
}

// During is 1 in the first steps of a training, as many as the span has, and 0 from then on.
func During(span setting.Length) graph.Schedule {
	return func(t graph.Time) float64 {
		if t.Step < span.Steps(t.PerEpoch, t.Steps) {
			return 1
		}
		return 0
	}
}

// Player minimises Terms over the parameters below Scopes. Players of one turn step together, from one forward pass;
// turns follow each other in every step, each a program of its own over the one Store, which sees what the turn before
// it changed.
type Player struct {
	Name      string
	Scopes    []string
	Terms     []Term
	Optimizer optim.Optimizer // nil: the recipe's
	Turn      int             // from 0
}

// Loss is the sum of the weighted terms.
func (p Player) Loss() *graph.Node { return weighted(p.Terms) }

// Job is work of the host: before the first step, and then after every span of training. It reads and writes the Store
// alone and draws from Rand alone, so that a resumed run goes on with the same bits. A request to stop ends ctx: a job
// that then returns its error must leave the Store as it was before, so it writes when all is computed; the resumed
// run does it again.
type Job struct {
	Name  string
	Every setting.Length // 0: only before the first step
	Run   func(ctx context.Context, h Host) error
}

// Host gives a Job access to the training.
type Host interface {
	// Time is where the training stands: Step steps are done.
	Time() graph.Time
	// Entry is a value of the Store by its full name; a name that is not there is an error of the job.
	Entry(name string) ir.Array
	// Embed is the features [N,Dim] of the training set by the encoder as it stands, without augmentation.
	Embed(ctx context.Context) ([]float32, error)
	// Compute runs a network over n of the training samples, evenly chosen, or all where there are fewer: its output
	// [N,...]. build makes it, over the parameters of the Store, of a batch of samples as evaluation sees them.
	Compute(ctx context.Context, n int, build func(s *graph.Scope, b *Batch) *graph.Node) ([]float32, error)
	// Rand depends on the recipe's seed, the job and the step alone.
	Rand() *rand.Rand
	// World is where the method's agent acts, for data that keep what it does; of other data it is an error of the job.
	World() World
}

// World is where an agent acts between two steps of the training, whose samples are what it has done.
type World interface {
	// Values are what Acts.Values says of what is observed now, [A] numbers.
	Values() ([]float32, error)
	// Act takes an action. After the last step of an episode another one has begun.
	Act(action int) (reward float64, over bool, err error)
}

// Acts is a Method of an agent, which takes the action of the largest value.
type Acts interface {
	Method
	// Values builds, over the parameters of Build, the values [B,A] of each action at observations x [B,H,W,C].
	Values(s *graph.Scope, enc Encoder, x *graph.Node, actions int) *graph.Node
}
