package tables

import (
	"bufio"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// PackReport is what became of a table.
type PackReport struct {
	Train, Test int
	Bytes       int64
	Skipped     []datasets.Skip // rows that were refused, the first few
	Refused     int             // all of them
}

// mostCategories is how many categories of one column are held in memory: more are hardly categories.
const mostCategories = 1 << 20

// Pack writes the table as a file for PackedRows. It goes through the text several times, row by row, and holds a
// column's categories and no row. Without a test file a row is kept for the test by its line and the seed of the
// split, with the probability test_fraction: unlike Open it does not count within classes, for which it would hold
// them all.
func (s *Table) Pack(env datasets.Env, w io.Writer) (*PackReport, error) {
	p := &packer{tableReader: tableReader{Table: s, path: env.Path(s.Train), stream: true},
		out: bufio.NewWriterSize(w, 1<<20)}
	r, err := p.run(env)
	if err != nil {
		return nil, fmt.Errorf("datasets: table: %w", err)
	}
	return r, nil
}

// packer is a table on its way into a file.
type packer struct {
	tableReader
	out    *bufio.Writer
	bytes  int64
	meta   packedMeta
	words  []*counted // by column; nil: numeric
	labels *counted   // nil: no classes
	square []float64  // sums of squares, by column
	file   [2]*disk.CSV
	counts bool // rows that are refused are counted in this pass, and not again
}

// counted is a dictionary that knows which words the training rows have.
type counted struct {
	dictionary
	train []bool
	place []float64 // in the sorted list of these; NaN: it is not there
	tests []int     // test rows, by word
	first []int     // the line of the first of them
}

// run is the passes: columns, measures, training rows, test rows, labels.
func (p *packer) run(env datasets.Env) (*PackReport, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	var err error
	if p.file[0], err = p.columnsOf(); err != nil {
		return nil, err
	}
	p.meta.Files[0] = p.path
	if p.Test != "" {
		p.path = env.Path(p.Test)
		p.meta.Files[1] = p.path
		if p.file[1], err = p.same(); err != nil {
			return nil, err
		}
	} else {
		p.file[1], p.meta.Files[1] = p.file[0], p.path
	}
	if err := p.measure(); err != nil {
		return nil, err
	}
	labels, err := p.write()
	if labels != nil {
		defer os.Remove(labels.Name())
		defer labels.Close()
	}
	if err == nil && labels != nil {
		err = p.writeLabels(labels)
	}
	if err == nil {
		err = p.out.Flush()
	}
	return &PackReport{p.meta.Train, p.meta.Test, p.bytes, p.skipped, p.meta.Skipped}, err
}

// Parts of a table. Without a test file both are in one, of which a pass may see both.
const (
	trainRows = iota
	testRows
	bothParts
)

// packedRow is a row on its way.
type packedRow struct {
	part   int       // trainRows or testRows
	fields []string  // of the file
	values []float64 // by column; NaN where one is missing, 0 for words
	goal   float64   // the target where it is a number
	line   int
}

// each calls do for every row of a part that is not refused.
func (p *packer) each(part int, do func(r packedRow) error) error {
	f := p.file[part%bothParts]
	p.path = p.meta.Files[part%bothParts]
	values := make([]float64, len(p.columns))
	var failed error
	refuse := func(at string, err error) {
		if !p.counts || failed != nil {
			return
		}
		if p.meta.Skipped++; len(p.skipped) < 10 {
			p.skipped = append(p.skipped, datasets.Skip{Name: at, Err: err})
		}
		if p.meta.Skipped > p.MaxSkipped {
			failed = fmt.Errorf("more than max_skipped = %d rows are refused: %s", p.MaxSkipped,
				datasets.ListSkips(p.skipped, 3))
		}
	}
	err := f.Each(refuse, func(c *csv.Reader, row []string) {
		if failed != nil {
			return
		}
		line, _ := c.FieldPos(0)
		own := part
		if p.Test == "" {
			if own = trainRows; p.held(line) {
				own = testRows
			}
			if part != bothParts && part != own {
				return
			}
		}
		goal, at, err := p.parse(c, row, values)
		if err != nil {
			refuse(at, err)
			return
		}
		failed = do(packedRow{own, row, values, goal, line})
	})
	return errors.Join(failed, err)
}

// held says whether the row of a line is kept for the test.
func (p *packer) held(line int) bool {
	r := datasets.NewRand(p.SplitSeed, "rows/split", uint64(line))
	return r.Float64() < p.TestFraction
}

// measure counts the rows of both parts and finds what the training rows say of the columns.
func (p *packer) measure() error {
	p.meta.Regression, p.counts = p.Regression, true
	n := len(p.columns)
	p.meta.Columns, p.words, p.square = make([]packedColumn, n), make([]*counted, n), make([]float64, n)
	for k, i := range p.columns {
		p.meta.Columns[k] = packedColumn{Name: p.names[i], Numeric: p.numeric[k], Percent: p.numeric[k] && p.percent[k]}
		if !p.numeric[k] {
			p.words[k] = &counted{}
		}
	}
	if p.target >= 0 && !p.Regression {
		p.labels = &counted{}
	}
	numbers := make([]int, n)
	parts := []int{trainRows, testRows}
	if p.Test == "" {
		parts = []int{bothParts}
	}
	gone, goneAt := make([]int, n), make([]string, n) // numbers that test rows miss, and where first
	for _, part := range parts {
		err := p.each(part, func(r packedRow) error {
			total := []*int{&p.meta.Train, &p.meta.Test}[r.part]
			if *total++; r.line > math.MaxInt32 {
				return fmt.Errorf("%s:%d: more than %d rows", p.path, r.line, math.MaxInt32)
			}
			for k, v := range r.values {
				c := &p.meta.Columns[k]
				switch {
				case math.IsNaN(v) && r.part == trainRows:
					c.Missing++
				case math.IsNaN(v):
					if gone[k]++; gone[k] == 1 {
						goneAt[k] = fmt.Sprintf("%s:%d no number", p.path, r.line)
					}
				case !c.Numeric:
					if err := p.words[k].count(r.fields[p.columns[k]], r); err != nil {
						return fmt.Errorf("%s:%d: column %q: %w", p.path, r.line, c.Name, err)
					}
				case r.part == trainRows: // Welford 1962, as measure
					numbers[k]++
					d := v - c.Mean
					c.Mean += d / float64(numbers[k])
					p.square[k] += d * (v - c.Mean)
				}
			}
			if p.labels != nil {
				return p.labels.count(r.fields[p.target], r)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for k := range p.meta.Columns {
		if c := &p.meta.Columns[k]; c.Numeric && c.Missing == 0 {
			c.Unseen, c.First = gone[k], goneAt[k]
		}
	}
	p.counts = false
	return p.settle(numbers)
}

// settle ends measuring.
func (p *packer) settle(numbers []int) error {
	if p.meta.Train == 0 {
		return fmt.Errorf("%s: no rows are left for the training", p.meta.Files[0])
	}
	if p.Test != "" && p.meta.Test == 0 {
		return fmt.Errorf("%s: the test set has no rows", p.meta.Files[1])
	}
	for k := range p.meta.Columns {
		c := &p.meta.Columns[k]
		if p.words[k] != nil {
			c.Categories = p.words[k].settle(nil)
			c.Unseen, c.First = p.words[k].unseen(p.meta.Files[1])
		} else if numbers[k] > 0 {
			c.Std = math.Sqrt(p.square[k] / float64(numbers[k]))
		}
		if err := p.limitUnseen(c.Name, c.Unseen, p.meta.Test, c.First); err != nil {
			return err
		}
	}
	if p.labels != nil {
		trained := p.labels.settle(nil)
		var tested []string
		for i, word := range p.labels.words {
			if p.labels.tests[i] > 0 {
				tested = append(tested, word)
			}
		}
		slices.Sort(tested)
		classes, err := datasets.ClassNames(trained, tested)
		if err != nil {
			return err
		}
		p.meta.Classes = classes
		p.labels.settle(classes)
	}
	for _, f := range p.passed {
		p.meta.Passed = append(p.meta.Passed, packedFact{f.Key, fmt.Sprint(f.Value)})
	}
	return nil
}

// count numbers a word of a row, and counts it for the row's part.
func (d *counted) count(word string, r packedRow) error {
	i := d.number(word)
	if i == len(d.train) {
		if i == mostCategories {
			return fmt.Errorf("more than %d categories; add the column to ignore, or to numeric", mostCategories)
		}
		d.train, d.tests, d.first = append(d.train, false), append(d.tests, 0), append(d.first, 0)
	}
	if r.part == trainRows {
		d.train[i] = true
	} else if d.tests[i]++; d.tests[i] == 1 {
		d.first[i] = r.line
	}
	return nil
}

// settle gives words their places in a sorted list; nil: of the training rows' words. It returns the list.
func (d *counted) settle(list []string) []string {
	if list == nil {
		list = []string{}
		for i, word := range d.words {
			if d.train[i] {
				list = append(list, word)
			}
		}
		slices.Sort(list)
	}
	d.place = make([]float64, len(d.words))
	for i, word := range d.words {
		d.place[i] = math.NaN()
		if at, ok := slices.BinarySearch(list, word); ok {
			d.place[i] = float64(at)
		}
	}
	return list
}

// at is the place of a word that was counted.
func (d *counted) at(word string) (float64, error) {
	i, ok := d.index[word]
	if !ok {
		return 0, fmt.Errorf("%.40q was not there in an earlier pass; the file changed while it was read", word)
	}
	return d.place[i], nil
}

// unseen is how many test rows have words that no training row has, and which is the first.
func (d *counted) unseen(file string) (n int, first string) {
	line := 0
	for i, trained := range d.train {
		if trained {
			continue
		}
		if n += d.tests[i]; line == 0 || d.first[i] < line {
			line = d.first[i]
			first = unseenAt(fmt.Sprintf("%s:%d", file, line), d.words[i])
		}
	}
	return n, first
}

// write writes header, meta and records, and returns a temporary file of the labels; nil: there are none.
func (p *packer) write() (labels *os.File, err error) {
	meta, err := json.Marshal(p.meta)
	if err != nil {
		return nil, err
	}
	head := append([]byte(nil), packedMagic[:]...)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(meta)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(meta, castagnoli))
	if err := p.put(append(head, meta...)); err != nil {
		return nil, err
	}
	var classes *bufio.Writer
	if p.labels != nil {
		if labels, err = os.CreateTemp("", "labels"); err != nil {
			return nil, err
		}
		classes = bufio.NewWriterSize(labels, 1<<16)
	}
	var b []byte
	for part := range bothParts {
		err := p.each(part, func(r packedRow) error {
			b = b[:0]
			for k, v := range r.values {
				if d := p.words[k]; d != nil && !math.IsNaN(v) {
					var err error
					if v, err = d.at(r.fields[p.columns[k]]); err != nil {
						return fmt.Errorf("%s:%d: %w", p.path, r.line, err)
					}
				}
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
			}
			if p.Regression {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r.goal))
			}
			b = binary.LittleEndian.AppendUint32(b, uint32(r.line))
			b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
			if classes != nil {
				place, err := p.labels.at(r.fields[p.target])
				if err != nil {
					return fmt.Errorf("%s:%d: %w", p.path, r.line, err)
				}
				label := binary.LittleEndian.AppendUint32(nil, uint32(int32(place)))
				if _, err := classes.Write(label); err != nil {
					return err
				}
			}
			return p.put(b)
		})
		if err != nil {
			return labels, err
		}
	}
	if classes != nil {
		err = classes.Flush()
	}
	return labels, err
}

// writeLabels copies the labels behind the records, with their checksum.
func (p *packer) writeLabels(labels *os.File) error {
	if _, err := labels.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	n, err := io.Copy(io.MultiWriter(p.out, sum), labels)
	if p.bytes += n; err != nil {
		return err
	}
	return p.put(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
}

func (p *packer) put(b []byte) error {
	n, err := p.out.Write(b)
	p.bytes += int64(n)
	return err
}
