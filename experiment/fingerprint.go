package experiment

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"selfsup/datasets"
	"selfsup/experiment/folder"
)

// Files of a run folder that say what its data were.
const (
	dataFile   = "data.json"
	imagesFile = "data.images.tsv.gz" // a line an image: set, class, height, width, channels, checksum, name
)

// fingerprint is what a run records of its data, so that it goes on with the same or not at all.
type fingerprint struct {
	Source   string    `json:"source"`   // the recipe's choice
	Train    int       `json:"train"`    // images
	Test     int       `json:"test"`     // the same
	Labelled int       `json:"labelled"` // of a set beside the training images that evaluations learn from
	Classes  []string  `json:"classes"`
	Mean     []float32 `json:"mean"` // that views are made with, in units of full scale
	Std      []float32 `json:"std"`
	Images   string    `json:"images"` // SHA-256 of the list of images

	list []byte // of images, as in imagesFile: a tenth of what it takes apart
}

// dataImage is a line of the list.
type dataImage struct {
	set, class string
	shape      [3]int // 0 where the set does not know it
	sum        string // of its bytes, or, where the set does not know it, of its pixels
	name       string // below the data's root
}

func (m *dataImage) place() string { return m.set + " " + m.name }

func (m *dataImage) write(w io.Writer) {
	fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n",
		m.set, strconv.Quote(m.class), m.shape[0], m.shape[1], m.shape[2], m.sum, strconv.Quote(m.name))
}

// fingerprintOf lists every image of opened data.
func fingerprintOf(source string, d *datasets.Data, tell func(done, total int)) (f *fingerprint, err error) {
	defer datasets.Guard(&err) // texts that stay on the disk
	f = &fingerprint{Source: source, Classes: d.Train.Classes()}
	digest := sha256.New()
	var list bytes.Buffer
	z, err := gzip.NewWriterLevel(&list, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	out := bufio.NewWriter(io.MultiWriter(digest, z))
	for _, part := range []struct {
		name string
		set  datasets.Labelled
		n    *int
	}{{"train", d.Train, &f.Train}, {"test", d.Test, &f.Test}, {"labelled", d.Labelled, &f.Labelled}} {
		if part.set == nil {
			continue
		}
		*part.n = part.set.Len()
		shaped, _ := part.set.(datasets.Shaped)
		sum := contents(part.set)
		if s, ok := part.set.(datasets.Summed); ok {
			sum = s.Sum
		}
		for i := range part.set.Len() {
			tell(i+1, part.set.Len())
			m := dataImage{set: part.name, name: d.Relative(part.set.Name(i))}
			if l := part.set.Label(i); l >= 0 {
				m.class = part.set.Classes()[l]
			}
			if shaped != nil {
				m.shape[0], m.shape[1], m.shape[2] = shaped.Shape(i)
			}
			sum, err := sum(i)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", part.set.Name(i), err)
			}
			m.sum = fmt.Sprintf("%08x", sum)
			m.write(out)
		}
	}
	if err := errors.Join(out.Flush(), z.Close()); err != nil {
		return nil, err
	}
	f.list = list.Bytes()
	f.Images = hex.EncodeToString(digest.Sum(nil))
	return f, nil
}

