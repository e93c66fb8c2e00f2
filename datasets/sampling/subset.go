package sampling

import (
	"fmt"
	"math"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/resample"
)

// Subset is a table of a recipe that keeps part of a set. Which images it keeps depends on its own seed, so that runs
// with other seeds compare; a smaller share of a class is part of every larger one.
type Subset interface {
	// Rows lists the samples of a set that are kept, in order.
	Rows(set datasets.Labelled) ([]int32, error)
}

// Take is the subset of a set; a nil subset is the whole.
func Take(s Subset, set datasets.Labelled) (datasets.Labelled, error) {
	if s == nil {
		return set, nil
	}
	rows, err := s.Rows(set)
	if err != nil {
		return nil, err
	}
	return Part(set, rows), nil
}

// WithLabels is the samples of a set that have a label: the set itself where all have one.
func WithLabels(set datasets.Labelled) datasets.Labelled {
	n := datasets.CountLabelled(set)
	if n == set.Len() {
		return set
	}
	rows := make([]int32, 0, n)
	for i := range set.Len() {
		if set.Label(i) >= 0 {
			rows = append(rows, int32(i))
		}
	}
	return Part(set, rows)
}

// Hide is a set of which the samples that hidden names have no label; nil hides none. It is for samplers, which look at
// labels alone.
func Hide(set datasets.Labelled, hidden []bool) datasets.Labelled {
	if hidden == nil {
		return set
	}
	return &veiled{set, hidden}
}

type veiled struct {
	datasets.Labelled
	hidden []bool
}

func (v *veiled) Label(i int) int {
	if v.hidden[i] {
		return -1
	}
	return v.Labelled.Label(i)
}

// Part is the samples of a set at the given rows, in their order; nil rows are all. Of a set of images it is one too.
func Part(set datasets.Labelled, rows []int32) datasets.Labelled {
	if rows == nil {
		return set
	}
	p := part{set, rows}
	if images, ok := set.(datasets.Set); ok {
		return &imagePart{p, images}
	}
	return &p
}

// Whole is the set that a part was made of, and where its samples are there; of another set it is the set itself and
// nil.
func Whole(set datasets.Labelled) (datasets.Labelled, []int32) {
	p, ok := set.(interface {
		split() (datasets.Labelled, []int32)
	})
	if !ok {
		return set, nil
	}
	below, rows := p.split()
	whole, inner := Whole(below)
	if inner == nil {
		return whole, rows
	}
	all := make([]int32, len(rows))
	for i, row := range rows {
		all[i] = inner[row]
	}
	return whole, all
}

// part is some samples of a set, at 4 bytes each.
type part struct {
	whole datasets.Labelled
	rows  []int32
}

func (p *part) Len() int                            { return len(p.rows) }
func (p *part) Classes() []string                   { return p.whole.Classes() }
func (p *part) Label(i int) int                     { return p.whole.Label(int(p.rows[i])) }
func (p *part) Name(i int) string                   { return p.whole.Name(int(p.rows[i])) }
func (p *part) split() (datasets.Labelled, []int32) { return p.whole, p.rows }

// imagePart is some images of a set.
type imagePart struct {
	part
	images datasets.Set
}

func (p *imagePart) Image(i int, dst *datasets.Image) error {
	return p.images.Image(int(p.rows[i]), dst)
}

// Part implements datasets.Partial.
func (p *imagePart) Part(i int, dst *datasets.Image, choose func(h, w int) resample.Box) error {
	return datasets.Part(p.images, int(p.rows[i]), dst, choose)
}

// LongTail keeps fewer and fewer images from class to class, in the order of the classes.
//
// With the profile exponential, class c of K keeps the fraction ratio^(-c/(K-1)): Cui et al. 2019, CVPR,
// arXiv:1901.05555, sec. 5.1. With step, the second half of the classes keeps 1/ratio: Buda et al. 2018,
// arXiv:1710.05381, sec. 3.1. The fractions are of the largest number that leaves no class short of its share; in a
// balanced set that is the size of a class. Images without a label are left out.
type LongTail struct {
	Profile string  `toml:"profile"` // exponential | step
	Ratio   float64 `toml:"ratio"`   // images of the largest class for one of the smallest
	Seed    uint64  `toml:"seed"`    // which images of a class are kept
}

// DefaultLongTail is the exponential profile at imbalance 100.
func DefaultLongTail() *LongTail { return &LongTail{Profile: "exponential", Ratio: 100} }

