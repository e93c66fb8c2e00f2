package datasets

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder reads images from a directory: dir/<class>/**/*.png, or dir/*.png without labels.
//
// File names are read in sorted order; a class is a folder directly in the directory, numbered by sorted name. Formats: png, jpeg,
// gif (first frame), bmp, tiff, webp. Names that begin with a dot and other files are passed over. Everything is held in memory.
type Folder struct {
	Train        string  `toml:"train"`         // directory
	Test         string  `toml:"test"`          // directory; empty: test_fraction of train
	Unlabelled   bool    `toml:"unlabelled"`    // folders in train are not classes
	TestFraction float64 `toml:"test_fraction"` // share of each class kept for the test where test is empty, in [0,1)
	SplitSeed    uint64  `toml:"split_seed"`    // which images that share is; apart from the run's seed, so that seeds compare
	Resize       int     `toml:"resize"`        // pixels: shorter side resized, then centre crop; 0 keeps the sizes
	Channels     int     `toml:"channels"`      // 1 grey, 3 colour, 0 as found
	MaxBad       int     `toml:"max_bad"`       // images that may fail to decode and are skipped
	MaxPixels    int     `toml:"max_pixels"`    // a header that claims more is refused
}

// NewFolder keeps a fifth of the training images for the test and tolerates no bad image.
func NewFolder() *Folder { return &Folder{TestFraction: 0.2, MaxPixels: defaultMaxPixels} }

func (s *Folder) Open(env Env) (*Data, error) {
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("datasets: folder: %w", err)
	}
	train, err := s.list(env.path(s.Train), s.Unlabelled)
	if err != nil {
		return nil, fmt.Errorf("datasets: folder: %w", err)
	}
	var test []file
	if s.Test != "" {
		if test, err = s.list(env.path(s.Test), false); err != nil {
			return nil, fmt.Errorf("datasets: folder: %w", err)
		}
	} else {
		train, test = splitFiles(train, s.TestFraction, s.SplitSeed)
	}
	return openFiles("folder "+s.Train, train, test, decodeOptions{s.Channels, s.MaxPixels, s.Resize, s.MaxBad})
}

func (s *Folder) validate() error {
	switch {
	case s.Train == "":
		return errors.New("train is empty; expected a directory of images")
	case s.Channels != 0 && s.Channels != 1 && s.Channels != 3:
		return fmt.Errorf("channels = %d, expected 1 (grey), 3 (colour) or 0 (as found)", s.Channels)
	case !(s.TestFraction >= 0 && s.TestFraction < 1):
		return fmt.Errorf("test_fraction = %v, expected 0 up to, not including, 1", s.TestFraction)
	case s.Resize < 0:
		return fmt.Errorf("resize = %d, expected pixels, or 0 to keep the sizes", s.Resize)
	case s.MaxBad < 0:
		return fmt.Errorf("max_bad = %d, expected a count of images, at least 0", s.MaxBad)
	case s.MaxPixels < 1:
		return fmt.Errorf("max_pixels = %d, expected at least 1", s.MaxPixels)
	}
	return nil
}

// list finds the images below dir, sorted by name. Links are followed.
func (s *Folder) list(dir string, unlabelled bool) ([]file, error) {
	expected := "expected " + filepath.Join(dir, "<class>", "*.png") + " (or jpg, gif, bmp, tiff, webp), or the images directly in it"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, expected)
	}
	var loose, classed []file
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		below, err := walk(path, 0)
		if err != nil {
			return nil, err
		}
		for _, p := range below {
			f := file{name: p, read: func() ([]byte, error) { return os.ReadFile(p) }}
			if p == path {
				loose = append(loose, f)
			} else {
				f.class = e.Name()
				classed = append(classed, f)
			}
		}
	}
	if unlabelled {
		loose = append(loose, classed...)
		for i := range loose {
			loose[i].class = ""
		}
		slices.SortFunc(loose, func(a, b file) int { return strings.Compare(a.name, b.name) })
		classed = nil
	}
	switch {
	case len(loose) > 0 && len(classed) > 0:
		return nil, fmt.Errorf("%s holds both images (%s) and folders of images (%s); move one, or set unlabelled = true",
			dir, filepath.Base(loose[0].name), classed[0].class)
	case len(loose)+len(classed) == 0:
		return nil, fmt.Errorf("no images in %s; %s", dir, expected)
	}
	return append(loose, classed...), nil
}

// walk lists the images at or below path in sorted order.
func walk(path string, depth int) ([]string, error) {
	if strings.HasPrefix(filepath.Base(path), ".") {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() { // a link to nowhere fails as an image, if it is named like one
		if slices.Contains(extensions, strings.ToLower(filepath.Ext(path))) {
			return []string{path}, nil
		}
		return nil, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("%s: more than %d folders deep; does a link lead back?", path, maxDepth)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		below, err := walk(filepath.Join(path, e.Name()), depth+1)
		if err != nil {
			return nil, err
		}
		found = append(found, below...)
	}
	return found, nil
}

const maxDepth = 16

var extensions = []string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}

// splitFiles takes the fraction of each class, rounded to the nearest count that leaves one, out of files; both parts keep the order.
func splitFiles(files []file, fraction float64, seed uint64) (train, test []file) {
	byClass := map[string][]int{}
	for i, f := range files {
		byClass[f.class] = append(byClass[f.class], i)
	}
	held := make([]bool, len(files))
	for class, rows := range byClass {
		r := NewRand(seed, "split/"+class)
		r.Shuffle(rows)
		n := min(int(math.Round(fraction*float64(len(rows)))), len(rows)-1)
		for _, i := range rows[:n] {
			held[i] = true
		}
	}
	for i, f := range files {
		if held[i] {
			test = append(test, f)
		} else {
			train = append(train, f)
		}
	}
	return train, test
}
