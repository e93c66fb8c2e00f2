package images

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// Captions reads images with texts from a list: a line for each image in a .jsonl, .csv or .tsv file, or one of these
// with .gz.
//
//	[data.captions]
//	train = "captions.jsonl"    # {"image": "images/1f600.png", "caption": "grinning face", "category": "..."}
//	label = "category"
//
// Paths of images start at the list's folder and stay below it. In JSON a caption may be a list of texts; lines of one
// image add up.
type Captions struct {
	Train   string `toml:"train"`   // list of images
	Test    string `toml:"test"`    // list; empty: test_fraction of train
	Image   string `toml:"image"`   // key or column of the image's path
	Caption string `toml:"caption"` // key or column of the text
	Label   string `toml:"label"`   // key or column of the label; empty: unlabelled
	datasets.Split
	Files
}

// NewCaptions keeps a fifth of the images for the test.
func NewCaptions() *Captions {
	return &Captions{Image: "image", Caption: "caption", Split: datasets.Split{TestFraction: 0.2},
		Files: DefaultFiles()}
}

// maxList bounds a list of images as it unpacks.
const maxList = 1 << 30

// Samples implements Kinded.
func (s *Captions) Samples() string { return datasets.WithCaptions }

// Validate checks the settings.
func (s *Captions) Validate() error {
	switch {
	case s.Train == "":
		return errors.New("train is empty; want a .jsonl, .csv or .tsv list of images and captions")
	case s.Image == "" || s.Caption == "" || s.Image == s.Caption:
		return fmt.Errorf("image = %q and caption = %q, want two keys or columns", s.Image, s.Caption)
	}
	return errors.Join(s.Split.Validate(), s.Files.Validate())
}

// PathKeys implements Located.
func (s *Captions) PathKeys() []string { return []string{"train", "test"} }

// Open reads the lists and the images.
func (s *Captions) Open(env datasets.Env) (*datasets.Data, error) {
	fail := func(err error) (*datasets.Data, error) { return nil, fmt.Errorf("datasets: captions: %w", err) }
	if err := s.Validate(); err != nil {
		return fail(err)
	}
	r := captionReader{Captions: s, captions: map[string][]string{}}
	train, err := r.list(env.Path(s.Train))
	if err != nil {
		return fail(err)
	}
	var test []disk.File
	var split *datasets.Split
	if s.Test == "" {
		split = &s.Split
	} else if test, err = r.list(env.Path(s.Test)); err != nil {
		return fail(err)
	}
	classes, err := NumberClasses(train, test)
	if err != nil {
		return fail(err)
	}
	d, err := OpenFiles(Found{Where: "captions: " + s.Train, Classes: classes, Train: train, Test: test, Split: split,
		Skipped: r.skipped}, s.Files)
	if err != nil {
		return nil, err
	}
	for _, list := range env.Roots(s.Train, s.Test) { // images lie below their list's folder
		d.Roots = append(d.Roots, filepath.Dir(list))
	}
	d.Train = &captionSet{d.Train.(*fileSet), r.captions}
	if d.Test != nil {
		d.Test = &captionSet{d.Test.(*fileSet), r.captions}
	}
	return d, nil
}

// captionReader reads the lists.
type captionReader struct {
	*Captions
	captions map[string][]string // by the image's path
	skipped  []datasets.Skip
}

func (r *captionReader) refuse(at string, err error) {
	r.skipped = append(r.skipped, datasets.Skip{Name: at, Err: err})
}

func (r *captionReader) list(path string) (files []disk.File, err error) {
	keys := []string{r.Image, r.Caption}
	if r.Label != "" {
		keys = append(keys, r.Label)
	}
	found, err := disk.ReadEntries(path, maxList, keys, r.refuse)
	if err != nil {
		return nil, err
	}
	index := map[string]int{}
	for _, e := range found {
		f := disk.File{From: disk.ByName{}, Label: -1}
		name := filepath.FromSlash(e.Values[0][0])
		if r.Label != "" {
			f.Class = e.Values[2][0]
		}
		f.Name = filepath.Join(filepath.Dir(path), name)
		k, again := index[f.Name]
		switch {
		case len(e.Values[0]) > 1:
			r.refuse(e.At, fmt.Errorf("%q is a list of %d, want one path", r.Image, len(e.Values[0])))
		case !filepath.IsLocal(name):
			r.refuse(e.At, fmt.Errorf("image %q, want a path below the folder of the list", name))
		case slices.ContainsFunc(e.Values[1], func(c string) bool { return strings.TrimSpace(c) == "" }):
			r.refuse(e.At, fmt.Errorf("%q is empty, want a text", r.Caption))
		case r.Label != "" && f.Class == "":
			r.refuse(e.At, fmt.Errorf("%q is empty, want a label", r.Label))
		case again && files[k].Class != f.Class:
			r.refuse(e.At, fmt.Errorf("image %q has label %q here and %q before", name, f.Class, files[k].Class))
		case !again && r.captions[f.Name] != nil:
			return nil, fmt.Errorf("%s: image %q is in the training list too", e.At, name)
		default:
			if !again {
				index[f.Name] = len(files)
				files = append(files, f)
			}
			r.captions[f.Name] = append(r.captions[f.Name], e.Values[1]...)
		}
	}
	return files, nil
}

// captionSet is images with texts.
type captionSet struct {
	*fileSet
	captions map[string][]string
}

// Captions implements CaptionSet.
func (s *captionSet) Captions(i int) []string { return s.captions[s.Name(i)] }

// Facts describes the texts.
func (s *captionSet) Facts() []datasets.Fact {
	var letters datasets.Span
	n := 0
	different := map[string]bool{}
	for i := range s.Len() {
		for _, c := range s.Captions(i) {
			n++
			letters.Add(len([]rune(c)))
			different[c] = true
		}
	}
	return []datasets.Fact{{Key: "captions", Value: fmt.Sprintf("%d, %d different, of %s characters", n, len(different),
		letters)}}
}