// Validate checks the settings.
func (s *LongTail) Validate() error {
	if s.Profile != "exponential" && s.Profile != "step" {
		return fmt.Errorf("profile = %q, want \"exponential\" or \"step\"", s.Profile)
	}
	if !(s.Ratio >= 1 && s.Ratio <= 1e6) {
		return fmt.Errorf("ratio = %v, want 1 to 1e6: images of the largest class for one of the smallest", s.Ratio)
	}
	return nil
}

// share is the fraction that class c of k keeps.
func (s *LongTail) share(c, k int) float64 {
	switch {
	case k < 2:
		return 1
	case s.Profile == "step":
		if c >= (k+1)/2 {
			return 1 / s.Ratio
		}
		return 1
	}
	return math.Pow(s.Ratio, -float64(c)/float64(k-1))
}

// Rows implements Subset.
func (s *LongTail) Rows(set datasets.Labelled) ([]int32, error) {
	members, err := byClass(set)
	if err != nil {
		return nil, fmt.Errorf("sampling: long_tail: %w", err)
	}
	largest := math.Inf(1)
	for c, rows := range members {
		if len(rows) == 0 {
			return nil, fmt.Errorf("sampling: long_tail: class %q has no images", set.Classes()[c])
		}
		largest = min(largest, float64(len(rows))/s.share(c, len(members)))
	}
	var kept []int32
	for c, rows := range members {
		n := int(math.Round(largest * s.share(c, len(members))))
		if n < 1 {
			return nil, fmt.Errorf("sampling: long_tail: ratio = %v leaves no image of class %q, the largest "+
				"class keeps %.0f; want a smaller ratio",
				s.Ratio, set.Classes()[c], largest)
		}
		kept = append(kept, choose(rows, min(n, len(rows)), s.Seed, c)...)
	}
	slices.Sort(kept)
	return kept, nil
}

// FewShot keeps a fraction of every class, or so many images of it.
//
// The splits of 1 % and 10 % of semi-supervised evaluation (Chen et al. 2020, arXiv:2002.05709, sec. 4
// "semi-supervised") and the k images a class of few-shot evaluation. An unlabelled set keeps a fraction of all.
type FewShot struct {
	Fraction float64 `toml:"fraction"`  // of each class, rounded, at least one image; 0: per_class counts
	PerClass int     `toml:"per_class"` // images of each class; 0: fraction counts
	Seed     uint64  `toml:"seed"`      // which images
}

// DefaultFewShot has neither set; one is to be chosen.
func DefaultFewShot() *FewShot { return &FewShot{} }

// Validate checks the settings.
func (s *FewShot) Validate() error {
	switch {
	case s.Fraction == 0 && s.PerClass == 0 || s.Fraction != 0 && s.PerClass != 0:
		return fmt.Errorf("fraction = %v, per_class = %d: want one of the two above 0", s.Fraction, s.PerClass)
	case !(s.Fraction >= 0 && s.Fraction <= 1):
		return fmt.Errorf("fraction = %v, want above 0 and at most 1", s.Fraction)
	case s.PerClass < 0:
		return fmt.Errorf("per_class = %d, want at least 1 image", s.PerClass)
	}
	return nil
}

// Rows implements Subset.
func (s *FewShot) Rows(set datasets.Labelled) ([]int32, error) {
	members, err := byClass(set)
	if err != nil && s.PerClass > 0 {
		return nil, fmt.Errorf("sampling: few_shot: per_class = %d: %w", s.PerClass, err)
	}
	if err != nil {
		all := make([]int32, set.Len())
		for i := range all {
			all[i] = int32(i)
		}
		members = [][]int32{all}
	}
	var kept []int32
	for c, rows := range members {
		if len(rows) == 0 {
			continue
		}
		n := s.PerClass
		if s.Fraction > 0 {
			n = max(1, int(math.Round(s.Fraction*float64(len(rows)))))
		}
		if n > len(rows) {
			return nil, fmt.Errorf("sampling: few_shot: per_class = %d, class %q has %d images", n, set.Classes()[c],
				len(rows))
		}
		kept = append(kept, choose(rows, n, s.Seed, c)...)
	}
	slices.Sort(kept)
	return kept, nil
}

// choose is n of the rows of a class; more of them begin with the same.
func choose(rows []int32, n int, seed uint64, class int) []int32 {
	r := datasets.NewRand(seed, "subset", uint64(class))
	kept := make([]int32, n)
	for i, k := range r.Order(make([]int, len(rows)))[:n] {
		kept[i] = rows[k]
	}
	return kept
}
