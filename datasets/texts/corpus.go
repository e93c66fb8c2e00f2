package texts

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"selfsup/datasets/disk"
)

// corpus is passages that stay in their files.
type corpus struct {
	cutter
	files   []corpusFile
	packed  *disk.Unpacked // the contents of those that are gzip'd; nil: none is
	blocks  []block
	n       int
	names   []string // of classes, as they came
	classes []int32  // of each passage, in names; nil: all are the first
	tests   []bool   // nil: none

	mu   sync.Mutex
	last int // block that is held, for those who read in order
	read []passage
}

// corpusFile is a file of a corpus.
type corpusFile struct {
	path, class string
	begin, size int64          // of its contents without a byte order mark: their place, and how many bytes they are
	in          *disk.Unpacked // where they are; nil: in the file itself
	table       *disk.CSV      // nil: it is none
}

// blockPassages is how many passages are found by reading on from one place. That takes 24 bytes of memory for each 32,
// and reading 32 lines takes a hundredth of a millisecond.
const blockPassages = 32

// block is where some passages begin.
type block struct {
	from       int64 // byte of the file
	file, line int32
	first      int32 // passage
}

// index finds the passages of files on the disk.
func (r *textReader) index(files []disk.File) (*corpus, error) {
	c := &corpus{cutter: cutter{r.Text, func(string, error) {}}, last: -1}
	places := map[string]int32{}
	for k, f := range files {
		one := corpusFile{path: f.Name, class: f.Class}
		if err := c.open(&one, r.ofTable(f.Name)); err != nil {
			return nil, err
		}
		c.files = append(c.files, one)
		in := 0 // passages of the file
		err := one.cut(&cutter{r.Text, r.refuse}, 0, one.size, 1, true, func(f found) bool {
			if in%blockPassages == 0 {
				c.blocks = append(c.blocks, block{f.from, int32(k), int32(f.line), int32(c.n)})
			}
			in++
			place, ok := places[f.class]
			if !ok {
				place = int32(len(c.names))
				places[f.class], c.names = place, append(c.names, f.class)
			}
			if c.classes == nil && place > 0 {
				c.classes = make([]int32, c.n)
			}
			if c.classes != nil {
				c.classes = append(c.classes, place)
			}
			if r.Part != "" {
				c.tests = append(c.tests, f.test)
			}
			c.n++
			return c.n < 1<<31-1
		})
		if err != nil {
			return nil, err
		}
	}
	if c.n == 1<<31-1 {
		return nil, fmt.Errorf("%s: %d texts or more, want fewer: a larger unit", files[0].Name, c.n)
	}
	return c, nil
}

// ofTable reports whether a file has columns.
func (r *textReader) ofTable(path string) bool {
	kind := disk.TextKind(path)
	return kind == ".csv" || kind == ".tsv"
}

// open measures a file, and unpacks one that is gzip'd.
func (c *corpus) open(f *corpusFile, table bool) error {
	packed, err := disk.Packed(f.path)
	switch {
	case err != nil:
	case !packed:
		f.begin, f.size, err = disk.Extent(f.path)
	default:
		if c.packed == nil {
			if c.packed, err = disk.NewUnpacked(); err != nil {
				return err
			}
		}
		f.in = c.packed
		f.begin, f.size, err = c.packed.Add(f.path)
	}
	if err != nil || !table {
		return err
	}
	if f.table, err = disk.StreamCSV(f.path, disk.Separator(f.path)); err != nil {
		return err
	}
	return f.table.Check()
}

// cut cuts the bytes from .. to of a file, which begin in a line; all of it where whole.
func (f *corpusFile) cut(c *cutter, from, to int64, line int, whole bool, yield func(found) bool) error {
	s := section{path: f.path, class: f.class, line: line, from: from, size: to - from, table: f.table}
	if whole && f.table != nil {
		return c.each(s, yield)
	}
	if f.in != nil {
		s.in = io.NewSectionReader(f.in, f.begin+from, to-from)
		return c.each(s, yield)
	}
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	s.in = io.NewSectionReader(in, f.begin+from, to-from)
	return c.each(s, yield)
}

func (c *corpus) len() int        { return c.n }
func (c *corpus) test(i int) bool { return c.tests != nil && c.tests[i] }

func (c *corpus) class(i int) string {
	if c.classes == nil {
		return c.names[0]
	}
	return c.names[c.classes[i]]
}

// get implements store.
func (c *corpus) get(i int) passage {
	k, ok := slices.BinarySearchFunc(c.blocks, i, func(b block, i int) int { return int(b.first) - i })
	if !ok {
		k--
	}
	at := i - int(c.blocks[k].first)
	c.mu.Lock()
	if c.last == k {
		p := c.read[at]
		c.mu.Unlock()
		return p
	}
	c.mu.Unlock()
	read, err := c.block(k)
	if err != nil {
		panic(fmt.Errorf("datasets: text: %w", err))
	}
	c.mu.Lock()
	c.last, c.read = k, read
	c.mu.Unlock()
	return read[at]
}

// block reads the passages of a block.
func (c *corpus) block(k int) (all []passage, err error) {
	b, f := c.blocks[k], &c.files[c.blocks[k].file]
	to, next := f.size, c.n
	if k+1 < len(c.blocks) {
		next = int(c.blocks[k+1].first)
		if c.blocks[k+1].file == b.file {
			to = c.blocks[k+1].from
		}
	}
	want := next - int(b.first)
	err = f.cut(&c.cutter, b.from, to, int(b.line), false, func(f found) bool {
		all = append(all, f.passage)
		return len(all) < want
	})
	if err == nil && len(all) < want {
		err = fmt.Errorf("%s: %d texts from line %d on, and there were %d: the file has changed", f.path, len(all),
			b.line, want)
	}
	return all, err
}
