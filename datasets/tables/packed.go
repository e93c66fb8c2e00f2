package tables

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"sync"

	"selfsup/datasets"
)

// PackedRows reads the rows of a table from one file that `experiment data pack` made of a recipe with dataset.table:
// for tables that do not fit into memory.
//
//	[dataset.packed_rows]
//	path = "flights.rows"    # made by: experiment data pack RECIPE -o flights.rows
//
// A row is read where it lies, with one positioned read, so that memory does not grow with the rows but for 4 bytes of
// each, its label. The file, version 1, little-endian:
//
//	header   16 bytes: magic and version, size of meta, CRC-32C of meta
//	meta     JSON: columns, classes, counts, see packedMeta
//	records  of one size: a float64 for every column (a category as its place, NaN where nothing is), the target where
//	         it is a number, the line in the file that it came from (uint32), CRC-32C; the training rows first
//	labels   int32 a row, where there are classes, and CRC-32C of them
type PackedRows struct {
	Path string `toml:"path"` // of the file
}

// NewPackedRows has no path yet.
func NewPackedRows() *PackedRows { return &PackedRows{} }

// Samples implements Kinded.
func (s *PackedRows) Samples() string { return "rows" }

// PathKeys implements datasets.Located.
func (s *PackedRows) PathKeys() []string { return []string{"path"} }

// packedMagic begins the file; its last byte is the version.
var packedMagic = [8]byte{'s', 's', 'r', 'o', 'w', 's', 0, 1}

const packedHeader = 16

// packedMeta is what the file says of its rows.
type packedMeta struct {
	Columns    []packedColumn `json:"columns"`
	Classes    []string       `json:"classes,omitempty"`
	Regression bool           `json:"regression,omitempty"`
	Train      int            `json:"train"`
	Test       int            `json:"test"`
	Files      [2]string      `json:"files"` // that training and test rows came from
	Passed     []packedFact   `json:"passed,omitempty"`
	Skipped    int            `json:"skipped,omitempty"` // rows that were refused
}

type packedFact struct{ Key, Value string }

type packedColumn struct {
	Name       string   `json:"name"`
	Categories []string `json:"categories,omitempty"`
	Numeric    bool     `json:"numeric,omitempty"`
	Percent    bool     `json:"percent,omitempty"`
	Missing    int      `json:"missing,omitempty"`
	Unseen     int      `json:"unseen,omitempty"`
	First      string   `json:"first_unseen,omitempty"`
	Mean       float64  `json:"mean,omitempty"`
	Std        float64  `json:"std,omitempty"`
}

// record is the size of a row in the file.
func (m *packedMeta) record() int {
	n := 8*len(m.Columns) + 4 + 4
	if m.Regression {
		n += 8
	}
	return n
}

// Open reads what the file says of its rows, and their labels.
func (s *PackedRows) Open(env datasets.Env) (*datasets.Data, error) {
	fail := func(err error) (*datasets.Data, error) { return nil, fmt.Errorf("datasets: packed_rows: %w", err) }
	if s.Path == "" {
		return fail(errors.New("path is empty; want a file that `experiment data pack` made of a table"))
	}
	f, err := os.Open(env.Path(s.Path))
	if err != nil {
		return fail(err)
	}
	p, err := openPacked(f, env.Path(s.Path))
	if err != nil {
		f.Close()
		return fail(fmt.Errorf("%s: %w", env.Path(s.Path), err))
	}
	d := &datasets.Data{Train: &packedSet{p, 0, p.meta.Train}, Roots: env.Roots(s.Path)}
	if p.meta.Test > 0 {
		d.Test = &packedSet{p, p.meta.Train, p.meta.Test}
	}
	return d, nil
}

// packed is an open file of rows.
type packed struct {
	path    string
	file    io.ReaderAt
	meta    packedMeta
	columns []datasets.Column
	at      int64   // of the first record
	labels  []int32 // nil: none
	buffers sync.Pool
}

// openPacked reads all but the records, and checks what it reads.
func openPacked(f *os.File, path string) (*packed, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	var head [packedHeader]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("%d bytes, a file of rows has a header of %d", size, packedHeader)
	}
	if !bytes.Equal(head[:7], packedMagic[:7]) {
		return nil, fmt.Errorf("begins with %q, a file of rows with %q", head[:7], packedMagic[:7])
	}
	if head[7] != packedMagic[7] {
		return nil, fmt.Errorf("version %d, this program reads version %d", head[7], packedMagic[7])
	}
	n := int64(binary.LittleEndian.Uint32(head[8:]))
	if n > size-packedHeader {
		return nil, fmt.Errorf("meta data of %d bytes in a file of %d: the file is truncated", n, size)
	}
	meta := make([]byte, n)
	if _, err := f.ReadAt(meta, packedHeader); err != nil {
		return nil, err
	}
	if got, want := crc32.Checksum(meta, castagnoli), binary.LittleEndian.Uint32(head[12:]); got != want {
		return nil, fmt.Errorf("the meta data has the checksum %08x, the header says %08x", got, want)
	}
	p := &packed{path: path, file: f, at: packedHeader + n}
	if err := json.Unmarshal(meta, &p.meta); err != nil {
		return nil, fmt.Errorf("meta data: %w", err)
	}
	if p.meta.Train < 1 || p.meta.Test < 0 || len(p.meta.Columns) == 0 {
		return nil, fmt.Errorf("meta data: %d training and %d test rows of %d columns", p.meta.Train, p.meta.Test,
			len(p.meta.Columns))
	}
	rows := int64(p.meta.Train) + int64(p.meta.Test)
	records, labels := rows*int64(p.meta.record()), int64(0)
	if p.meta.Classes != nil {
		labels = 4*rows + 4
	}
	if want := p.at + records + labels; want != size {
		return nil, fmt.Errorf("%d bytes, %d rows of %d bytes make %d: the file is truncated or was changed", size,
			rows, p.meta.record(), want)
	}
	for _, c := range p.meta.Columns {
		column := datasets.Column{Name: c.Name, Categories: c.Categories, Percent: c.Percent, Missing: c.Missing,
			Unseen: c.Unseen, FirstUnseen: c.First, Mean: c.Mean, Std: c.Std}
		if !c.Numeric && column.Categories == nil {
			column.Categories = []string{}
		}
		p.columns = append(p.columns, column)
	}
	p.buffers.New = func() any { b := make([]byte, p.meta.record()); return &b }
	if labels == 0 {
		return p, nil
	}
	return p, p.readLabels(io.NewSectionReader(f, p.at+records, labels), int(rows))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readLabels reads the labels of all rows.
