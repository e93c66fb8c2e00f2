package datasets

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"selfsup/datasets/resample"
	"selfsup/setting"
)

// Files is the settings that every source of image files has in common.
type Files struct {
	Resize   int `toml:"resize"`   // pixels: shorter side resized, then centre crop; 0 keeps the sizes
	Channels int `toml:"channels"` // 1 grey, 3 colour, 0 as found
	// values of 16-bit samples that become black and white, such as [0, 4095]; empty: the high byte is kept
	Range16 []int `toml:"range16"`
	// images that may be refused and left out; each is named, more stop the run
	MaxSkipped int          `toml:"max_skipped"`
	MaxPixels  int          `toml:"max_pixels"` // a header that claims more is refused
	Memory     setting.Size `toml:"memory"`     // decoded images that are kept; a larger set is decoded on demand
	// a larger set is decoded once at the start, else a damaged file stops the run when it comes up
	Verify bool `toml:"verify"`

	progress func(done, total int) // see Env
}

// told is files that tell who opens them how far the reading is.
func (s Files) told(progress func(done, total int)) Files {
	s.progress = progress
	return s
}

// DefaultFiles tolerates no bad image and keeps up to 1 GiB of decoded images.
func DefaultFiles() Files { return Files{MaxPixels: DefaultMaxPixels, Memory: 1 << 30, Verify: true} }

// Validate checks the settings.
func (s *Files) Validate() error {
	switch {
	case s.Channels != 0 && s.Channels != 1 && s.Channels != 3:
		return fmt.Errorf("channels = %d, want 1 (grey), 3 (colour) or 0 (as found)", s.Channels)
	case s.Resize < 0 || s.Resize > maxResize:
		return fmt.Errorf("resize = %d, want at most %d pixels, or 0 to keep the sizes", s.Resize, maxResize)
	case s.MaxSkipped < 0:
		return fmt.Errorf("max_skipped = %d, want a count of images, at least 0", s.MaxSkipped)
	case s.MaxPixels < 1 || s.MaxPixels > math.MaxInt32:
		return fmt.Errorf("max_pixels = %d, want 1 to %d", s.MaxPixels, math.MaxInt32)
	case s.Memory < 0:
		return fmt.Errorf("memory = %v, want at least 0B", s.Memory)
	}
	return validateRange16(s.Range16)
}

const maxResize = 1 << 14

// Split is how much of an undivided set is kept for the test.
type Split struct {
	// share of each class kept for the test where there is no test set, in [0,1); at least one of two images
	TestFraction float64 `toml:"test_fraction"`
	// which images that share is; apart from the run's seed, so that seeds compare
	SplitSeed uint64 `toml:"split_seed"`
}

// Validate checks the settings.
func (s *Split) Validate() error {
	if !(s.TestFraction >= 0 && s.TestFraction < 1) {
		return fmt.Errorf("test_fraction = %v, want 0 up to, not including, 1", s.TestFraction)
	}
	return nil
}

// held says which samples of these classes are kept for the test: the fraction of each class, rounded to the nearest
// count from one on that leaves one.
func (s *Split) held(classes []string) []bool {
	byClass := map[string][]int{}
	for i, class := range classes {
		byClass[class] = append(byClass[class], i)
	}
	held := make([]bool, len(classes))
	for class, rows := range byClass {
		r := NewRand(s.SplitSeed, "split/"+class)
		r.Shuffle(rows)
		n := int(math.Round(s.TestFraction * float64(len(rows))))
		if s.TestFraction > 0 {
			n = max(n, 1)
		}
		n = min(n, len(rows)-1)
		for _, i := range rows[:n] {
			held[i] = true
		}
	}
	return held
}

// file is an image not yet decoded.
type file struct {
	name  string
	class string // empty: unlabelled
	label int    // index of class, once the classes are known
	from  store
	at    int64 // place and length in a store that holds many
	size  int64
}

// store is what holds files. Its method serves any number of goroutines.
type store interface {
	// read returns a file in buf where it fits, and refuses one longer than limit before it takes memory.
	read(f *file, buf []byte, limit int64) ([]byte, error)
}

// disk holds each file under its name.
type disk struct{}

func (disk) read(f *file, buf []byte, limit int64) ([]byte, error) {
	info, err := os.Stat(f.name)
	switch {
	case err != nil:
		return nil, bare(err)
	case !info.Mode().IsRegular(): // opening a pipe would wait
		return nil, fmt.Errorf("not a regular file (%v)", info.Mode().Type())
	}
	in, err := os.Open(f.name)
	if err != nil {
		return nil, bare(err)
	}
	defer in.Close()
	whole := *f
	whole.size = info.Size()
	return readAt(in, &whole, buf, limit)
}

