package datasets

import (
	"fmt"
	"slices"

	"selfsup/datasets/disk"
)

// classNotes compares the classes that the parts of a set have images of, and names those that one part lacks. A source
// that takes its classes from the samples has refused before that a class is only in the test set, which nothing could
// learn.
func classNotes(train, test Labelled, classes []string) (notes []string) {
	learned, tested := CountLabels(train, len(classes)), CountLabels(test, len(classes))
	if CountLabelled(train) == 0 { // the training set has no labels: other images may
		return nil
	}
	var empty, unlearned, untested []string
	for c, name := range classes {
		switch {
		case learned[c] == 0 && tested[c] > 0:
			unlearned = append(unlearned, name)
		case learned[c] == 0:
			empty = append(empty, name)
		case test != nil && tested[c] == 0:
			untested = append(untested, name)
		}
	}
	say := func(what string, names []string) {
		if len(names) > 0 {
			notes = append(notes, fmt.Sprintf("%d of %d classes have %s%s",
				len(names), len(classes), what, disk.FirstFew(": ", names)))
		}
	}
	say("no image", empty)
	say("test images and no training image, so that nothing can learn them", unlearned)
	say("no test image", untested)
	return notes
}

// ClassNames sorts the classes: those of the training samples, or of the test samples where the training samples have
// none. A class that only the test samples have is an error: nothing could learn it.
func ClassNames(train, test []string) ([]string, error) {
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

// ClassIndex is the number of a class, or -1.
func ClassIndex(classes []string, class string) int {
	if i, ok := slices.BinarySearch(classes, class); ok {
		return i
	}
	return -1
}

// CountLabels counts the samples of each class of a set, which may be nil.
func CountLabels(s Labelled, classes int) []int {
	n := make([]int, classes)
	if s == nil {
		return n
	}
	for i := range s.Len() {
		if l := s.Label(i); l >= 0 {
			n[l]++
		}
	}
	return n
}
