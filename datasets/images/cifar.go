package images

import (
	"fmt"
	"strconv"

	"selfsup/datasets"
)

// CIFAR10 reads the binary version of CIFAR-10: 50,000 + 10,000 colour images 32x32 of 10 classes.
//
//	[dataset.cifar10]
//	path = "cifar-10-binary.tar.gz"    # or the folder cifar-10-batches-bin
//
// Format: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, binary version: records of a label
// and 3,072 bytes, the red, green and blue planes by rows; data_batch_1.bin to data_batch_5.bin and test_batch.bin. A
// data_batch that is absent is an error.
type CIFAR10 struct {
	Records
}

// NewCIFAR10 has no path set.
func NewCIFAR10() *CIFAR10 { return &CIFAR10{Records{Memory: 1 << 30}} }

// Open implements Source.
func (s *CIFAR10) Open(env datasets.Env) (*datasets.Data, error) {
	classes := []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
	train := []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
		"data_batch_5.bin"}
	return openCIFAR("cifar10", &s.Records, env, train, "test_batch.bin", 10_000, layout{h: 32, w: 32, labels: 1}, 0,
		func(*bundle) []string { return classes })
}

// CIFAR100 reads the binary version of CIFAR-100: 50,000 + 10,000 colour images 32x32 of 100 classes, or 20
// superclasses.
//
//	[dataset.cifar100]
//	path = "cifar-100-binary.tar.gz"    # or the folder cifar-100-binary
//	labels = "fine"                     # or "coarse"
//
// Format: as CIFAR10, with two bytes of label, coarse and fine; train.bin and test.bin. Classes are named by
// fine_label_names.txt or coarse_label_names.txt, and by their numbers where these are absent.
type CIFAR100 struct {
	Records
	Labels string `toml:"labels"` // fine: 100 classes; coarse: 20
}

// NewCIFAR100 has no path set and takes the fine labels.
func NewCIFAR100() *CIFAR100 { return &CIFAR100{Records{Memory: 1 << 30}, "fine"} }

// Open implements Source.
func (s *CIFAR100) Open(env datasets.Env) (*datasets.Data, error) {
	count, at := 100, 1
	switch s.Labels {
	case "fine":
	case "coarse":
		count, at = 20, 0
	default:
		return nil, fmt.Errorf(`datasets: cifar100: labels = %q, want "fine" or "coarse"`, s.Labels)
	}
	return openCIFAR("cifar100", &s.Records, env, []string{"train.bin"}, "test.bin", 50_000,
		layout{h: 32, w: 32, labels: 2}, at,
		func(b *bundle) []string { return named(b.lines(s.Labels+"_label_names.txt"), count) })
}

// named is the names where there are as many as classes, else numbers.
func named(names []string, count int) []string {
	if len(names) == count {
		return names
	}
	names = make([]string, count)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}

// openCIFAR reads both sets; each training file has so many images, the test file 10,000. Byte labelAt of a record is
// its label.
func openCIFAR(name string, s *Records, env datasets.Env, train []string, test string, images int, l layout,
	labelAt int,
	classes func(*bundle) []string) (*datasets.Data, error) {
	fail := func(err error) (*datasets.Data, error) { return nil, fmt.Errorf("datasets: %s: %w", name, err) }
	if err := s.Validate(); err != nil {
		return fail(err)
	}
	wanted := append([]string{test, "fine_label_names.txt", "coarse_label_names.txt"}, train...)
	b, err := openBundle(env.Path(s.Path), wanted, s.Memory)
	if err != nil {
		return fail(err)
	}
	d := &datasets.Data{Roots: []string{env.Path(s.Path)}}
	for i, files := range [][]string{train, {test}} {
		r := &records{layout: l, classes: classes(b)}
		for _, f := range files {
			c, err := b.get(f)
			if err == nil {
				err = r.add(c, s.expected([]int{images, 10_000}[i]))
			}
			if err != nil {
				return fail(err)
			}
		}
		if err := r.readLabels(labelAt); err != nil {
			return fail(err)
		}
		if i == 0 {
			d.Train = r
		} else {
			d.Test = r
		}
	}
	return d, d.Check(name)
}