func (p *packed) readLabels(in io.Reader, rows int) error {
	p.labels = make([]int32, rows)
	sum := crc32.New(castagnoli)
	block := make([]byte, 1<<16)
	for at := 0; at < rows; {
		b := block[:min(len(block), 4*(rows-at))]
		if _, err := io.ReadFull(in, b); err != nil {
			return fmt.Errorf("labels: %w", err)
		}
		sum.Write(b)
		for ; len(b) > 0; at, b = at+1, b[4:] {
			label := int32(binary.LittleEndian.Uint32(b))
			if label < 0 || int(label) >= len(p.meta.Classes) {
				return fmt.Errorf("row %d has label %d, want 0 to %d", at, label, len(p.meta.Classes)-1)
			}
			p.labels[at] = label
		}
	}
	if _, err := io.ReadFull(in, block[:4]); err != nil {
		return fmt.Errorf("labels: %w", err)
	}
	if got, want := sum.Sum32(), binary.LittleEndian.Uint32(block); got != want {
		return fmt.Errorf("the labels have the checksum %08x, the file says %08x", got, want)
	}
	return nil
}

// read calls do with the record of a row.
func (p *packed) read(i int, do func(record []byte)) error {
	b := p.buffers.Get().(*[]byte)
	defer p.buffers.Put(b)
	size := len(*b)
	if _, err := p.file.ReadAt(*b, p.at+int64(i)*int64(size)); err != nil {
		return fmt.Errorf("datasets: %s: row %d, %d bytes at %d: %w", p.path, i, size, p.at+int64(i)*int64(size), err)
	}
	got, want := crc32.Checksum((*b)[:size-4], castagnoli), binary.LittleEndian.Uint32((*b)[size-4:])
	if got != want {
		return fmt.Errorf("datasets: %s: row %d has the checksum %08x, the file says %08x", p.path, i, got, want)
	}
	do(*b)
	return nil
}

// packedSet is the training or the test rows of a file.
type packedSet struct {
	*packed
	first, n int
}

func (s *packedSet) Len() int                   { return s.n }
func (s *packedSet) Classes() []string          { return s.meta.Classes }
func (s *packedSet) Columns() []datasets.Column { return s.columns }

// Name is the file and the line that a row came from.
func (s *packedSet) Name(i int) string {
	file := s.meta.Files[0]
	if s.first > 0 {
		file = s.meta.Files[1]
	}
	name := ""
	if err := s.read(s.first+i, func(b []byte) {
		name = fmt.Sprintf("%s:%d", file, binary.LittleEndian.Uint32(b[len(b)-8:]))
	}); err != nil {
		return fmt.Sprintf("%s: row %d", s.path, s.first+i)
	}
	return name
}

func (s *packedSet) Label(i int) int {
	if s.labels == nil {
		return -1
	}
	return int(s.labels[s.first+i])
}

// Target implements RowSet.
func (s *packedSet) Target(i int) float64 {
	v := math.NaN()
	if s.meta.Regression {
		s.read(s.first+i, func(b []byte) { // Row has told of what is damaged
			v = math.Float64frombits(binary.LittleEndian.Uint64(b[8*len(s.columns):]))
		})
	}
	return v
}

// Row implements RowSet.
func (s *packedSet) Row(i int, dst []float64) error {
	if i < 0 || i >= s.n || len(dst) != len(s.columns) {
		return fmt.Errorf("datasets: %s: row %d into %d numbers; the table has %d rows of %d columns", s.path, i,
			len(dst), s.n, len(s.columns))
	}
	var bad error
	err := s.read(s.first+i, func(b []byte) {
		for c := range dst {
			v := math.Float64frombits(binary.LittleEndian.Uint64(b[8*c:]))
			if of := s.columns[c].Categories; of != nil && !math.IsNaN(v) &&
				(v < 0 || v >= float64(len(of)) || v != math.Trunc(v)) {
				bad = fmt.Errorf("datasets: %s: row %d: category %v in column %q of %d", s.path, i, v,
					s.columns[c].Name, len(of))
			}
			dst[c] = v
		}
	})
	return errors.Join(err, bad)
}

// Facts describes the columns.
func (s *packedSet) Facts() []datasets.Fact {
	r := &rows{columns: s.columns}
	for _, f := range s.meta.Passed {
		r.passed = append(r.passed, datasets.Fact{Key: f.Key, Value: f.Value})
	}
	if s.meta.Skipped > 0 {
		r.passed = append(r.passed, datasets.Fact{Key: "refused", Value: fmt.Sprintf("%d rows when the file was made",
			s.meta.Skipped)})
	}
	return r.Facts()
}
