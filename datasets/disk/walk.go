package disk

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Walker collects the images, or files of another kind, below a directory in sorted order, with the folders that name
// their classes.
type Walker struct {
	Dir       string
	Depth     int // folders in a class's name
	Classless bool
	Accept    []string // ends of the files' names; nil: ImageExtensions

	Files   []File
	Loose   string // an image without a class, relative to dir
	Classed string // a class
	Empty   string // a class without images
	Others  PassedOver
}

// folderEntry is what a folder holds.
type folderEntry struct {
	name   string
	folder bool
}

// readFolder lists a folder in sorted order, without names that begin with a dot. Links are followed.
func readFolder(dir string) (list []folderEntry, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		isDir := e.IsDir()
		if e.Type()&os.ModeSymlink != 0 {
			// a link to nowhere fails as an image, if it is named like one
			target, err := os.Stat(filepath.Join(dir, e.Name()))
			isDir = err == nil && target.IsDir()
		}
		list = append(list, folderEntry{e.Name(), isDir})
	}
	return list, nil
}

// level is a folder above the one that is walked.
type level struct {
	path string
	info os.FileInfo
}

// MaxDepth is how many folders may lie in each other.
const MaxDepth = 32

// ImageExtensions are the ends of the names of images.
var ImageExtensions = []string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}

// Walk fills the lists.
func (w *Walker) Walk() error { return w.enter(w.Dir, 0, "", nil) }

// enter walks a folder; class is the path from dir to it as far as it names a class, above the folders that lead here.
func (w *Walker) enter(folder string, depth int, class string, above []level) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	for _, a := range above {
		if os.SameFile(a.info, info) {
			return fmt.Errorf("%s leads back to %s, a folder above it; remove the link", folder, a.path)
		}
	}
	if depth > MaxDepth {
		return fmt.Errorf("%s: more than %d folders deep", folder, MaxDepth)
	}
	entries, err := readFolder(folder)
	if err != nil {
		return err
	}
	if err := w.clash(folder, depth, entries); err != nil {
		return err
	}
	before := len(w.Files)
	for _, e := range entries {
		at := filepath.Join(folder, e.name)
		switch {
		case e.folder:
			below := class
			if depth < w.Depth && !w.Classless {
				below = path.Join(class, e.name)
			}
			if err := w.enter(at, depth+1, below, append(above, level{folder, info})); err != nil {
				return err
			}
		case w.accepts(e.name):
			if err := w.found(at, depth, class); err != nil {
				return err
			}
		default:
			w.Others.Add(at, filepath.Ext(e.name))
		}
	}
	if depth == w.Depth && !w.Classless && len(w.Files) == before && w.Empty == "" {
		w.Empty = class
	}
	return nil
}

func (w *Walker) accepts(name string) bool {
	name = strings.ToLower(name)
	if w.Accept == nil {
		return slices.Contains(ImageExtensions, filepath.Ext(name))
	}
	return slices.ContainsFunc(w.Accept, func(end string) bool { return strings.HasSuffix(name, end) })
}

func (w *Walker) found(at string, depth int, class string) error {
	f := File{Name: at, From: ByName{}, Label: -1}
	switch {
	case w.Classless:
	case depth == 0:
		if w.Loose == "" {
			w.Loose = filepath.Base(at)
		}
	case depth < w.Depth:
		return fmt.Errorf("%s is %d folders deep, class_depth = %d", at, depth, w.Depth)
	default:
		f.Class = class
		if w.Classed == "" {
			w.Classed = class
		}
	}
	w.Files = append(w.Files, f)
	return nil
}

// clash refuses class folders that differ in case alone: on another system they would be one.
func (w *Walker) clash(folder string, depth int, entries []folderEntry) error {
	if w.Classless || depth >= w.Depth {
		return nil
	}
	seen := map[string]string{}
	for _, e := range entries {
		if low := strings.ToLower(e.name); e.folder {
			if other, ok := seen[low]; ok {
				return fmt.Errorf("%s holds the classes %s and %s, which differ in case alone; rename or merge them",
					folder, other, e.name)
			}
			seen[low] = e.name
		}
	}
	return nil
}
