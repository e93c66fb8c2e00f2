// Package evaluations holds the protocols that measure a frozen encoder by its features, one protocol a file. A
// protocol sees features and labels, never the encoder, so that measuring cannot change what is measured.
package evaluations

import (
	"context"
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/setting"
)

// Features is a training set and a test set as a frozen encoder sees them. Protocols read it and change nothing.
type Features struct {
	TrainX  []float32 // [N,F]
	TrainY  []int32   // [N], 0 to Classes-1; nil where labels are neither there nor needed
	TestX   []float32 // [M,F]
	TestY   []int32   // [M]
	Dim     int       // F
	Classes int
	Names   []string // of the classes; nil: unknown
	Seed    uint64   // of whatever a protocol draws

	// Held lists, rising, the rows of the training set whose labels choose a protocol's hyperparameters; fits that are
	// compared see the other rows alone. Without any there is nothing to choose on.
	Held []int32
	// the test set is the validation split itself, held out of the training set: hyperparameters are chosen on it
	Validation bool

	Pairs *Pairs // images and texts in one space, where a protocol needs them

	Ridden   *Ridden   // how the camera moves in test clips, where a protocol needs it
	Surveyed *Surveyed // what a method tells of the pixels of test clips, and the truth, where a protocol needs it
	Heard    *Heard    // test clips and their sounds in one space, where a protocol needs them

	ViewA, ViewB []float32 // [V,F] two random views of each of V training images, where a protocol needs them
	Drawn        *Drawn    // for these views, where a protocol needs it
	// embeddings that the method predicts, where a protocol needs them
	Predicted *Predicted
	// captions and what the method draws of them, where a protocol has another run judge them
	Judged *Judged

	// [V,Group,F] what a protocol needs several of for each of V training images, those of an image together: random
	// views, or the image turned by 0 to 3 quarters
	Grouped []float32
	Group   int

	Maps *Maps // of the test set, for protocols of pixels, whose training rows are pixels; nil: rows are samples
	Gaze *Gaze // where a transformer looks in images with masks, where a protocol needs it
	// the class of every pixel of the test masks, as a decoder says that was trained on the training masks; where a
	// protocol needs it. Maps then has the masks alone
	Decoded func(ctx context.Context, d *Decoding) ([]byte, error)

	// [N,S] and [M,S], what the samples were mixed of, where a protocol needs them
	TrainSources, TestSources []float64
	Sources                   int      // S
	SourceNames               []string // [S]; nil: they have none

	Returns []float64 // of episodes that the method's agent played, where a protocol needs them
	// how often each true state was visited by the method's agent, and by one that does anything at random, of those
	// visited at all; where a protocol needs them
	Visits, RandomVisits []int
	Told                 *Texts // what the test texts cost as the method tells them, where a protocol needs it
	// scores of pairs of texts, whose features are in TestX, where a protocol needs them
	Graded *Graded
	// names that samples have beside their labels, where a protocol needs them
	Tags *Tagged
	// what is asked of words, of all of which TestX has features, where a protocol needs it
	Words *WordTasks

	// features of the test images after a corruption of a severity, computed when they are asked for, where a protocol
	// needs them
	Corrupted func(ctx context.Context, corruption string, severity int) ([]float32, error)

	// features of copies of the test images of a kind, in their order, where a protocol needs them
	Copies func(ctx context.Context, kind string) ([]float32, error)

	OtherX   []float32 // [N,OtherDim] of the training images, as another representation has them, where needed
	OtherDim int
	// the same of each of a transformer's last blocks, the last first, by the means of patches
	OwnBlocks, OtherBlocks []BlockRows

	Played *Played // clips in several ways, where a protocol needs them

	Attack *Attack // images that can be moved against a classifier, where a protocol needs them

	OutsideX []float32 // [O,F] of samples of another data set, where a protocol needs them

	Tuner *Tuner // of the encoder itself, where a protocol needs it

	// trains a detector over a copy of the encoder and tells what it finds in the test images, where a protocol needs
	// it
	Detect func(ctx context.Context) (*Detected, error)
	// what the image tower makes of boxes of the test images, cut out as squares widened by a factor: [boxes,Dim of
	// Pairs], image after image
	Regions func(ctx context.Context, boxes [][]datasets.Box, widen float64) ([]float32, error)

	// of features that are tokens of a transformer's last blocks, where a protocol needs them; nil: they are features
	Blocks *Blocks
	// the training features of other random crops for every epoch, [N,F] as TrainX, where a protocol needs them
	Augmented func(ctx context.Context, epoch int) ([]float32, error)

	// every long loop of a protocol calls it again and again; its error ends the evaluation; nil: nobody asks
	Alive func() error
}

