package datasets

import "fmt"

// classNotes compares the classes that the parts of a set have images of, and names those that one part lacks. A source
// that takes its classes from the samples has refused before that a class is only in the test set, which nothing could
// learn.
func classNotes(train, test Labelled, classes []string) (notes []string) {
	learned, tested := countLabels(train, len(classes)), countLabels(test, len(classes))
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
				len(names), len(classes), what, firstFew(": ", names)))
		}
	}
	say("no image", empty)
	say("test images and no training image, so that nothing can learn them", unlearned)
	say("no test image", untested)
	return notes
}
