package datasets

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// What a source does not read is counted and named: nobody should learn from the result that images were left out.

// passedOver counts files that are not read, by the ends of their names. The zero value is none.
type passedOver map[string]*passedKind

type passedKind struct {
	files int
	first string
}

// add counts a file.
func (p *passedOver) add(name, end string) {
	if *p == nil {
		*p = passedOver{}
	}
	end = strings.ToLower(end)
	if k := (*p)[end]; k != nil {
		k.files++
		return
	}
	(*p)[end] = &passedKind{1, name}
}

// join adds what another one counted.
func (p *passedOver) join(o passedOver) {
	for _, end := range slices.Sorted(maps.Keys(o)) {
		k := o[end]
		p.add(k.first, end)
		(*p)[end].files += k.files - 1
	}
}

// String lists the kinds, the most frequent first: 12 .heic (such as a/1.HEIC), 1 without an extension (such as
// LICENSE).
func (p passedOver) String() string {
	kinds := slices.SortedFunc(maps.Keys(p), func(a, b string) int {
		return cmp.Or(cmp.Compare(p[b].files, p[a].files), strings.Compare(a, b))
	})
	var said []string
	for i, end := range kinds {
		if i == 8 {
			said = append(said, fmt.Sprintf("and %d kinds more", len(kinds)-i))
			break
		}
		name := end
		if end == "" {
			name = "without an extension"
		}
		said = append(said, fmt.Sprintf("%d %s (such as %s)", p[end].files, name, p[end].first))
	}
	return strings.Join(said, ", ")
}

// notes says what was passed over; none if nothing was.
func (p passedOver) notes() []string {
	if len(p) == 0 {
		return nil
	}
	return []string{"files that are not read: " + p.String()}
}

// rootParts is what a directory that holds the parts of a set has.
type rootParts struct {
	train, test string   // directories; test is empty where there is none
	notes       []string // what else is there, and is not read
}

// partNames are the folders that the parts of a set are known by, in any case: the test set is the first of the second
// list that is there.
var trainNames, testNames = []string{"train"}, []string{"val", "valid", "validation", "dev", "test"}

// findParts looks for the training and the test set in a directory.
func findParts(root string) (p rootParts, err error) {
	entries, err := readFolder(root)
	if err != nil {
		return p, err
	}
	var folders, images []string
	known := map[string]string{} // by the name in lower case
	for _, e := range entries {
		low := strings.ToLower(e.name)
		switch {
		case e.folder && slices.Contains(slices.Concat(trainNames, testNames), low):
			if other := known[low]; other != "" {
				return p, fmt.Errorf("%s holds %s and %s, which differ in case alone; rename or merge them",
					root, other, e.name)
			}
			known[low] = e.name
			folders = append(folders, e.name)
		case e.folder:
			folders = append(folders, e.name)
		case slices.Contains(extensions, strings.ToLower(filepath.Ext(e.name))):
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
	train, test := first(trainNames), first(testNames)
	if train == "" {
		return p, fmt.Errorf("%s has no folder train%s; want train, and %s or none of them",
			root, firstFew("; it holds ", folders), strings.Join(testNames, ", "))
	}
	p.train = filepath.Join(root, train)
	if test != "" {
		p.test = filepath.Join(root, test)
	}
	rest := slices.DeleteFunc(folders, func(n string) bool { return n == train || n == test })
	if len(rest) > 0 {
		as := "a share of train is the test set"
		if test != "" {
			as = test + " is the test set"
		}
		p.notes = append(p.notes, fmt.Sprintf("folders beside %s that are not read%s; %s",
			train, firstFew(": ", rest), as))
	}
	if len(images) > 0 {
		p.notes = append(p.notes, fmt.Sprintf("%d images beside %s that are not read%s",
			len(images), train, firstFew(": ", images)))
	}
	return p, nil
}

// HasParts reports whether a directory holds a folder train, in any case, which Folder.Root then names.
func HasParts(dir string) bool {
	entries, err := readFolder(dir)
	return err == nil && slices.ContainsFunc(entries, func(e folderEntry) bool {
		return e.folder && slices.Contains(trainNames, strings.ToLower(e.name))
	})
}

// firstFew names the first five, after a word; nothing where there are none.
func firstFew(word string, names []string) string {
	const few = 5
	switch n := len(names); {
	case n == 0:
		return ""
	case n > few:
		return fmt.Sprintf("%s%s and %d more", word, strings.Join(names[:few], ", "), n-few)
	}
	return word + strings.Join(names, ", ")
}

// divided refuses to take folders train and val for classes.
func divided(dir string, files []file) error {
	var train, test string
	for _, f := range files {
		name, _, _ := strings.Cut(f.class, "/")
		switch low := strings.ToLower(name); {
		case slices.Contains(trainNames, low):
			train = name
		case slices.Contains(testNames, low):
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