// Result is one number.
type Result struct {
	Protocol string         `json:"protocol"`    // "knn", "linear"
	Metric   string         `json:"metric"`      // "top1", "top5"
	Value    float64        `json:"value"`       // a fraction of the test set for accuracies
	K        int            `json:"k,omitempty"` // neighbours asked for
	Settings map[string]any `json:"settings,omitempty"`
	// what a reader has to know, such as a fit that has not converged
	Notes    []string `json:"notes,omitempty"`
	Accuracy bool     `json:"accuracy,omitempty"` // a fraction of test images, which is what intervals are of
	Lower    bool     `json:"lower,omitempty"`    // less is better
	Ideal    *float64 `json:"ideal,omitempty"`    // the nearer to it the better, whatever Lower says; nil: none
	Hits     []bool   `json:"-"`                  // of an accuracy: which test images are right
	// 95 % interval over test images of what is no accuracy, see Features.bootstrap; nil: there is none
	Bootstrap *[2]float64 `json:"-"`
	Images    int         `json:"images,omitempty"` // of an accuracy: how many its interval is of; 0: the test set
	// standard deviation over draws, of a value that is the mean over several
	Deviation float64 `json:"deviation,omitempty"`
}

// Needs lists the things that a protocol cannot do without. A run checks it before the training.
type Needs struct {
	Labels     bool // of the training images, and a labelled test set
	Validation bool // a split of the training images, to choose a hyperparameter on
	Views      bool // two random views of training images
	Drawn      bool // what was drawn for these views
	// views of each training image whose embeddings the method predicts; 0: none
	Predicted int
	Told      *Telling // the test texts, told symbol by symbol; no labels
	Halves    bool     // the halves of so many test texts as Images says, in place of the test features; no labels
	// names of such kinds that samples have beside their labels
	Tags []string
	// pairs of texts with scores, of a file, in place of the test features; no labels
	Graded *Listed
	// questions about words, of files, and the words in place of the test features; no labels
	Words *WordFiles
	Draws int  // random views of each training image, in Grouped; 0: none
	Turns int  // quarter turns of each training image, in Grouped, from 0 on; 0: none
	Pairs bool // images and captions, in the space that a method with two towers has for both
	// the folder of a run with two towers, which judges images that the method draws of so many held-out captions as
	// Captions says; "": nobody does
	Judge     string
	Captions  int
	Images    int    // training images that it looks at; 0: all
	Heard     bool   // test clips and their sounds, in the space that a method has for both; no labels
	Plays     *Plays // clips of both sets, so many as Images says, shown in several ways, in place of the features
	Colours   bool   // the mean colours of training and test images, so many as Images says; no labels
	Sources   bool   // what samples of both sets were mixed of; no labels
	Episodes  int    // so many fresh ones that the method's agent plays; 0: none; it reads no features
	Visits    bool   // where the method's agent has been; no features
	Pixels    int    // pixels of each training mask, and the maps of a test set with masks; 0: none
	Places    int    // places of the map of each image with a mask, with the class of most of their pixels; 0: none
	Gaze      bool   // where the last block of a transformer looks in images with masks
	Decoded   bool   // masks, and the encoder itself with a decoder that learns them
	Corrupted bool   // the test images after corruptions
	// so many training images as Images says, as another representation has them too: "untrained", "pixels", or that
	// of the run in a folder; no labels
	Against string
	Attack  bool // so many of the test images as Images says, moved against a classifier; labels
	Copies  bool // so many test images as Images says, and copies of them; no labels
	// another data set, of which it looks at so many images as Images says; the training images need no labels
	Outside datasets.Source
	// labelled training and test images of the other data set, in place of the run's own
	Transfer bool
	// logits of the classifier that the training has beside the method, in place of the test features
	Online bool
	// the encoder itself, to train copies of it so; it reads no features
	Tuning *Tuning
	// boxes of training and test images, to train a detector so over a copy of the encoder; it reads no features
	Boxes *BoxTuning
	// so many last blocks of a transformer, whose tokens are features, see Blocks; 0: the features that it has
	Blocks  int
	Class   bool     // of these blocks, the class token is needed
	Samples bool     // the samples' own values, raw or pixels, and no encoder's features
	Augment *Augment // training features of other random crops for every epoch; nil: none
	// what the method tells of every pixel of test clips, "depth" or "moving", and the truth; "": nothing
	Surveyed string
	Ridden   bool // how the camera moves in test clips, as the method tells it and as it is
	// places of a frame of training and test clips, with what is true of each as its sources; 0: none
	SurveyedPlaces int
	Frames         bool // of Sources of clips: the features of every frame side by side, in place of the clip's
}

