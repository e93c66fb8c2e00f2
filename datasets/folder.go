package datasets

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Folder reads images from a directory: dir/<class>/**/*.png, or dir/*.png without labels. torchvision's ImageFolder
// reads the same.
//
// File names are read in sorted order; a class is a folder in the directory, numbered by sorted name. Formats: png,
// jpeg, gif (first frame), bmp, tiff, webp. Names that begin with a dot and other files are passed over.
//
//	[dataset.folder]
//	root = "caltech95-64"    # holds train/ and val/; or train = "...", test = "..."
//	channels = 3
//	range16 = [0, 4095]      # values of 16-bit files that become black and white, here of a sensor of 12 bits
//	max_skipped = 5          # damaged files that may be left out
type Folder struct {
	// directory that holds train, and val or validation, dev, test (the first that is there); in place of the next two
	Root       string `toml:"root"`
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
	l, err := s.list(env)
	if err != nil {
		return nil, fmt.Errorf("datasets: folder: %w", err)
	}
	d, err := openLabelled(l, s.Files.told(env.Progress))
	if err != nil {
		return nil, err
	}
	if d.Roots = []string{env.Path(s.Root)}; s.Root == "" {
		d.Roots = []string{env.Path(s.Train)}
		if s.Test != "" {
			d.Roots = append(d.Roots, env.Path(s.Test))
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
func (s *Folder) list(env Env) (l found, err error) {
	if err := s.Validate(); err != nil {
		return l, err
	}
	where, p, err := s.dirs(env)
	if err != nil {
		return l, err
	}
	l = found{where: where, notes: p.notes}
	if l.train, err = s.below(p.train, s.Unlabelled, &l); err != nil {
		return l, err
	}
	if p.test != "" {
		l.test, err = s.below(p.test, false, &l)
		return l, err
	}
	l.split = &s.Split
	return l, divided(cmp.Or(s.Train, p.train), l.train) // as the recipe writes it
}

// Validate checks the settings.
func (s *Folder) Validate() error {
	switch {
	case s.Root == "" && s.Train == "":
		return errors.New("train is empty; want a directory of images, or root = a directory that holds train and val")
	case s.Root != "" && s.Train+s.Test != "":
		return fmt.Errorf("root = %q with train = %q and test = %q; want root or the other two", s.Root, s.Train,
			s.Test)
	case s.ClassDepth < 1 || s.ClassDepth > maxDepth:
		return fmt.Errorf("class_depth = %d, want 1 to %d", s.ClassDepth, maxDepth)
	}
	return errors.Join(s.Split.Validate(), s.Files.Validate())
}

// dirs is where the images are; test is empty where a share of train is to be taken.
func (s *Folder) dirs(env Env) (where string, p rootParts, err error) {
	if s.Root != "" {
		p, err = findParts(env.Path(s.Root))
		return "folder " + s.Root, p, err
	}
	p.train = env.Path(s.Train)
	if s.Test != "" {
		p.test = env.Path(s.Test)
		err = apart(p.train, p.test)
	}
	return "folder " + s.Train, p, err
}

// below finds the images below dir, sorted by name. Links are followed.
func (s *Folder) below(dir string, unlabelled bool, l *found) ([]file, error) {
	want := "want " + filepath.Join(dir, "<class>", "*.png") +
		" (or jpg, gif, bmp, tiff, webp), or the images directly in it"
	w := walker{dir: dir, depth: s.ClassDepth, classless: unlabelled}
	if err := w.walk(dir, 0, "", nil); err != nil {
		return nil, fmt.Errorf("%w; %s", err, want)
	}
	l.others.join(w.others)
	unread := ""
	if len(w.others) > 0 {
		unread = "; not read: " + w.others.String()
	}
	switch {
	case len(w.files) == 0:
		return nil, fmt.Errorf("no images in %s; %s%s", dir, want, unread)
	case unlabelled:
		slices.SortFunc(w.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	case w.loose != "" && w.classed != "":
		return nil, fmt.Errorf("%s holds both images (%s) and folders of images (%s); move one, or set "+
			"unlabelled = true", dir, w.loose, w.classed)
	case w.empty != "":
		return nil, fmt.Errorf("class %s of %s holds no images (%s); remove the folder, or put images in it%s", w.empty,
			dir, strings.Join(extensions, " "), unread)
	}
	return w.files, nil
}

// PathKeys implements Located.
func (s *Folder) PathKeys() []string { return []string{"root", "train", "test"} }
