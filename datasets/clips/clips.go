// Package clips reads windows of frame sequences.
package clips

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/datasets/images"
)

// Clips reads windows of frame sequences: a folder of numbered images for each sequence.
//
//	[data.clips]
//	train = "video-clips-64"    # <sequence>/0001.jpg
//	length = 8                  # frames in a clip
//	stride = 2                  # every second frame
//	step = 8                    # frames from the start of a clip to that of the next
//	gap = 16                    # frames between the end of a sequence's training part and the test's first
//
// Frames are in the order of the last number in their names, so that 10 comes after 9. Numbers of a sequence are
// equally far apart; where one is missing, or its image was refused, the sequence is cut: no clip spans the gap.
type Clips struct {
	Train string `toml:"train"` // directory
	Test  string `toml:"test"`  // directory; empty: test_fraction of train
	// regular expression of file names with groups sequence and frame; empty: a folder is a sequence
	Name       string `toml:"name"`
	ClassDepth int    `toml:"class_depth"` // folders that name the class: 1 is <class>/**/*.jpg; 0 unlabelled
	SplitBy    string `toml:"split_by"`    // sequence: whole ones are kept for the test; time: the end of each
	Length     int    `toml:"length"`      // frames in a clip
	Stride     int    `toml:"stride"`      // from one frame of a clip to the next
	// strides at which every part of a sequence is shown, negative ones backwards: they are the labels then, in place
	// of the folders, and what is seen says little of them; empty: stride
	Speeds []int `toml:"speeds"`
	// frames from the start of a clip to that of the next; 0: clips do not overlap, but those of other speeds
	Step int `toml:"step"`
	// frames between the parts of a sequence for training and for the test, which neither has, if it is split by time
	Gap int `toml:"gap"`
	// parts of sequences, between their ends and gaps, that are shorter than a clip and left out; each is named, more
	// stop the run
	MaxShort int `toml:"max_short"`
	datasets.Split
	images.Files
}

// NewClips cuts sequences into clips of 8 successive frames, keeps the last fifth of each for the test, and leaves out
// a few that are too short.
func NewClips() *Clips {
	return &Clips{ClassDepth: 1, SplitBy: "time", Length: 8, Stride: 1, MaxShort: 16,
		Split: datasets.Split{TestFraction: 0.2}, Files: images.DefaultFiles()}
}

// Validate checks the settings.
func (s *Clips) Validate() error {
	const most = 1 << 20
	switch {
	case s.Train == "":
		return errors.New("train is empty; want a directory with a folder of frames for each sequence")
	case s.ClassDepth < 0 || s.ClassDepth > disk.MaxDepth:
		return fmt.Errorf("class_depth = %d, want 0 to %d", s.ClassDepth, disk.MaxDepth)
	case s.SplitBy != "sequence" && s.SplitBy != "time":
		return fmt.Errorf(`split_by = %q, want "sequence" or "time"`, s.SplitBy)
	case s.Length < 1 || s.Length > most || s.Stride < 1 || s.Stride > most || s.Step < 0 || s.Step > most:
		return fmt.Errorf("length = %d, stride = %d, step = %d, want at least 1, 1 and 0, at most %d", s.Length,
			s.Stride, s.Step, most)
	case s.Gap < 0 || s.Gap > most || s.Gap > 0 && (s.SplitBy != "time" || s.Test != ""):
		return fmt.Errorf(
			"gap = %d, want 0 to %d, and above 0 only where the test is the end of each sequence of train",
			s.Gap, most)
	case s.MaxShort < 0:
		return fmt.Errorf("max_short = %d, want a count of parts of sequences, at least 0", s.MaxShort)
	case len(s.Speeds) == 1:
		return fmt.Errorf("speeds = %v, want two or more to tell apart; stride is the speed of all clips", s.Speeds)
	}
	for i, v := range s.Speeds {
		if v == 0 || v < -most || v > most || slices.Contains(s.Speeds[:i], v) {
			return fmt.Errorf("speeds = %v, want different strides of 1 to %d, or below 0 for clips that run backwards",
				s.Speeds, most)
		}
	}
	name, err := regexp.Compile(s.Name)
	if err != nil {
		return fmt.Errorf("name = %q: %w", s.Name, err)
	}
	if s.Name != "" && (name.SubexpIndex("sequence") < 0 || name.SubexpIndex("frame") < 0) {
		return fmt.Errorf("name = %q, want the groups (?P<sequence>...) and (?P<frame>...)", s.Name)
	}
	return errors.Join(s.Split.Validate(), s.Files.Validate())
}

// sequence is frames in order.
type sequence struct {
	name, class string
	frames      []frame
	interval    int // from one number to the next
}

type frame struct {
	disk.File
	number int
}

// Samples implements Kinded.
func (s *Clips) Samples() string { return "clips" }

// PathKeys implements Located.
func (s *Clips) PathKeys() []string { return []string{"train", "test"} }

