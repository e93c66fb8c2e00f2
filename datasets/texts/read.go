package texts

import (
	"bytes"
	"fmt"
	"os"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/setting"
)

type setSize = setting.Size

// textReader finds the texts.
type textReader struct {
	*Text
	skipped []datasets.Skip
	others  disk.PassedOver
}

func (r *textReader) refuse(at string, err error) {
	r.skipped = append(r.skipped, datasets.Skip{Name: at, Err: err})
}

// path reads a file or a directory: into memory where it is small enough.
func (r *textReader) path(path string) (store, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var files []disk.File
	if info.IsDir() {
		if files, err = r.dir(path); err != nil {
			return nil, err
		}
	} else {
		switch disk.TextKind(path) {
		case ".txt":
			if r.ofColumns() {
				return nil, r.noColumns(path, "a .txt file")
			}
		case ".csv", ".tsv", ".jsonl", ".ndjson":
		default:
			return nil, fmt.Errorf("%s: want a directory, or a file named .txt, .csv, .tsv or .jsonl, or one of these "+
				"with .gz", path)
		}
		files = []disk.File{{Name: path}}
	}
	large, err := r.large(files)
	if err != nil {
		return nil, err
	}
	if large {
		return r.index(files)
	}
	all, err := r.hold(files, info.IsDir())
	return all, err
}

// ofColumns reports whether settings name columns beside the text.
func (r *textReader) ofColumns() bool {
	return r.Label != "" || r.Part != "" || r.Positive != "" || r.Negative != ""
}

// noColumns is the error of settings that name columns of what has none.
func (r *textReader) noColumns(path, what string) error {
	return fmt.Errorf("%s: label = %q, split = %q, positive = %q and negative = %q name columns, and %s has none", path,
		r.Label, r.Part, r.Positive, r.Negative, what)
}

// large reports whether files are too large to be held, unpacked.
func (r *textReader) large(files []disk.File) (bool, error) {
	left := int64(r.Memory)
	for _, f := range files {
		info, err := os.Stat(f.Name)
		if err != nil {
			return false, err
		}
		size := info.Size()
		if info.Mode().IsRegular() && size <= left {
			packed, err := disk.Packed(f.Name)
			if err == nil && packed {
				size, err = disk.UnpacksTo(f.Name, left+1)
			}
			if err != nil {
				return false, err
			}
		}
		if left -= size; left < 0 {
			return true, nil
		}
	}
	return false, nil
}

// dir lists the .txt files of a directory: of each folder in it as a class, or those directly in it without labels.
func (r *textReader) dir(dir string) ([]disk.File, error) {
	if r.ofColumns() {
		return nil, r.noColumns(dir, "a directory")
	}
	w := disk.Walker{Dir: dir, Depth: 1, Accept: []string{".txt", ".txt.gz"}}
	if err := w.Walk(); err != nil {
		return nil, err
	}
	r.others.Join(w.Others)
	switch {
	case len(w.Files) == 0:
		return nil, fmt.Errorf("no .txt files in %s", dir)
	case w.Loose != "" && w.Classed != "":
		return nil, fmt.Errorf("%s holds both texts (%s) and folders of texts (%s); move one", dir, w.Loose, w.Classed)
	case w.Empty != "":
		return nil, fmt.Errorf("class %s of %s holds no .txt files; remove the folder, or put texts in it", w.Empty,
			dir)
	}
	return w.Files, nil
}

// hold reads files into memory. A file of several that cannot be read is refused by itself.
func (r *textReader) hold(files []disk.File, several bool) (held, error) {
	var all held
	for _, f := range files {
		before := len(all)
		refused := len(r.skipped)
		s := section{path: f.Name, class: f.Class, line: 1}
		n, err := r.contents(&s)
		if err == nil {
			err = (&cutter{r.Text, r.refuse}).each(s, func(f found) bool {
				all = append(all, f.passage)
				return true
			})
		}
		if err == nil && len(all) == before && len(r.skipped) == refused && s.table == nil {
			err = fmt.Errorf("%s: %d bytes of white space, want text", f.Name, n)
		}
		switch {
		case err != nil && several:
			r.refuse(f.Name, err)
		case err != nil:
			return nil, err
		}
	}
	return all, nil
}

// contents opens a file in memory, of how many bytes it says.
func (r *textReader) contents(s *section) (n int, err error) {
	var b []byte
	switch disk.TextKind(s.path) {
	case ".csv", ".tsv":
		if b, err = disk.ReadText(s.path, r.Memory); err != nil {
			return 0, err
		}
		if s.table, err = disk.ReadCSV(s.path, disk.Separator(s.path), b); err == nil {
			err = s.table.Check()
		}
		s.in = nil // the table's own
	default:
		b, err = disk.ReadBytes(s.path, r.Memory)
		s.in = bytes.NewReader(b)
	}
	return len(b), err
}
