// Package checkpoint keeps a Store and a step number in one file that is written atomically and checked when it is
// read.
//
// The format, all numbers little-endian: the 8 bytes "SSLCKPT1"; the length of the header as uint64; the header, JSON
// of metadata and entries (name, kind, type, shape, offset and CRC-32C of its data); zeros up to a multiple of 64; the
// entries' raw data in order of their names, each at a multiple of 64 bytes from the start of the data; the SHA-256 of
// everything before it.
package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"selfsup/datasets/mel"
	"selfsup/experiment/folder"
	"selfsup/graph"
	"selfsup/graph/ir"
)

// Meta holds all of a checkpoint but the numbers.
type Meta struct {
	Step   int    `json:"step"`   // steps done
	Recipe string `json:"recipe"` // identifies what is trained
	Seed   uint64 `json:"seed"`   // of the Store
	// What of the Store is the frozen encoder.
	Encoder *Encoder `json:"encoder,omitempty"`
	Score   *Score   `json:"score,omitempty"`
	Window  *Window  `json:"window,omitempty"`
	Jobs    []string `json:"jobs,omitempty"` // of the method, due after the step, that were not done yet
	// lines of metrics in a row in which a number was within an alarm's bounds, by the number's name
	Alarms map[string]int `json:"alarms,omitempty"`
	// of the first layer in the steps before
	Gradients *Gradients `json:"gradients,omitempty"`
}

// Encoder is the frozen encoder: the images that it takes (pixels of 0 to 1, less the mean, over the standard
// deviation of their channel) and its entries in the Store.
type Encoder struct {
	Height   int       `json:"height"`
	Width    int       `json:"width"`
	Channels int       `json:"channels"`
	Mean     []float32 `json:"mean"`
	Std      []float32 `json:"std"`
	Entries  []string  `json:"entries"`
	Scope    string    `json:"scope,omitempty"`   // of the encoder in the graph; empty: backbone
	Student  string    `json:"student,omitempty"` // whose teacher it is; empty: it is none

	Other *Samples `json:"samples,omitempty"` // what it takes instead of images; nil: images

	Caption *Samples `json:"caption,omitempty"` // of images with captions: a caption; nil: they have none
}

// Samples describes the input of an encoder of data that are no images.
type Samples struct {
	Kind    string   `json:"kind"`              // rows, texts, waves, clips
	Shape   []int    `json:"shape"`             // of one
	Int     bool     `json:"int,omitempty"`     // symbols
	Of      []int    `json:"of,omitempty"`      // values that an element can have; of rows by column, 0 for a number
	Gaps    []int    `json:"gaps,omitempty"`    // columns of numbers that may be missing, see feed.Field
	Columns []Column `json:"columns,omitempty"` // of rows
	Rate    int      `json:"rate,omitempty"`    // of waves: samples a second
	// of waves that are seen as spectrograms: samples of a window, and what makes log-mels of them
	Length  int        `json:"length,omitempty"`
	Mel     *mel.Front `json:"mel,omitempty"`
	Unit    string     `json:"unit,omitempty"`    // of texts: what a symbol stands for
	Symbols []string   `json:"symbols,omitempty"` // of texts, from datasets.FirstSymbol on
}

// Column is a column of a table as the run's training rows have it.
type Column struct {
	Name string `json:"name"`
	// by their places; the place after them stands for none. Empty: the column is of numbers
	Categories []string `json:"categories,omitempty"`
	Mean       float64  `json:"mean"` // of the numbers
	Std        float64  `json:"std"`
}

// Score is why a checkpoint is the best of its run.
type Score struct {
	Evaluation string  `json:"evaluation"` // knn k=20 top1
	Value      float64 `json:"value"`
}

const magic = "SSLCKPT1"

// align is the alignment of data in the file.
const align = 64

type header struct {
	Meta
	Entries []entry `json:"entries"`
}

type entry struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	Offset int64  `json:"offset"` // from the start of the data
	CRC    uint32 `json:"crc32c"`
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	kinds      = []graph.Kind{graph.Param, graph.State, graph.Moment}
	dtypes     = []ir.DType{ir.F32, ir.F64, ir.I32}
)

// Files of a checkpoint folder.
const (
	last     = "last"
	previous = "previous"
	next     = "next" // whole, and on its way to be the last
)

