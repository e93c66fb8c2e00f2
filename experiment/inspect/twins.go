package inspect

import (
	"fmt"
	"strings"

	"selfsup/datasets"
)

// labelledPart is a part of data of any kind, and, of images that were read, their digests.
type labelledPart struct {
	name     string // train, test or labelled
	set      datasets.Labelled
	contents datasets.Contents
}

// Both is an image that occurs in the training set and in the test set.
type Both struct {
	Train string `json:"train"` // names
	Test  string `json:"test"`
}

func (b Both) String() string { return fmt.Sprintf("%s is the training image %s", b.Test, b.Train) }

// inBoth names the test images that are training images too, by their pixels. Sets that hold no images, or were not
// read, share none.
func inBoth(parts []labelledPart) ([]Both, error) {
	list := []Both{}
	for _, test := range parts {
		y, ok := test.set.(datasets.Set)
		if test.name != "test" || !ok {
			continue
		}
		for _, train := range parts {
			x, ok := train.set.(datasets.Set)
			if train.name == "test" || !ok {
				continue
			}
			found, err := datasets.Twins(x, y, train.contents, test.contents)
			if err != nil {
				return list, err
			}
			for _, t := range found {
				list = append(list, Both{x.Name(t.Train), y.Name(t.Test)})
			}
		}
	}
	return list, nil
}

// describeBoth says which images are in both sets, for people; not all, where they are many.
func describeBoth(both []Both) string {
	if len(both) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "in both     %d test images are training images too, by their pixels\n", len(both))
	for i, t := range both {
		if i == fewNamed {
			fmt.Fprintf(&b, "            and %d more, which data verify names\n", len(both)-i)
			break
		}
		fmt.Fprintf(&b, "            %s\n", t)
	}
	return b.String()
}
