package disk

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// StreamCSV is ReadCSV of a file that every pass reads from the disk again, gzip'd or not, so that it takes no memory.
func StreamCSV(path string, comma rune) (*CSV, error) {
	return newCSV(path, comma, func() (io.ReadCloser, error) { return openText(path) })
}

// openText is a file in UTF-8, gzip'd or not, without a byte order mark. What is not UTF-8 is an error of Read.
func openText(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (io.ReadCloser, error) {
		f.Close()
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return fail(err)
	case !info.Mode().IsRegular():
		return fail(fmt.Errorf("%s: not a regular file (%v)", path, info.Mode().Type()))
	case info.Size() == 0:
		return fail(fmt.Errorf("%s: the file is empty", path))
	}
	in := io.Reader(f)
	if info.Size() > 1 {
		if in, err = Gunzip(f); err != nil {
			return fail(fmt.Errorf("%s: %w", path, NoEOF(err)))
		}
	}
	b := bufio.NewReaderSize(in, 1<<16)
	if head, _ := b.Peek(len(mark)); bytes.Equal(head, mark) {
		b.Discard(3)
	}
	return &text{in: b, file: f, path: path, line: 1}, nil
}

// text checks that what it reads is UTF-8.
type text struct {
	in         io.Reader
	file       *os.File
	path       string
	line, size int    // of what was read: the line that it ends in, and the bytes of this line
	read       int64  // bytes of it
	rest       []byte // the beginning of a rune that is not yet whole
}

// notText is the error of bytes that are no UTF-8, with their place.
type notText struct{ error }

func (t *text) Close() error { return t.file.Close() }

func (t *text) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	b := p[:n]
	if len(t.rest) > 0 {
		b = append(t.rest, b...)
	}
	whole := len(b)
	for k := 1; k <= min(utf8.UTFMax-1, len(b)) && err == nil; k++ { // a rune may go on in the next block
		if c := b[len(b)-k]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-k:]) {
				whole = len(b) - k
			}
			break
		}
	}
	if at := notUTF8(b[:whole]); at >= 0 {
		t.count(b[:at])
		return 0, notText{fmt.Errorf("%s:%d:%d: bytes % x at byte %d are not UTF-8%s; convert the file", t.path, t.line,
			t.size+1, b[at:min(at+4, len(b))], t.read, others(b, 0))}
	}
	t.count(b[:whole])
	t.rest = bytes.Clone(b[whole:])
	if err != nil && err != io.EOF {
		err = notText{fmt.Errorf("%s: in line %d: %w", t.path, t.line, NoEOF(err))}
	}
	return n, err
}

// count moves on over bytes.
func (t *text) count(b []byte) {
	t.read += int64(len(b))
	if n := bytes.Count(b, []byte{'\n'}); n > 0 {
		t.line, t.size = t.line+n, 0
		b = b[bytes.LastIndexByte(b, '\n')+1:]
	}
	t.size += len(b)
}

// noCloser is what needs no closing.
type noCloser struct{ io.Reader }

func (noCloser) Close() error { return nil }

// rows is a pass over the file; end closes it.
func (f *CSV) rows() (r *csv.Reader, end func(), err error) {
	in, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	r = csv.NewReader(in)
	r.Comma, r.ReuseRecord = f.comma, true
	return r, func() { in.Close() }, nil
}