// OfMasks reports whether images with masks are needed, in place of labels.
func (n Needs) OfMasks() bool { return n.Pixels > 0 || n.Places > 0 || n.Gaze || n.Decoded }

// Blocks says how features are laid out that are tokens of the last blocks of a transformer, each after the final
// norm: the class tokens of the last N, the last one's at the end, where there are any; then the means of their
// patches, the last one's at the beginning. So everything that goes together lies together. [N*D class tokens, N*D
// means].
type Blocks struct {
	Count    int // N
	Dim      int // D
	HasClass bool
}

// BlockRows are features of a block of a transformer, [N,Dim].
type BlockRows struct {
	X   []float32
	Dim int
}

// Means are the means of patches of each block, the last first, of features x that are laid out so.
func (b *Blocks) Means(x []float32) (all []BlockRows) {
	first, width := 0, b.Count*b.Dim
	if b.HasClass {
		first, width = width, 2*width
	}
	for k := range b.Count {
		rows := BlockRows{Dim: b.Dim}
		for at := first + k*b.Dim; at < len(x); at += width {
			rows.X = append(rows.X, x[at:at+b.Dim]...)
		}
		all = append(all, rows)
	}
	return all
}

// Augment is how training images are shown to a probe: by a crop of a share from Area to 1 of the image, mirrored with
// a probability.
type Augment struct{ Area, Flip float64 }

// Relative is a protocol some of whose numbers compare a representation with another one.
type Relative interface {
	Protocol
	// Against names the representation that others are compared with.
	Against() string
	// Relate compares the results of a representation with those of the one that Against names.
	Relate(own, other []Result) []Result
}

// Classed is a protocol whose settings name classes.
type Classed interface {
	Protocol
	// CheckClasses refuses settings that name others than these.
	CheckClasses(names []string) error
}

// Protocol is a way to measure features: its settings, and when a run uses it.
type Protocol interface {
	// Evaluate measures f. It returns an error of ctx once that is cancelled.
	Evaluate(ctx context.Context, f Features) ([]Result, error)
	// Validate checks the settings.
	Validate() error
	// Needs says what it cannot do without.
	Needs() Needs
	// When is the training between two evaluations; zero means only at the end.
	When() setting.Length
}

// Schedule is the setting of every protocol that can run during the training too, which reads nothing of the test set
// then.
type Schedule struct {
	// training between evaluations; 0: only at the end, which is evaluated in any case
	Every setting.Length `toml:"every"`
}

// When implements Protocol for the structs that embed a Schedule.
func (s Schedule) When() setting.Length { return s.Every }

// AtEnd is of protocols that run at the end alone: what they measure on is the test set, or what stands for one, and no
// part of it is held out of the training to be measured on before.
type AtEnd struct{}

// When implements Protocol.
func (AtEnd) When() setting.Length { return setting.Length{} }

// Lacks says why there is no setting every.
func (AtEnd) Lacks(key string) string {
	if key == "every" {
		return "it runs at the end alone, since it has nothing to measure on during the training but the test set or " +
			"what stands for it"
	}
	return ""
}

// goOn is called by every long loop: it tells whoever watches that the evaluation goes on, and returns the error that
// ends it.
func (f Features) goOn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.Alive != nil {
		return f.Alive()
	}
	return nil
}

// held copies the rows of the validation split.
func (f Features) held() (x []float32, y []int32) {
	for _, i := range f.Held {
		x, y = append(x, f.TrainX[int(i)*f.Dim:(int(i)+1)*f.Dim]...), append(y, f.TrainY[i])
	}
	return x, y
}

