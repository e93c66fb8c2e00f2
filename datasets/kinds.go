package datasets

import "math"

// Labelled is the part that sets of every kind have in common. The methods of a set may be called from several
// goroutines at a time.
type Labelled interface {
	Len() int
	// Label is the index in Classes of sample i, or -1 where it has none.
	Label(i int) int
	// Classes names the labels; empty for an unlabelled set.
	Classes() []string
	// Name says which sample i is, for messages: a file, or a position in one.
	Name(i int) string
}

// CountLabelled counts the samples of a set that have a label.
func CountLabelled(s Labelled) (n int) {
	for i := range s.Len() {
		if s.Label(i) >= 0 {
			n++
		}
	}
	return n
}

// MaskSet is a set of images with a class for each pixel.
type MaskSet interface {
	Set
	// Mask writes the classes of the pixels of image i [H,W,1], of the image's size; Ignored where a pixel belongs to
	// none.
	Mask(i int, dst *Image) error
	// PixelClasses names what a mask counts.
	PixelClasses() []string
}

// Ignored is the class of a mask's pixels that belong to none.
const Ignored = 255

// CaptionSet is a set of images or recordings that are described in words.
type CaptionSet interface {
	Labelled
	// Captions is one text or more that describe sample i.
	Captions(i int) []string
}

// ClipSet is a set of windows of frame sequences.
type ClipSet interface {
	Labelled
	// Frames is how many images a clip has.
	Frames() int
	// Clip decodes the frames of clip i in order to dst [Frames], whose memory it reuses. They are of one size.
	Clip(i int, dst []Image) error
}

// SoundedSet is a set of clips with a sound each, as long as the clip.
type SoundedSet interface {
	ClipSet
	// Sounds is the sounds of the clips, in their order.
	Sounds() WaveSet
}

// CameraSet is a set of clips of which is known how the camera moves.
type CameraSet interface {
	ClipSet
	// Camera is where the camera is at a frame of clip i, less where it is at the first: to the right and down, in
	// images' sides at depth 1.
	Camera(i, frame int) [2]float64
}

// SurveyedSet is a set of clips of which everything is known that a pixel can show.
type SurveyedSet interface {
	ClipSet
	// Survey writes what the pixels of a frame of clip i show, of the frame's size.
	Survey(i, frame int, dst *Survey) error
}

// Survey is what is true of the pixels of a frame.
type Survey struct {
	Depth  []float32 // [H,W], above 0
	Motion []float32 // [H,W,2]: where what a pixel shows is in the next frame, less where it is: pixels right and down
	Moves  []bool    // [H,W]: it moves by itself, beside what the camera does
}

// FrameSet is a ClipSet whose frames can be had one by one, so that of a long clip only what is shown is decoded.
type FrameSet interface {
	ClipSet
	// Frame decodes frame k of clip i.
	Frame(i, k int, dst *Image) error
}

// RowSet is a set of rows of a table.
type RowSet interface {
	Labelled
	// Columns describes the features; the training and the test set share them.
	Columns() []Column
	// Row writes the features of row i to dst [len(Columns)]: a number as in the file, a category as its index; NaN
	// where it is missing.
	Row(i int, dst []float64) error
	// Target is the number to predict of row i, or NaN where the target is a class or there is none.
	Target(i int) float64
}

// MixedSet is a set of samples of which is known what they were mixed of.
type MixedSet interface {
	Labelled
	// Sources counts the independent sources of a sample.
	Sources() int
	// Source writes the sources of sample i to dst [Sources].
	Source(i int, dst []float64)
}

// NamedSources is a MixedSet whose sources have names.
type NamedSources interface {
	MixedSet
	// SourceNames names the sources, in order.
	SourceNames() []string
}

// WaveSet is a set of sound recordings of one sampling rate and number of channels.
type WaveSet interface {
	Labelled
	Rate() int     // samples a second
	Channels() int // 1 or 2
	// Samples is the length of recording i, per channel.
	Samples(i int) int
	// Window writes len(dst)/Channels samples of recording i to dst [T,C], in [-1,1): those at the share at of the
	// places where they fit (0 the first, 1 the last), or all of a shorter recording, with zeros after it.
	Window(i int, at float64, dst []float32) error
}

// TextSet is a set of texts over a vocabulary of symbols.
type TextSet interface {
	Labelled
	Text(i int) string
	// Vocabulary numbers the symbols; the training and the test set share it.
	Vocabulary() *Vocabulary
	// Window writes len(dst) symbols of text i to dst: those at the share at of the places where they fit (0 the first,
	// 1 the last), or all of a shorter text, with Padding after it. It returns how many are not padding.
	Window(i int, at float64, dst []int32) int
}

// Kinds of texts that belong to another.
const (
	Positive = "positive" // says the same
	Negative = "negative" // does not, and looks as if it did
)

// Tagged is a set whose samples have names of several kinds beside their label, such as who speaks in a recording.
type Tagged interface {
	Labelled
	// Tags lists the kinds.
	Tags() []string
	// Tag is the name of a kind that sample i has.
	Tag(i int, kind string) string
}

// CompanionSet is a set of texts to which others belong.
type CompanionSet interface {
	TextSet
	// Beside lists the kinds of texts that belong to each text: none, Positive, Negative or both.
	Beside() []string
	// Companion is the text of a kind that belongs to text i.
	Companion(i int, kind string) string
}

// WindowStart is where a window of size begins in n: at the share at, in [0,1], of the n-size+1 places, or 0 where n is
// shorter.
func WindowStart(n, size int, at float64) int {
	if n <= size {
		return 0
	}
	return int(math.Round(min(max(at, 0), 1) * float64(n-size)))
}

// Step is one step of an episode.
type Step struct {
	Action   int
	Reward   float32
	Terminal bool // nothing comes after it; an episode that was cut short has no such step
	Before   int  // steps of its episode that the set holds before it
	After    int  // and from it on
}

// StepSet is a set of steps of episodes in an environment. Its images are what is observed before a step's action, its
// sources where things truly are.
type StepSet interface {
	Set
	MixedSet
	// Actions names what can be done.
	Actions() []string
	Step(i int) Step
	// Moved is the place of the step k after step i, of those before and after it in its episode; k may be below 0.
	Moved(i, k int) int
	// Result is what is observed after the action of step i.
	Result(i int, dst *Image) error
	// Words say what is to be done in the episode of step i.
	Words(i int) string
	// Fresh is an episode that is not among the steps, to act in.
	Fresh(episode int) World
}

// World is where an agent acts.
type World interface {
	Observe(dst *Image)
	// Act takes an action. After the last step of an episode another one has begun, where there are any. An action that
	// the world does not have is an error that names those it has.
	Act(action int) (reward float64, over bool, err error)
}

// Replay is a StepSet of the newest steps of an agent, which acts in it. It has a number of samples from the beginning;
// before as many steps are there, the first ones stand for the others.
type Replay interface {
	StepSet
	World
	// Filled is how many steps are there.
	Filled() int
	// Memory is all that it keeps: whoever owns a copy of it can go on from there.
	Memory() []int32
	// Hold takes an array of the memory's length, and what is in it, for the memory from then on.
	Hold(memory []int32)
	// With is another Replay of the same world that holds a memory.
	With(memory []int32) Replay
}
