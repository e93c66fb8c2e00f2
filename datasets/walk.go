package datasets

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// walker collects the images, or files of another kind, below a directory in sorted order, with the folders that name
// their classes.
type walker struct {
	dir       string
	depth     int // folders in a class's name
	classless bool
	accept    []string // ends of the files' names; nil: extensions of images

	files   []file
	loose   string // an image without a class, relative to dir
	classed string // a class
	empty   string // a class without images
	others  passedOver
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

const maxDepth = 32

var extensions = []string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}

// walk enters a folder; class is the path from dir to it as far as it names a class, above the folders that lead here.
func (w *walker) walk(folder string, depth int, class string, above []level) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	for _, a := range above {
		if os.SameFile(a.info, info) {
			return fmt.Errorf("%s leads back to %s, a folder above it; remove the link", folder, a.path)
		}
	}
	if depth > maxDepth {
		return fmt.Errorf("%s: more than %d folders deep", folder, maxDepth)
	}
	entries, err := readFolder(folder)
	if err != nil {
		return err
	}
	if err := w.clash(folder, depth, entries); err != nil {
		return err
	}
	before := len(w.files)
	for _, e := range entries {
		at := filepath.Join(folder, e.name)
		switch {
		case e.folder:
			below := class
			if depth < w.depth && !w.classless {
				below = path.Join(class, e.name)
			}
			if err := w.walk(at, depth+1, below, append(above, level{folder, info})); err != nil {
				return err
			}
		case w.accepts(e.name):
			if err := w.found(at, depth, class); err != nil {
				return err
			}
		default:
			w.others.add(at, filepath.Ext(e.name))
		}
	}
	if depth == w.depth && !w.classless && len(w.files) == before && w.empty == "" {
		w.empty = class
	}
	return nil
}

func (w *walker) accepts(name string) bool {
	name = strings.ToLower(name)
	if w.accept == nil {
		return slices.Contains(extensions, filepath.Ext(name))
	}
	return slices.ContainsFunc(w.accept, func(end string) bool { return strings.HasSuffix(name, end) })
}

func (w *walker) found(at string, depth int, class string) error {
	f := file{name: at, from: disk{}, label: -1}
	switch {
	case w.classless:
	case depth == 0:
		if w.loose == "" {
			w.loose = filepath.Base(at)
		}
	case depth < w.depth:
		return fmt.Errorf("%s is %d folders deep, class_depth = %d", at, depth, w.depth)
	default:
		f.class = class
		if w.classed == "" {
			w.classed = class
		}
	}
	w.files = append(w.files, f)
	return nil
}

// clash refuses class folders that differ in case alone: on another system they would be one.
func (w *walker) clash(folder string, depth int, entries []folderEntry) error {
	if w.classless || depth >= w.depth {
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