// contents returns the checksum of what a sample holds, whatever kind it is of.
func contents(set datasets.Labelled) func(i int) (uint32, error) {
	numbers := func(v any) uint32 {
		h := crc32.NewIEEE()
		binary.Write(h, binary.LittleEndian, v)
		return h.Sum32()
	}
	switch s := set.(type) {
	case datasets.Set:
		var pixels datasets.Image
		return func(i int) (uint32, error) {
			err := s.Image(i, &pixels)
			return crc32.ChecksumIEEE(pixels.Pix), err
		}
	case datasets.ClipSet:
		frames := make([]datasets.Image, s.Frames())
		return func(i int) (sum uint32, err error) {
			err = s.Clip(i, frames)
			for _, f := range frames {
				sum = crc32.Update(sum, crc32.IEEETable, f.Pix)
			}
			return sum, err
		}
	case datasets.RowSet:
		row := make([]float64, len(s.Columns()))
		return func(i int) (uint32, error) {
			err := s.Row(i, row)
			return numbers(row), err
		}
	case datasets.WaveSet:
		return func(i int) (uint32, error) {
			wave := make([]float32, s.Samples(i)*s.Channels())
			err := s.Window(i, 0, wave)
			return numbers(wave), err
		}
	case datasets.TextSet:
		return func(i int) (uint32, error) { return crc32.ChecksumIEEE([]byte(s.Text(i))), nil }
	}
	return func(int) (uint32, error) { return 0, nil }
}

// writeFingerprint records the data of a run in its folder.
func (s *Setup) writeFingerprint(to *folder.Folder) error {
	f := *s.fingerprint
	s.fingerprint = nil // as large as the list of images
	if s.Views != nil {
		f.Mean, f.Std = s.Views.Mean, s.Views.Std
	}
	err := folder.Replace(to.File(imagesFile), func(w io.Writer) error {
		_, err := w.Write(f.list)
		return err
	})
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return folder.WriteJSON(to.File(dataFile), f) // last: it says that the list is whole
}

// readFingerprint is what a run folder recorded of its data, without the list; nil if it recorded nothing.
func readFingerprint(from *folder.Folder) (*fingerprint, error) {
	text, err := os.ReadFile(from.File(dataFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	f := new(fingerprint)
	if err == nil {
		err = json.Unmarshal(text, f)
	}
	if err != nil {
		return nil, &DataError{fmt.Errorf("%s: %w", from.File(dataFile), err)}
	}
	return f, nil
}

// readImages is the list of images of a run folder.
func readImages(from *folder.Folder) (list []dataImage, err error) {
	at := from.File(imagesFile)
	defer func() {
		if err != nil {
			err = &DataError{fmt.Errorf("%s: %w", at, err)}
		}
	}()
	in, err := os.Open(at)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return parseImages(in)
}

// parseImages is a list of images as it is written.
func parseImages(in io.Reader) (list []dataImage, err error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m dataImage
		part := strings.Split(lines.Text(), "\t")
		if len(part) != 7 {
			return nil, fmt.Errorf("line %d has %d fields, want 7", len(list)+1, len(part))
		}
		for i := range m.shape {
			if m.shape[i], err = strconv.Atoi(part[2+i]); err != nil {
				return nil, fmt.Errorf("line %d: %w", len(list)+1, err)
			}
		}
		m.set, m.sum = part[0], part[5]
		var bad error
		m.class, err = strconv.Unquote(part[1])
		m.name, bad = strconv.Unquote(part[6])
		if err = errors.Join(err, bad); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(list)+1, err)
		}
		list = append(list, m)
	}
	return list, lines.Err()
}

// differs says how data differ from those that a run recorded; empty: in nothing. list is the run's list of images,
// read when it is needed.
func (f *fingerprint) differs(was *fingerprint, list func() ([]dataImage, error)) (string, error) {
	if f.Images == was.Images && slices.Equal(f.Classes, was.Classes) {
		return "", nil
	}
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	count := func(what string, now, then int) {
		if now != then {
			say("%d %s images, the run has %d", now, what, then)
		}
	}
	if f.Source != was.Source {
		say("dataset.%s, the run has dataset.%s", f.Source, was.Source)
	}
	count("training", f.Train, was.Train)
	count("test", f.Test, was.Test)
	count("other labelled", f.Labelled, was.Labelled)
	if !slices.Equal(f.Classes, was.Classes) {
		gone, come := without(was.Classes, f.Classes), without(f.Classes, was.Classes)
		say("%d classes, the run has %d%s%s",
			len(f.Classes), len(was.Classes), few("; gone: ", gone), few("; new: ", come))
	}
	old, err := list()
	if err != nil {
		return "", err
	}
	now, err := parseImages(bytes.NewReader(f.list))
	if err != nil {
		return "", err
	}
	said = append(said, changes(old, now)...)
	return strings.Join(said, "; "), nil
}

