package images

import (
	"fmt"
	"io"
	"slices"

	"selfsup/datasets"
)

// STL10 reads the binary version of STL-10: colour images 96x96, 5,000 + 8,000 of 10 classes and 100,000 without
// labels.
//
//	[dataset.stl10]
//	path = "stl10_binary"        # or stl10_binary.tar.gz, whose unlabeled images need memory = "3GiB"
//	train = "train+unlabeled"    # or "train", "unlabeled"
//
// Evaluations learn from the labelled images, train_X.bin, whatever the method sees.
//
// Format: Coates, Lee, Ng, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011: the
// red, green and blue planes by columns, train_X.bin, test_X.bin and unlabeled_X.bin; labels 1 to 10, a byte each, in
// train_y.bin and test_y.bin.
type STL10 struct {
	Records
	Train string `toml:"train"` // train, unlabeled, or train+unlabeled, whose labelled images come first
}

// NewSTL10 has no path set and trains on the unlabeled images, as the set's authors meant it.
func NewSTL10() *STL10 { return &STL10{Records{Memory: 1 << 30}, "unlabeled"} }

// Open implements Source.
func (s *STL10) Open(env datasets.Env) (*datasets.Data, error) {
	d, err := s.open(env)
	if err != nil {
		return nil, fmt.Errorf("datasets: stl10: %w", err)
	}
	return d, d.Check("stl10")
}

func (s *STL10) open(env datasets.Env) (*datasets.Data, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	parts, ok := map[string][]string{"train": {"train"}, "unlabeled": {"unlabeled"}, "train+unlabeled": {"train",
		"unlabeled"}}[s.Train]
	if !ok {
		return nil, fmt.Errorf(`train = %q, want "train", "unlabeled" or "train+unlabeled"`, s.Train)
	}
	wanted := []string{"test_X.bin", "test_y.bin"}
	for _, p := range []string{"train", "unlabeled"} {
		if p == "train" || slices.Contains(parts, p) {
			wanted = append(wanted, p+"_X.bin", p+"_y.bin")
		}
	}
	b, err := openBundle(env.Path(s.Path), wanted, s.Memory)
	if err != nil {
		return nil, err
	}
	train, err := s.set(b, parts)
	if err != nil {
		return nil, err
	}
	test, err := s.set(b, []string{"test"})
	if err != nil {
		return nil, err
	}
	d := &datasets.Data{Train: train, Test: test, Roots: []string{env.Path(s.Path)}}
	if _, there := b.files["train_X.bin"]; there && !slices.Contains(parts, "train") {
		labelled, err := s.set(b, []string{"train"})
		if err != nil {
			return nil, err
		}
		d.Labelled = labelled
	}
	return d, nil
}

// LabelHint implements Hinting.
func (s *STL10) LabelHint() string {
	if s.Train != "unlabeled" {
		return ""
	}
	return `put train_X.bin and train_y.bin beside unlabeled_X.bin, from which evaluations then ` +
		`learn; to train with labels set train = "train"`
}

// stlImages is how many images were published in each part.
var stlImages = map[string]int{"train": 5000, "test": 8000, "unlabeled": 100_000}

// set joins parts, of which unlabeled has no labels.
func (s *STL10) set(b *bundle, parts []string) (*records, error) {
	r := &records{
		layout:  layout{h: 96, w: 96, columns: true},
		classes: []string{"airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"},
	}
	for _, p := range parts {
		x, err := b.get(p + "_X.bin")
		if err != nil {
			return nil, err
		}
		if err := r.add(x, s.expected(stlImages[p])); err != nil {
			return nil, err
		}
		labels := make([]byte, r.n-len(r.label)) // zeros: none
		if p != "unlabeled" {
			y, err := b.get(p + "_y.bin")
			if err != nil {
				return nil, err
			}
			if y.size != int64(len(labels)) {
				return nil, fmt.Errorf("%s: %d labels, want %d for the images of %s", y.name, y.size, len(labels),
					x.name)
			}
			if _, err := y.file.ReadAt(labels, 0); err != nil && err != io.EOF {
				return nil, fmt.Errorf("%s: %w", y.name, err)
			}
		}
		for i, l := range labels {
			if int(l) > len(r.classes) || l == 0 && p != "unlabeled" {
				return nil, fmt.Errorf("%s_y.bin: label %d of image %d, want 1 to %d", p, l, i, len(r.classes))
			}
			r.label = append(r.label, int16(l)-1)
		}
	}
	return r, nil
}
