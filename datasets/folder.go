package datasets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder reads images from a directory: dir/<class>/**/*.png, or dir/*.png without labels. torchvision's ImageFolder reads the same.
//
// File names are read in sorted order; a class is a folder in the directory, numbered by sorted name. Formats: png, jpeg, gif (first
// frame), bmp, tiff, webp. Names that begin with a dot and other files are passed over.
//
//	[dataset.folder]
//	root = "caltech95-64"    # holds train/ and val/; or train = "...", test = "..."
//	channels = 3
//	max_skipped = 5          # damaged files that may be left out
type Folder struct {
	Root       string `toml:"root"`        // directory that holds train, and val or test (val if both); in place of the next two
	Train      string `toml:"train"`       // directory
	Test       string `toml:"test"`        // directory; empty: test_fraction of train
	Unlabelled bool   `toml:"unlabelled"`  // folders in train are not classes
	ClassDepth int    `toml:"class_depth"` // folders that name a class: with 2, animals/dog is one
	Split
	Files
}

// NewFolder keeps a fifth of the training images for the test and tolerates no bad image.
func NewFolder() *Folder {
	return &Folder{ClassDepth: 1, Split: Split{TestFraction: 0.2}, Files: DefaultFiles()}
}

// Open implements Source.
func (s *Folder) Open(env Env) (*Data, error) {
	where, train, test, err := s.list(env)
	if err != nil {
		return nil, fmt.Errorf("datasets: folder: %w", err)
	}
	d, err := openLabelled(where, train, test, s.Files)
	if err != nil {
		return nil, err
	}
	if d.Roots = []string{env.path(s.Root)}; s.Root == "" {
		d.Roots = []string{env.path(s.Train)}
		if s.Test != "" {
			d.Roots = append(d.Roots, env.path(s.Test))
		}
	}
	return d, nil
}

// LabelHint implements Hinting.
func (s *Folder) LabelHint() string {
	if s.Unlabelled {
		return "set unlabelled = false, where the folders of the training images are their classes"
	}
	return ""
}

// list finds the files of both sets.
func (s *Folder) list(env Env) (where string, train, test []file, err error) {
	if err := s.validate(); err != nil {
		return "", nil, nil, err
	}
	where, trainDir, testDir := s.dirs(env)
	if train, err = s.below(trainDir, s.Unlabelled); err != nil {
		return "", nil, nil, err
	}
	if testDir != "" {
		test, err = s.below(testDir, false)
		return where, train, test, err
	}
	if err := divided(s.Train, train); err != nil {
		return "", nil, nil, err
	}
	train, test = s.take(train)
	return where, train, test, nil
}

func (s *Folder) validate() error {
	switch {
	case s.Root == "" && s.Train == "":
		return errors.New("train is empty; expected a directory of images, or root = a directory that holds train and val")
	case s.Root != "" && s.Train+s.Test != "":
		return fmt.Errorf("root = %q with train = %q and test = %q; expected root or the other two", s.Root, s.Train, s.Test)
	case s.ClassDepth < 1 || s.ClassDepth > maxDepth:
		return fmt.Errorf("class_depth = %d, expected 1 to %d", s.ClassDepth, maxDepth)
	}
	return errors.Join(s.Split.validate(), s.Files.validate())
}

// dirs is where the images are; test is empty where a share of train is to be taken.
func (s *Folder) dirs(env Env) (where, train, test string) {
	if s.Root == "" {
		if s.Test != "" {
			test = env.path(s.Test)
		}
		return "folder " + s.Train, env.path(s.Train), test
	}
	root := env.path(s.Root)
	where, train = "folder "+s.Root, filepath.Join(root, "train")
	for _, name := range testNames {
		dir := filepath.Join(root, name)
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return where, train, dir
		}
	}
	return where, train, ""
}

var testNames = []string{"val", "valid", "test"}

// divided refuses to take folders train and val for two classes.
func divided(dir string, files []file) error {
	var train, test bool
	for _, f := range files {
		name := strings.ToLower(f.class)
		train = train || name == "train"
		test = test || slices.Contains(testNames, name)
		if name != "train" && !slices.Contains(testNames, name) {
			return nil
		}
	}
	if train && test {
		return fmt.Errorf("%s holds the folders train and val or test, which would be its classes; write root = %q in place of train", dir, dir)
	}
	return nil
}

// below finds the images below dir, sorted by name. Links are followed.
func (s *Folder) below(dir string, unlabelled bool) ([]file, error) {
	expected := "expected " + filepath.Join(dir, "<class>", "*.png") + " (or jpg, gif, bmp, tiff, webp), or the images directly in it"
	w := walker{dir: dir, depth: s.ClassDepth, classless: unlabelled}
	if err := w.walk(dir, 0, "", nil); err != nil {
		return nil, fmt.Errorf("%w; %s", err, expected)
	}
	switch {
	case len(w.files) == 0:
		return nil, fmt.Errorf("no images in %s; %s", dir, expected)
	case unlabelled:
		slices.SortFunc(w.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	case w.loose != "" && w.classed != "":
		return nil, fmt.Errorf("%s holds both images (%s) and folders of images (%s); move one, or set unlabelled = true", dir, w.loose, w.classed)
	case w.empty != "":
		return nil, fmt.Errorf("class %s of %s holds no images (%s); remove the folder, or put images in it", w.empty, dir, strings.Join(extensions, " "))
	}
	return w.files, nil
}
