package images

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// Shards reads images from tar files in the WebDataset convention: the files of a sample follow one another and share
// their name up to the first dot of the last part; what comes after it says what they are.
//
//	0001.jpg  0001.cls  0001.json  0002.jpg  0002.cls  ...
//
//	[dataset.shards]
//	train = ["train-{000000..000146}.tar"]    # braces, * and ?, or plain paths; .tar.gz too
//	test = ["val-*.tar"]
//	label = "cls"                             # or "txt", "json.KEY"; "" without labels
//
// A plain .tar is indexed once and its images are read where they lie; a .tar.gz is held as it unpacks, up to memory,
// beside the decoded images. Labels that are all integers are numbers of classes; others are names, numbered in sorted
// order. Names that begin with a dot, and other files of a sample, are passed over.
//
// Format: Aizman, Maltby, Breuel, High Performance I/O For Large Scale Deep Learning, 2019, arXiv:2001.01858, sec. III;
// POSIX ustar and pax.
type Shards struct {
	Train []string `toml:"train"` // patterns
	Test  []string `toml:"test"`  // patterns; empty: test_fraction of train
	// extension of the image where samples have several, such as "left.jpg"; empty: any format
	Image   string   `toml:"image"`
	Label   string   `toml:"label"`   // extension of the label's file, json with .KEY; empty: unlabelled
	Classes []string `toml:"classes"` // names of labels 0, 1, ...; empty: the labels themselves
	datasets.Split
	Files
}

// NewShards keeps nothing of the training images for the test: a share by seed reads as well, but shards are published
// divided.
func NewShards() *Shards { return &Shards{Label: "cls", Files: DefaultFiles()} }

// Open implements Source.
func (s *Shards) Open(env datasets.Env) (*datasets.Data, error) {
	fail := func(err error) (*datasets.Data, error) { return nil, fmt.Errorf("datasets: shards: %w", err) }
	if err := s.Validate(); err != nil {
		return fail(err)
	}
	x := indexer{Shards: s, left: int64(s.Memory), progress: env.Progress}
	train, err := x.patterns(env, s.Train)
	if err != nil {
		return fail(err)
	}
	test, err := x.patterns(env, s.Test)
	if err != nil {
		return fail(err)
	}
	d, err := x.open(train, test)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Concat(s.Train, s.Test) {
		p = env.Path(p)
		if i := strings.IndexAny(p, "{*?["); i >= 0 {
			p = p[:i]
		}
		d.Roots = append(d.Roots, filepath.Dir(p))
	}
	return d, nil
}

// open makes the sets of the files that were found.
func (x *indexer) open(train, test []disk.File) (*datasets.Data, error) {
	classes, train, test, err := x.classes(train, test)
	if err != nil {
		return nil, fmt.Errorf("datasets: shards: %w", err)
	}
	l := Found{Where: "shards " + strings.Join(x.Train, " "), Classes: classes, Train: train, Test: test,
		Skipped: x.skipped, Others: x.others}
	if len(x.Test) == 0 {
		l.Split = &x.Split
	}
	return OpenFiles(l, x.Files.told(x.progress))
}

// LabelHint implements Hinting.
func (s *Shards) LabelHint() string {
	if s.Label == "" {
		return `say where the labels are with label = "cls"`
	}
	return ""
}

// Validate checks the settings.
func (s *Shards) Validate() error {
	if len(s.Train) == 0 {
		return errors.New(`train is empty; want patterns of tar files, such as ["train-{0000..0099}.tar"]`)
	}
	if ext, key, _ := strings.Cut(s.Label, "."); ext == "json" && key == "" {
		return fmt.Errorf(`label = %q, want the key too, such as "json.label"`, s.Label)
	}
	for i, name := range s.Classes {
		if slices.Contains(s.Classes[:i], name) {
			return fmt.Errorf("classes has %q twice", name)
		}
	}
	return errors.Join(s.Split.Validate(), s.Files.Validate())
}

// classes turns the labels into numbers. A label that names no class is refused.
func (x *indexer) classes(train, test []disk.File) (classes []string, tr, te []disk.File, err error) {
	if x.Label == "" {
		for _, files := range [][]disk.File{train, test} {
			for i := range files {
				files[i].Label = -1
			}
		}
		return nil, train, test, nil
	}
	if len(train) == 0 { // the caller refuses an empty training set
		return nil, nil, nil, nil
	}
	numeric, top, word := 0, 0, -1 // the first label that is no number
	all := slices.Concat(train, test)
	for i := range all {
		v, err := strconv.Atoi(all[i].Class)
		switch {
		case err == nil:
			numeric++
		case word < 0:
			word = i
		}
		if v <= maxLabel {
			top = max(top, v)
		}
	}
	numbers := word < 0
	if !numbers && numeric > 0 && len(x.Classes) == 0 {
		return nil, nil, nil, fmt.Errorf("%s: label %q is no number, and %d of %d are; name the classes with "+
			"classes = [...] if that is meant",
			all[word].Name, all[word].Class, numeric, len(all))
	}
	if !numbers && len(x.Classes) == 0 {
		classes, err = NumberClasses(train, test)
		return classes, train, test, err
	}
	names := x.Classes
	if len(names) == 0 {
		if gap := unseen(train); gap <= top { // before a number takes the memory of so many names
			return nil, nil, nil, fmt.Errorf("labels run from 0 to %d, and no training image has label %d; name "+
				"the classes with classes = [...] if that is meant", top, gap)
		}
		names = named(nil, top+1)
	}
	index := map[string]int{}
	for i, name := range names {
		index[name] = i
	}
	label := func(class string) (int, bool) {
		if !numbers {
			i, ok := index[class]
			return i, ok
		}
		v, err := strconv.Atoi(class)
		return v, err == nil && v >= 0 && v < len(names)
	}
	keep := func(files []disk.File) (kept []disk.File) {
		for _, f := range files {
			var ok bool
			if f.Label, ok = label(f.Class); ok {
				kept = append(kept, f)
			} else {
				x.refuse(f.Name, fmt.Errorf("label %q, want %s", f.Class, expectedLabels(names, numbers)))
			}
		}
		return kept
	}
	return names, keep(train), keep(test), nil
}

// unseen is the least number that is no file's label.
func unseen(files []disk.File) (gap int) {
	seen := map[int]bool{}
	for _, f := range files {
		if v, err := strconv.Atoi(f.Class); err == nil {
			seen[v] = true
		}
	}
	for seen[gap] {
		gap++
	}
	return gap
}

// maxLabel bounds what a number may claim: each class below it gets a name.
const maxLabel = 1<<20 - 1

func expectedLabels(names []string, numbers bool) string {
	if numbers {
		return fmt.Sprintf("0 to %d", len(names)-1)
	}
	return fmt.Sprintf("one of %q", names[:min(len(names), 10)])
}

// tarFile holds the files of a tar at their places. It is opened for each: a set has more shards than a process may
// hold open.
type tarFile string

// Read implements disk.Store.
func (p tarFile) Read(f *disk.File, buf []byte, limit int64) ([]byte, error) {
	in, err := os.Open(string(p))
	if err != nil {
		return nil, disk.Bare(err)
	}
	defer in.Close()
	return disk.ReadAt(in, f, buf, limit)
}

// PathKeys implements Located.
func (s *Shards) PathKeys() []string { return []string{"train", "test"} }