// check says what keeps f from being measured.
func (f Features) check(protocol string) error {
	if f.Dim < 1 || f.Classes < 1 {
		return fmt.Errorf("evaluate: %s: features of size %d and %d classes, want at least 1 of each", protocol, f.Dim,
			f.Classes)
	}
	for _, s := range []struct {
		name string
		x    []float32
		y    []int32
	}{{"training", f.TrainX, f.TrainY}, {"test", f.TestX, f.TestY}} {
		if len(s.y) == 0 {
			return fmt.Errorf("evaluate: %s: the %s set is empty", protocol, s.name)
		}
		if len(s.x) != len(s.y)*f.Dim {
			return fmt.Errorf("evaluate: %s: %d %s features for %d labels, want [%d,%d]", protocol, len(s.x), s.name,
				len(s.y), len(s.y), f.Dim)
		}
		for i, y := range s.y {
			if y < 0 || int(y) >= f.Classes {
				return fmt.Errorf("evaluate: %s: %s label %d is %d, want 0 to %d", protocol, s.name, i, y, f.Classes-1)
			}
		}
		for i, v := range s.x {
			if v := float64(v); math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("evaluate: %s: %s feature [%d,%d] is %v, want finite numbers", protocol, s.name,
					i/f.Dim, i%f.Dim, v)
			}
		}
	}
	return nil
}

// checkFeatures says what keeps features x of at least two images from being measured without labels.
func (f Features) checkFeatures(protocol string, x []float32) error {
	if f.Dim < 1 || len(x)%f.Dim != 0 || len(x) < 2*f.Dim {
		return fmt.Errorf("evaluate: %s: %d numbers as features of size %d, want those of two images or more", protocol,
			len(x), f.Dim)
	}
	for i, v := range x {
		if v := float64(v); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("evaluate: %s: feature [%d,%d] is %v, want finite numbers", protocol, i/f.Dim, i%f.Dim, v)
		}
	}
	return nil
}

// checkGroups says what keeps groups of at least two images from being measured, and how many there are.
func (f Features) checkGroups(protocol string) (images int, err error) {
	if f.Group < 2 || f.Dim < 1 || len(f.Grouped)%(f.Group*f.Dim) != 0 || len(f.Grouped) < 2*f.Group*f.Dim {
		return 0, fmt.Errorf("evaluate: %s: %d numbers as groups of %d features of size %d; want those of two images "+
			"or more, at least two of each", protocol, len(f.Grouped), f.Group, f.Dim)
	}
	return len(f.Grouped) / (f.Group * f.Dim), f.checkFeatures(protocol, f.Grouped)
}

// accuracies turns the ranks of labels into top-1, and top-5 where that can be missed; where classes are uneven,
// balanced is the top-1 in which every class counts the same. hits5 is how many classes count as the first five.
func accuracies(protocol string, k, classes, hits5 int, ranks []int, labels []int32,
	settings map[string]any) []Result {
	result := func(metric string, first int) Result {
		return Result{Protocol: protocol, Metric: metric, Value: topK(ranks, first), K: k, Settings: settings,
			Accuracy: true, Hits: hits(ranks, first)}
	}
	out := []Result{result("top1", 1)}
	if classes > 5 {
		out = append(out, result("top5", hits5))
	}
	if value, images, uneven := balanced(ranks, labels, classes); uneven {
		out = append(out, Result{Protocol: protocol, Metric: "balanced", Value: value, K: k, Settings: settings,
			Accuracy: true, Images: images})
	}
	return out
}

// unevenFrom is how many times as many test images as the smallest class the largest has where classes are uneven.
const unevenFrom = 1.5

// balanced is the mean over the classes of the test set of the share of their images that are right, and the number of
// images whose interval it has: an evenly spread test set in which that mean varies as much, (classes)^2 / sum 1/n_c.
func balanced(ranks []int, labels []int32, classes int) (value float64, images int, uneven bool) {
	right, all := make([]float64, classes), make([]float64, classes)
	for i, y := range labels {
		all[y]++
		if ranks[i] == 0 {
			right[y]++
		}
	}
	var there, inverse, most float64
	least := math.Inf(1)
	for c, n := range all {
		if n > 0 {
			value, there, inverse = value+right[c]/n, there+1, inverse+1/n
			most, least = max(most, n), min(least, n)
		}
	}
	return value / there, max(1, int(there*there/inverse)), most >= unevenFrom*least
}

// hits says of which samples the label has a rank below k.
func hits(ranks []int, k int) []bool {
	out := make([]bool, len(ranks))
	for i, r := range ranks {
		out[i] = r < k
	}
	return out
}

// topK is the fraction of samples whose label has a rank below k.
func topK(ranks []int, k int) float64 {
	n := 0
	for _, r := range ranks {
		if r < k {
			n++
		}
	}
	return float64(n) / float64(len(ranks))
}

// rank is how many classes stand before the label: those of a higher score, and of equal ones those of a smaller
// number.
func rank(scores []float64, label int32) int {
	n := 0
	for c, s := range scores {
		if s > scores[label] || s == scores[label] && c < int(label) {
			n++
		}
	}
	return n
}