// bare is an error of the file system without the path, which its user names.
func bare(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// worker decodes one file after another; one goroutine uses it at a time.
type worker struct {
	Decoder
	file      file // of a set
	bytes     []byte
	whole     Image // before it is resized
	out       Image // while it is not kept
	values    Values
	scaled    []float32
	resampler resample.Resampler
}

func (s *Files) worker() *worker {
	deep := depthOf(s.Range16)
	return &worker{Decoder: Decoder{Channels: s.Channels, MaxPixels: s.MaxPixels, Black16: deep.first,
		White16: deep.last}}
}

// limit is the length of file that an image of max_pixels may have: 8 bytes a pixel (16 bits, four samples), and
// something for metadata.
func (s *Files) limit() int64 { return 8*int64(s.MaxPixels) + 16<<20 }

func (s *Files) read(f *file, w *worker) (err error) {
	w.bytes, err = f.from.read(f, w.bytes, s.limit())
	return err
}

// image decodes f to dst, resized.
func (s *Files) image(f *file, w *worker, dst *Image) error { return s.part(f, w, dst, resample.Whole) }

// part decodes at least the chosen box of f to dst; a resized image whole.
func (s *Files) part(f *file, w *worker, dst *Image, choose func(h, w int) resample.Box) error {
	if err := s.read(f, w); err != nil {
		return err
	}
	if s.Resize == 0 {
		return w.DecodePart(w.bytes, dst, choose)
	}
	if err := w.Decode(w.bytes, &w.whole); err != nil {
		return err
	}
	w.square(dst, s.Resize)
	return nil
}

// square resizes the shorter side of whole to size and keeps the centre [size,size,C].
func (w *worker) square(dst *Image, size int) {
	m := &w.whole
	dst.resize(size, size, m.C)
	if m.H == size && m.W == size {
		copy(dst.Pix, m.Pix)
		return
	}
	job := resample.Center(m.H, m.W, size)
	job.Src, job.Width, job.Channels = m.Pix, m.W, m.C
	if n := len(dst.Pix); cap(w.scaled) < n {
		w.scaled = make([]float32, n)
	}
	f := w.scaled[:len(dst.Pix)]
	w.resampler.Run(f, job)
	for i, v := range f {
		dst.Pix[i] = byte(math.Round(float64(min(max(v, 0), 1) * 255)))
	}
}

// header is the size that image would deliver.
func (s *Files) header(f *file, w *worker) (shape, error) {
	if err := s.read(f, w); err != nil {
		return shape{}, err
	}
	h, err := w.Header(w.bytes)
	if s.Resize > 0 {
		h.H, h.W = s.Resize, s.Resize
	}
	return shape{int32(h.H), int32(h.W), int32(h.C)}, err
}

// labelled gives every file the number of its class, or -1 where that is empty.
func labelled(train, test []file) ([]string, error) {
	list := func(files []file) []string {
		classes := make([]string, len(files))
		for i, f := range files {
			classes[i] = f.class
		}
		return classes
	}
	classes, err := classNames(list(train), list(test))
	for _, files := range [][]file{train, test} {
		for i := range files {
			files[i].label = classIndex(classes, files[i].class)
		}
	}
	return classes, err
}

// classNames sorts the classes: those of the training samples, or of the test samples where the training samples have
// none. A class that only the test samples have is an error: nothing could learn it.
func classNames(train, test []string) ([]string, error) {
	names := func(samples []string) []string {
		var s []string
		seen := map[string]bool{"": true}
		for _, class := range samples {
			if !seen[class] {
				seen[class] = true
				s = append(s, class)
			}
		}
		slices.Sort(s)
		return s
	}
	classes, tested := names(train), names(test)
	if len(classes) == 0 {
		classes = tested
	}
	for _, c := range tested {
		if _, ok := slices.BinarySearch(classes, c); !ok {
			return nil, fmt.Errorf("class %q of the test set is not a class of the training set %q", c,
				classes[:min(len(classes), 100)])
		}
	}
	return classes, nil
}

// classIndex is the number of a class, or -1.
func classIndex(classes []string, class string) int {
	if i, ok := slices.BinarySearch(classes, class); ok {
		return i
	}
	return -1
}

// listSkips names the first few.
func listSkips(s []Skip, few int) string {
	var b strings.Builder
	for i, k := range s {
		if i == few {
			fmt.Fprintf(&b, "; and %d more", len(s)-few)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %v", k.Name, k.Err)
	}
	return b.String()
}