// changes names the images that two lists do not share.
func changes(old, now []dataImage) (said []string) {
	before := make(map[string]*dataImage, len(old))
	for i := range old {
		before[old[i].place()] = &old[i]
	}
	var added []*dataImage
	var changed, moved, renamed []string
	for i := range now {
		m := &now[i]
		o := before[m.place()]
		switch {
		case o == nil:
			added = append(added, m)
			continue
		case o.class != m.class:
			changed = append(changed, fmt.Sprintf("%s, class %q, was %q", m.place(), m.class, o.class))
		case *o != *m:
			changed = append(changed, m.place())
		}
		delete(before, m.place())
	}
	var gone []*dataImage
	byName, bySum := map[string]*dataImage{}, map[string]*dataImage{}
	for i := range old {
		if o := &old[i]; before[o.place()] != nil {
			gone = append(gone, o)
			byName[o.name] = o
			bySum[o.sum] = o
		}
	}
	matched := map[*dataImage]bool{}
	var come []string
	for _, m := range added {
		if o := byName[m.name]; o != nil && !matched[o] {
			matched[o] = true
			moved = append(moved, fmt.Sprintf("%s, was in %s", m.place(), o.set))
		} else if o := bySum[m.sum]; o != nil && !matched[o] && o.shape == m.shape {
			matched[o] = true
			renamed = append(renamed, fmt.Sprintf("%s, was %s", m.place(), o.place()))
		} else {
			come = append(come, m.place())
		}
	}
	var missing []string
	for _, o := range gone {
		if !matched[o] {
			missing = append(missing, o.place())
		}
	}
	for _, c := range []struct {
		what  string
		names []string
	}{
		{"added", come}, {"removed", missing}, {"renamed", renamed}, {"moved by the split", moved},
		{"changed", changed},
	} {
		if n := len(c.names); n > 0 {
			said = append(said, fmt.Sprintf("%d %s%s", n, c.what, few(": ", c.names)))
		}
	}
	if said == nil {
		said = []string{"the images are the same, in another order"}
	}
	return said
}

// few names the first three, after a word; nothing where there are none.
func few(word string, names []string) string {
	switch n := len(names); {
	case n == 0:
		return ""
	case n > 3:
		return fmt.Sprintf("%s%s and %d more", word, strings.Join(names[:3], ", "), n-3)
	}
	return word + strings.Join(names, ", ")
}

// without lists what of a is not in b.
func without(a, b []string) (rest []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// recognise compares the opened data of a setup with those that a run folder recorded. The remark says that there is no
// record.
func (s *Setup) recognise(f *folder.Folder) (remark string, err error) {
	if s.fingerprint, err = fingerprintOf(s.Recipe.Dataset.Name, s.Data,
		s.reads("comparing the "+s.Noun()+" with the run's")); err != nil {
		return "", &DataError{err}
	}
	was, err := readFingerprint(f)
	if err != nil {
		return "", err
	}
	if was == nil {
		return fmt.Sprintf("%s has no %s: nothing tells whether the data are those that it began with",
			f.Path, dataFile), nil
	}
	defer func() { s.fingerprint = nil }()
	d, err := s.fingerprint.differs(was, func() ([]dataImage, error) { return readImages(f) })
	if err != nil {
		return "", err
	}
	if d != "" {
		return "", &DataError{fmt.Errorf("%s: the data of dataset.%s are not those that the run began with: %s; "+
			"put them back as they were, or run the recipe anew",
			f.Path, s.Recipe.Dataset.Name, d)}
	}
	return "", nil
}