// Save writes a checkpoint as the last of a folder; the one before stays as the previous. When it fails, what the
// folder held can still be read. A last one that is damaged does not become the previous one, which then stays.
func Save(dir string, st *graph.Store, m Meta) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	// A crash between the renames left a checkpoint behind that is newer than the others.
	if err := rotate(dir); err != nil {
		return err
	}
	m.Seed = st.Seed
	now := filepath.Join(dir, last)
	if err := folder.Replace(filepath.Join(dir, next), func(w io.Writer) error { return write(w, st, m) }); err != nil {
		return fmt.Errorf("checkpoint: %s, %.2f MB at step %d: %w; the checkpoint before it is kept", now,
			float64(size(st))/1e6, m.Step, err)
	}
	return rotate(dir)
}

// rotate makes the next checkpoint the last and the last the previous one; without a next one it does nothing. Only
// whole files are renamed: a crash between the two leaves a previous checkpoint and the next.
func rotate(dir string) error {
	now, coming := filepath.Join(dir, last), filepath.Join(dir, next)
	if _, err := os.Stat(coming); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if intact(now) {
		if err := folder.Rename(now, filepath.Join(dir, previous)); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	if err := folder.Rename(coming, now); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// size is roughly what a Store takes on disk, in bytes.
func size(st *graph.Store) (n int64) {
	for _, name := range st.Names() {
		e := st.Get(name)
		n += int64(e.Shape.Size() * e.DType.Size())
	}
	return n
}

// Latest reads the newest checkpoint of a folder that is whole. A warning says which were damaged.
func Latest(dir string) (st *graph.Store, m Meta, warning string, err error) {
	var damaged []string
	for _, name := range []string{next, last, previous} {
		path := filepath.Join(dir, name)
		st, m, err := Load(path)
		switch {
		case err == nil:
			if len(damaged) > 0 {
				warning = fmt.Sprintf("%s; going on from %s (step %d)", strings.Join(damaged, "; "), path, m.Step)
			}
			return st, m, warning, nil
		case !errors.Is(err, fs.ErrNotExist):
			damaged = append(damaged, err.Error())
		}
	}
	if len(damaged) > 0 {
		return nil, Meta{}, "", errors.New(strings.Join(damaged, "; "))
	}
	return nil, Meta{}, "", fmt.Errorf("checkpoint: %s holds none: %w", dir, fs.ErrNotExist)
}

func pad(n int64) int64 { return (n + align - 1) / align * align }

// write writes a whole checkpoint.
func write(w io.Writer, st *graph.Store, m Meta) error {
	h := header{Meta: m}
	var at int64
	for _, name := range st.Names() {
		e := st.Get(name)
		sum := crc32.New(castagnoli)
		if err := writeData(sum, e.Array); err != nil {
			return err
		}
		h.Entries = append(h.Entries, entry{
			Name: name, Kind: e.Kind.String(), DType: e.DType.String(), Shape: append([]int{}, e.Shape...),
			Offset: at, CRC: sum.Sum32(),
		})
		at = pad(at + int64(e.Shape.Size()*e.DType.Size()))
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := &counter{w: io.MultiWriter(w, sum)}
	out.Write([]byte(magic))
	binary.Write(out, binary.LittleEndian, uint64(len(text)))
	out.Write(text)
	out.pad()
	for _, name := range st.Names() {
		if err := writeData(out, st.Get(name).Array); err != nil {
			return err
		}
		out.pad()
	}
	if out.err != nil {
		return out.err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// counter counts what it writes, and keeps the first error.
type counter struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counter) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.err = err
	return n, err
}

func (c *counter) pad() { c.Write(make([]byte, pad(c.n)-c.n)) }

// Load reads one checkpoint file and checks every byte of it.
func Load(path string) (*graph.Store, Meta, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, Meta{}, fmt.Errorf("checkpoint: %w", err)
	}
	st, m, err := Decode(data)
	if err != nil {
		return nil, Meta{}, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	return st, m, nil
}

// Decode reads a checkpoint from memory.
func Decode(data []byte) (*graph.Store, Meta, error) {
	const fixed = len(magic) + 8
	if len(data) < fixed+sha256.Size || string(data[:len(magic)]) != magic {
		return nil, Meta{}, fmt.Errorf("no checkpoint: want %q and at least %d bytes, have %d", magic,
			fixed+sha256.Size, len(data))
	}
	body := data[:len(data)-sha256.Size]
	whole := check(data)
	st, m, err := decode(body)
	switch {
	case whole != nil && err != nil: // the entry says more than the sum of all
		return nil, Meta{}, fmt.Errorf("%w; %w", whole, err)
	case whole != nil:
		return nil, Meta{}, whole
	case err != nil:
		return nil, Meta{}, err
	}
	return st, m, nil
}

// check compares a file with the checksum at its end.
func check(data []byte) error {
	at := max(0, len(data)-sha256.Size)
	if sum := sha256.Sum256(data[:at]); !bytes.Equal(sum[:], data[at:]) {
		return fmt.Errorf("damaged or cut: the checksum of its %d bytes does not fit", len(data))
	}
	return nil
}

// decode reads a checkpoint without its checksum. It trusts no number: entries must follow one another, so that they
// cannot ask for more memory than the data takes.
func decode(body []byte) (*graph.Store, Meta, error) {
	const fixed = len(magic) + 8
	n := binary.LittleEndian.Uint64(body[len(magic):])
	if n > uint64(len(body)-fixed) {
		return nil, Meta{}, fmt.Errorf("a header of %d bytes does not fit into %d", n, len(body))
	}
	var h header
	if err := json.Unmarshal(body[fixed:fixed+int(n)], &h); err != nil {
		return nil, Meta{}, fmt.Errorf("header: %w", err)
	}
	start := pad(int64(fixed) + int64(n))
	if start > int64(len(body)) {
		return nil, Meta{}, fmt.Errorf("no data behind a header of %d bytes", n)
	}
	if h.Step < 0 {
		return nil, Meta{}, fmt.Errorf("header: step %d, want 0 or more", h.Step)
	}
	st := graph.NewStore(h.Seed)
	var at int64
	for _, e := range h.Entries {
		if e.Offset != at {
			return nil, Meta{}, fmt.Errorf("entry %q: offset %d, want %d", e.Name, e.Offset, at)
		}
		a, err := e.read(body[start:])
		if err != nil {
			return nil, Meta{}, fmt.Errorf("entry %q: %w", e.Name, err)
		}
		if st.Get(e.Name) != nil {
			return nil, Meta{}, fmt.Errorf("entry %q stands twice", e.Name)
		}
		st.Put(a)
		at = pad(at + int64(a.Shape.Size()*a.DType.Size()))
	}
	return st, h.Meta, nil
}

// read takes an entry out of the data. It allocates no more than the data really has.
func (e entry) read(data []byte) (*graph.Entry, error) {
	out := &graph.Entry{Name: e.Name}
	kind, dtype := -1, -1
	for i, k := range kinds {
		if k.String() == e.Kind {
			kind = i
		}
	}
	for i, d := range dtypes {
		if d.String() == e.DType {
			dtype = i
		}
	}
	if kind < 0 || dtype < 0 {
		return nil, fmt.Errorf("kind %q of type %q", e.Kind, e.DType)
	}
	out.Kind, out.DType = kinds[kind], dtypes[dtype]
	n := int64(out.DType.Size())
	for _, d := range e.Shape {
		if d < 0 || d > 0 && n > int64(len(data))/int64(d) {
			return nil, fmt.Errorf("shape %v does not fit into %d bytes", ir.Shape(e.Shape), len(data))
		}
		n *= int64(d)
	}
	if e.Offset < 0 || e.Offset > int64(len(data))-n {
		return nil, fmt.Errorf("offset %d of %d bytes lies outside of %d", e.Offset, n, len(data))
	}
	part := data[e.Offset : e.Offset+n]
	if got := crc32.Checksum(part, castagnoli); got != e.CRC {
		return nil, fmt.Errorf("damaged: checksum %08x, want %08x", got, e.CRC)
	}
	out.Array = ir.NewArray(ir.Type{Shape: e.Shape, DType: out.DType})
	r := bytes.NewReader(part)
	var err error
	switch out.DType {
	case ir.F32:
		err = binary.Read(r, binary.LittleEndian, out.F32)
	case ir.F64:
		err = binary.Read(r, binary.LittleEndian, out.F64)
	case ir.I32:
		err = binary.Read(r, binary.LittleEndian, out.I32)
	}
	return out, err
}
