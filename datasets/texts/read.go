package texts

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// textReader finds the texts.
type textReader struct {
	*Text
	skipped []datasets.Skip
	others  disk.PassedOver
}

func (r *textReader) refuse(at string, err error) {
	r.skipped = append(r.skipped, datasets.Skip{Name: at, Err: err})
}

// path reads a file or a directory.
func (r *textReader) path(path string) (all []passage, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return r.dir(path)
	}
	switch disk.TextKind(path) {
	case ".txt":
		if r.Label != "" || r.Part != "" {
			return nil, fmt.Errorf("%s: label = %q and split = %q name columns, and a .txt file has none", path,
				r.Label, r.Part)
		}
		return r.file(path, "")
	case ".csv", ".tsv", ".jsonl", ".ndjson":
		return r.entries(path)
	}
	return nil, fmt.Errorf("%s: want a directory, or a file named .txt, .csv, .tsv or .jsonl, or one of these with .gz",
		path)
}

// entries reads labelled passages.
func (r *textReader) entries(path string) (all []passage, err error) {
	keys := []string{r.Text.Text}
	for _, k := range []string{r.Label, r.Part} {
		if k != "" {
			keys = append(keys, k)
		}
	}
	found, err := disk.ReadEntries(path, r.Memory, keys, r.refuse)
	for _, e := range found {
		p := passage{at: e.At, text: strings.Join(e.Values[0], "\n")}
		rest := e.Values[1:]
		if r.Label != "" {
			p.class, rest = rest[0][0], rest[1:]
		}
		if r.Part != "" {
			p.part = rest[0][0]
		}
		switch {
		case strings.TrimSpace(p.text) == "":
			r.refuse(e.At, fmt.Errorf("%q is empty, want a text", r.Text.Text))
		case r.Label != "" && p.class == "":
			r.refuse(e.At, fmt.Errorf("%q is empty, want a label", r.Label))
		default:
			all = append(all, p)
		}
	}
	return all, err
}

// dir reads the .txt files of a directory: of each folder in it as a class, or those directly in it without labels.
func (r *textReader) dir(dir string) (all []passage, err error) {
	if r.Label != "" || r.Part != "" {
		return nil, fmt.Errorf("%s: label = %q and split = %q name columns, and a directory has none", dir, r.Label,
			r.Part)
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
	for _, f := range w.Files {
		found, err := r.file(f.Name, f.Class)
		if err != nil {
			r.refuse(f.Name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// file cuts a .txt file into texts.
func (r *textReader) file(path, class string) (all []passage, err error) {
	b, err := disk.ReadText(path, r.Memory)
	if err != nil {
		return nil, err
	}
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	text := string(b)
	add := func(line int, t string) {
		if strings.TrimSpace(t) != "" {
			all = append(all, passage{at: fmt.Sprintf("%s:%d", path, line), text: t, class: class})
		}
	}
	switch r.Unit {
	case "documents":
		add(1, text)
	case "windows":
		r.windows(text, add)
	default:
		r.lines(text, add)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %d bytes of white space, want text", path, len(b))
	}
	return all, nil
}

// lines cuts at the end of each line, or where empty lines are.
func (r *textReader) lines(text string, add func(line int, t string)) {
	line, from, start := 0, 0, 1 // of the paragraph: its first byte and line
	at := 0
	for l := range strings.Lines(text) {
		line++
		if r.Unit == "lines" {
			add(line, strings.TrimSuffix(l, "\n"))
			continue
		}
		if strings.TrimSpace(l) == "" {
			add(start, strings.TrimSpace(text[from:at]))
			from, start = at+len(l), line+1
		}
		at += len(l)
	}
	if r.Unit == "paragraphs" {
		add(start, strings.TrimSpace(text[from:]))
	}
}

// windows cuts after every window symbols; the rest is shorter.
func (r *textReader) windows(text string, add func(line int, t string)) {
	line, from, n := 1, 0, 0
	end := func(to int) {
		add(line, text[from:to])
		line += strings.Count(text[from:to], "\n")
		from, n = to, 0
	}
	unit := r.Text.Vocabulary
	if unit == datasets.Bytes || unit == datasets.Pairs {
		unit = datasets.Characters // which are not cut in two; pairs are not known yet
	}
	for at, symbol := range datasets.Units(text, unit) {
		size := 1
		if r.Text.Vocabulary == datasets.Bytes {
			size = len(symbol)
		}
		if n > 0 && n+size > r.Window {
			end(at)
		}
		n += size
	}
	end(len(text))
}