// Open reads every frame.
func (s *Clips) Open(env datasets.Env) (*datasets.Data, error) {
	fail := func(err error) (*datasets.Data, error) { return nil, fmt.Errorf("datasets: clips: %w", err) }
	if err := s.Validate(); err != nil {
		return fail(err)
	}
	var others disk.PassedOver
	train, err := s.below(env.Path(s.Train), &others)
	if err != nil {
		return fail(err)
	}
	var test []sequence
	switch {
	case s.Test != "":
		if test, err = s.below(env.Path(s.Test), &others); err != nil {
			return fail(err)
		}
	case s.SplitBy == "time":
		train, test = s.ends(train)
	default:
		train, test = datasets.Divide(&s.Split, train, func(q sequence) string { return q.class })
	}
	trainFiles, testFiles := frames(train), frames(test)
	classes, err := images.NumberClasses(trainFiles, testFiles)
	if err != nil {
		return fail(err)
	}
	d, err := images.OpenFiles(images.Found{Where: "clips: " + s.Train, Classes: classes, Train: trainFiles,
		Test:   testFiles,
		Others: others}, s.Files)
	if err != nil {
		return nil, err
	}
	var short []datasets.Skip
	p := &datasets.Data{Skipped: d.Skipped, Notes: d.Notes, Roots: env.Roots(s.Train, s.Test)}
	c, err := s.clips(d.Train.(datasets.Set), train, &short)
	if err != nil {
		return fail(err)
	}
	p.Train = c
	if d.Test != nil {
		if c, err = s.clips(d.Test.(datasets.Set), test, &short); err != nil {
			return fail(fmt.Errorf("test: %w", err))
		}
		p.Test = c
	}
	if n := len(short); n > s.MaxShort {
		return fail(fmt.Errorf("%d parts of sequences are shorter than a clip, max_short allows %d: %s", n, s.MaxShort,
			datasets.ListSkips(short, 3)))
	}
	p.Skipped = append(p.Skipped, short...)
	return p, nil
}

var lastNumber = regexp.MustCompile(`^.*?(?P<frame>\d+)\D*$`)

// below finds the sequences of a directory, by name.
func (s *Clips) below(dir string, others *disk.PassedOver) ([]sequence, error) {
	w := disk.Walker{Dir: dir, Depth: s.ClassDepth, Classless: s.ClassDepth == 0}
	if err := w.Walk(); err != nil {
		return nil, err
	}
	others.Join(w.Others)
	switch {
	case len(w.Files) == 0:
		return nil, fmt.Errorf("no images in %s", dir)
	case w.Loose != "" && !w.Classless:
		return nil, fmt.Errorf("%s holds frames (%s) that are in no folder, class_depth = %d; set it to 0 if "+
			"they have no class", dir, w.Loose, s.ClassDepth)
	case w.Empty != "":
		return nil, fmt.Errorf("class %s of %s holds no images; remove the folder, or put frames in it", w.Empty, dir)
	}
	pattern := lastNumber
	if s.Name != "" {
		pattern = regexp.MustCompile(s.Name)
	}
	byName := map[string]*sequence{}
	var order []string
	for _, f := range w.Files {
		base := filepath.Base(f.Name)
		if s.Name == "" {
			base = strings.TrimSuffix(base, filepath.Ext(base))
		}
		m := pattern.FindStringSubmatch(base)
		if m == nil {
			return nil, fmt.Errorf("%s: no number in the name, or it does not match name = %q", f.Name, s.Name)
		}
		n, err := strconv.Atoi(m[pattern.SubexpIndex("frame")])
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%s: frame %q, want a whole number up to %d", f.Name,
				m[pattern.SubexpIndex("frame")], math.MaxInt)
		}
		key, err := filepath.Rel(dir, filepath.Dir(f.Name))
		if err != nil {
			return nil, err
		}
		if s.Name != "" {
			key = path.Join(filepath.ToSlash(key), m[pattern.SubexpIndex("sequence")])
		}
		q := byName[key]
		if q == nil {
			q = &sequence{name: key, class: f.Class}
			byName[key] = q
			order = append(order, key)
		}
		q.frames = append(q.frames, frame{f, n})
	}
	var all []sequence
	for _, key := range order {
		if err := byName[key].sort(); err != nil {
			return nil, err
		}
		all = append(all, *byName[key])
	}
	return all, nil
}

// sort orders the frames by number, and finds how far apart they are.
func (q *sequence) sort() error {
	slices.SortStableFunc(q.frames, func(a, b frame) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(q.frames); i++ {
		d := q.frames[i].number - q.frames[i-1].number
		if d == 0 {
			return fmt.Errorf("%s and %s are both frame %d", q.frames[i-1].Name, q.frames[i].Name, q.frames[i].number)
		}
		if q.interval == 0 || d < q.interval {
			q.interval = d
		}
	}
	return nil
}

// ends takes the last share of each sequence, without the gap that is its beginning.
func (s *Clips) ends(all []sequence) (train, test []sequence) {
	for _, q := range all {
		cut := len(q.frames) - int(math.Round(s.TestFraction*float64(len(q.frames))))
		a, b := q, q
		a.frames, b.frames = q.frames[:cut], q.frames[min(cut+s.Gap, len(q.frames)):]
		train = append(train, a)
		test = append(test, b)
	}
	return train, test
}

func frames(all []sequence) (files []disk.File) {
	for _, q := range all {
		for _, f := range q.frames {
			files = append(files, f.File)
		}
	}
	return files
}
