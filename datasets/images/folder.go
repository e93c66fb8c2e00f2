package images

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
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
	datasets.Split
	Files
}

// NewFolder keeps a fifth of the training images for the test and tolerates no bad image.
func NewFolder() *Folder {
	return &Folder{ClassDepth: 1, Split: datasets.Split{TestFraction: 0.2}, Files: DefaultFiles()}
}

// Open implements Source.
func (s *Folder) Open(env datasets.Env) (*datasets.Data, error) {
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
func (s *Folder) list(env datasets.Env) (l Found, err error) {
	if err := s.Validate(); err != nil {
		return l, err
	}
	where, p, err := s.dirs(env)
	if err != nil {
		return l, err
	}
	l = Found{Where: where, Notes: p.Notes}
	if l.Train, err = s.below(p.Train, s.Unlabelled, &l); err != nil {
		return l, err
	}
	if p.Test != "" {
		l.Test, err = s.below(p.Test, false, &l)
		return l, err
	}
	l.Split = &s.Split
	return l, divided(cmp.Or(s.Train, p.Train), l.Train) // as the recipe writes it
}

// Validate checks the settings.
func (s *Folder) Validate() error {
	switch {
	case s.Root == "" && s.Train == "":
		return errors.New("train is empty; want a directory of images, or root = a directory that holds train and val")
	case s.Root != "" && s.Train+s.Test != "":
		return fmt.Errorf("root = %q with train = %q and test = %q; want root or the other two", s.Root, s.Train,
			s.Test)
	case s.ClassDepth < 1 || s.ClassDepth > disk.MaxDepth:
		return fmt.Errorf("class_depth = %d, want 1 to %d", s.ClassDepth, disk.MaxDepth)
	}
	return errors.Join(s.Split.Validate(), s.Files.Validate())
}

// dirs is where the images are; test is empty where a share of train is to be taken.
func (s *Folder) dirs(env datasets.Env) (where string, p disk.Parts, err error) {
	if s.Root != "" {
		p, err = disk.FindParts(env.Path(s.Root))
		return "folder " + s.Root, p, err
	}
	p.Train = env.Path(s.Train)
	if s.Test != "" {
		p.Test = env.Path(s.Test)
		err = apart(p.Train, p.Test)
	}
	return "folder " + s.Train, p, err
}

// below finds the images below dir, sorted by name. Links are followed.
func (s *Folder) below(dir string, unlabelled bool, l *Found) ([]disk.File, error) {
	want := "want " + filepath.Join(dir, "<class>", "*.png") +
		" (or jpg, gif, bmp, tiff, webp), or the images directly in it"
	w := disk.Walker{Dir: dir, Depth: s.ClassDepth, Classless: unlabelled}
	if err := w.Walk(); err != nil {
		return nil, fmt.Errorf("%w; %s", err, want)
	}
	l.Others.Join(w.Others)
	unread := ""
	if len(w.Others) > 0 {
		unread = "; not read: " + w.Others.String()
	}
	switch {
	case len(w.Files) == 0:
		return nil, fmt.Errorf("no images in %s; %s%s", dir, want, unread)
	case unlabelled:
		slices.SortFunc(w.Files, func(a, b disk.File) int { return strings.Compare(a.Name, b.Name) })
	case w.Loose != "" && w.Classed != "":
		return nil, fmt.Errorf("%s holds both images (%s) and folders of images (%s); move one, or set "+
			"unlabelled = true", dir, w.Loose, w.Classed)
	case w.Empty != "":
		return nil, fmt.Errorf("class %s of %s holds no images (%s); remove the folder, or put images in it%s", w.Empty,
			dir, strings.Join(disk.ImageExtensions, " "), unread)
	}
	return w.Files, nil
}

// PathKeys implements Located.
func (s *Folder) PathKeys() []string { return []string{"root", "train", "test"} }

// divided refuses to take folders train and val for classes.
func divided(dir string, files []disk.File) error {
	var train, test string
	for _, f := range files {
		name, _, _ := strings.Cut(f.Class, "/")
		switch low := strings.ToLower(name); {
		case slices.Contains(disk.TrainNames, low):
			train = name
		case slices.Contains(disk.TestNames, low):
			test = name
		}
	}
	if train != "" && test != "" {
		return fmt.Errorf("%s holds the folders %s and %s, which would be its classes; write root = %q in place "+
			"of train (rename them if they are classes)", dir, train, test, dir)
	}
	return nil
}

// apart refuses a test set that lies within the training set, whose images would be both.
func apart(train, test string) error {
	for _, d := range [][2]string{{train, test}, {test, train}} {
		if rel, err := filepath.Rel(d[0], d[1]); err == nil && (rel == "." || filepath.IsLocal(rel)) {
			return fmt.Errorf("train = %s and test = %s: one lies in the other, so that images would be in both; "+
				"want folders beside each other", train, test)
		}
	}
	return nil
}
