package disk

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Parts names the directories of a set: one for training, one for the test.
type Parts struct {
	Train, Test string   // directories; test is empty where there is none
	Notes       []string // what else is there, and is not read
}

// TrainNames and testNames are the folders that the parts of a set are known by, in any case: the test set is the
// first of the second list that is there.
var TrainNames, TestNames = []string{"train"}, []string{"val", "valid", "validation", "dev", "test"}

// FindParts looks for the training and the test set in a directory.
func FindParts(root string) (p Parts, err error) {
	entries, err := readFolder(root)
	if err != nil {
		return p, err
	}
	var folders, images []string
	known := map[string]string{} // by the name in lower case
	for _, e := range entries {
		low := strings.ToLower(e.name)
		switch {
		case e.folder && slices.Contains(slices.Concat(TrainNames, TestNames), low):
			if other := known[low]; other != "" {
				return p, fmt.Errorf("%s holds %s and %s, which differ in case alone; rename or merge them",
					root, other, e.name)
			}
			known[low] = e.name
			folders = append(folders, e.name)
		case e.folder:
			folders = append(folders, e.name)
		case slices.Contains(ImageExtensions, strings.ToLower(filepath.Ext(e.name))):
			images = append(images, e.name)
		}
	}
	first := func(names []string) string {
		for _, n := range names {
			if name := known[n]; name != "" {
				return name
			}
		}
		return ""
	}
	train, test := first(TrainNames), first(TestNames)
	if train == "" {
		return p, fmt.Errorf("%s has no folder train%s; want train, and %s or none of them",
			root, FirstFew("; it holds ", folders), strings.Join(TestNames, ", "))
	}
	p.Train = filepath.Join(root, train)
	if test != "" {
		p.Test = filepath.Join(root, test)
	}
	rest := slices.DeleteFunc(folders, func(n string) bool { return n == train || n == test })
	if len(rest) > 0 {
		as := "a share of train is the test set"
		if test != "" {
			as = test + " is the test set"
		}
		p.Notes = append(p.Notes, fmt.Sprintf("folders beside %s that are not read%s; %s",
			train, FirstFew(": ", rest), as))
	}
	if len(images) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d images beside %s that are not read%s",
			len(images), train, FirstFew(": ", images)))
	}
	return p, nil
}

// HasParts reports whether a directory holds a folder train, in any case, which Folder.Root then names.
func HasParts(dir string) bool {
	entries, err := readFolder(dir)
	return err == nil && slices.ContainsFunc(entries, func(e folderEntry) bool {
		return e.folder && slices.Contains(TrainNames, strings.ToLower(e.name))
	})
}
