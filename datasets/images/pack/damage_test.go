package pack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/images/codec"
)

// reopen opens changed bytes.
func reopen(b []byte) (*Reader, error) {
	return newReader("set.pack", bytes.NewReader(b), int64(len(b)), codec.DefaultMaxPixels)
}

// all is every record as one set.
func all(r *Reader) *Set { return &Set{r, 0, r.Len()} }

// Any cut and any flipped bit is found: by Open in header, meta data, index and footer, by its checksum in a record,
// which is named.
func TestEveryDamageIsFound(t *testing.T) {
	r, good, _ := packed(t, data(photos(6, 3), photos(2, 3)), Options{Quality: 90})
	for n := range len(good) {
		if _, err := reopen(good[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes open", n, len(good))
		}
	}
	for name, behind := range map[string][]byte{"a byte": {0}, "the same pack": good} {
		if _, err := reopen(append(bytes.Clone(good), behind...)); err == nil || !strings.Contains(err.Error(),
			"bytes") {
			t.Errorf("%s behind a pack: got %v", name, err)
		}
	}
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		got, err := reopen(bad)
		inRecords := at >= headerSize && int64(at) < r.records
		if inRecords != (err == nil) {
			t.Fatalf("bit flipped in byte %d of %d: %v", at, len(good), err)
		}
		if err != nil {
			continue
		}
		found := datasets.Verify(all(got))
		if len(found) != 1 {
			t.Fatalf("bit flipped in byte %d: %d damaged records, want 1", at, len(found))
		}
		e := got.entry(found[0].Image)
		if uint64(at) < e.offset || int64(at) >= int64(e.offset)+e.size() {
			t.Fatalf("bit flipped in byte %d: record %d is said to be damaged, which is at %d", at, found[0].Image,
				e.offset)
		}
		want := fmt.Sprintf("set.pack: %s, bytes %d to %d: it has the checksum ", got.which(found[0].Image), e.offset,
			int64(e.offset)+e.size())
		if s := found[0].Err.Error(); !strings.Contains(s, want) ||
			!strings.Contains(s, fmt.Sprintf("the index says %08x", e.checksum)) {
			t.Fatalf("got %q, want %q and the checksum of the index", s, want)
		}
	}
}

// sealed is a pack whose digest and checksums fit what edit did to its parts.
func sealed(t *testing.T, edit func(meta *string, e []entry, f *footer)) []byte {
	t.Helper()
	r, good, _ := packed(t, data(photos(3, 3), nil), Options{})
	f, err := readFooter(good[len(good)-footerSize:], int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	meta := string(good[f.meta:f.index])
	es := make([]entry, r.Len())
	for i := range es {
		es[i] = r.entry(i)
	}
	was := f.index
	edit(&meta, es, &f)
	var index []byte
	for i := range es {
		index = es[i].append(index)
	}
	b := append(bytes.Clone(good[:r.records]), meta...)
	if f.index == was {
		f.index = uint64(len(b))
	}
	b = append(b, index...)
	f.digest = f.sum([]byte(meta), index)
	return append(b, f.bytes()...)
}

// A file whose checksums are right and whose contents are not is refused with the value and what would be right.
func TestSealedNonsense(t *testing.T) {
	for _, c := range []struct {
		want string
		edit func(meta *string, e []entry, f *footer)
	}{
		{"", func(*string, []entry, *footer) {}},
		{"record 1 (training image 1): bytes 4 to ", func(_ *string, e []entry, _ *footer) { e[1].offset = 4 }},
		{"the records are bytes 16 to", func(_ *string, e []entry, _ *footer) { e[2].offset = math.MaxUint64 }},
		{"the records are bytes 16 to", func(_ *string, e []entry, _ *footer) { e[2].length = math.MaxUint32 }},
		{"codec 7, want 0 (pixels) or 1 (image file)", func(_ *string, e []entry, _ *footer) { e[0].codec = 7 }},
		{"1 channels, the file says 3", func(_ *string, e []entry, _ *footer) { e[0].channels = 1 }},
		{"4294967295 pixels, want 1 to max_pixels", func(_ *string, e []entry, _ *footer) {
			e[0].height = math.MaxUint32
		}},
		{"0x20 pixels", func(_ *string, e []entry, _ *footer) { e[0].width = 0 }},
		{"1440 bytes of pixels, [21,24,3] is 1512", func(_ *string, e []entry, _ *footer) { e[0].height = 21 }},
		{"label 3, want -1 to 2 (3 classes)", func(_ *string, e []entry, _ *footer) { e[0].label = 3 }},
		{"label -2", func(_ *string, e []entry, _ *footer) { e[0].label = -2 }},
		{"meta data: ", func(m *string, _ []entry, _ *footer) { *m = "[" }},
		{"meta data: 2 channels", func(m *string, _ []entry, _ *footer) {
			*m = strings.Replace(*m, `"channels":3`, `"channels":2`, 1)
		}},
		{"meta data: mean [] and std", func(m *string, _ []entry, _ *footer) {
			*m = `{"channels":3}`
		}},
		{"the index of 5 images", func(_ *string, _ []entry, f *footer) { f.test = 2 }},
		{"0 training and 3 test images", func(_ *string, _ []entry, f *footer) { f.train, f.test = 0, 3 }},
		{"want 1 to 2147483647", func(_ *string, _ []entry, f *footer) { f.test = math.MaxUint32 }},
		{"the meta data is at bytes", func(_ *string, _ []entry, f *footer) { f.index = math.MaxUint64 - 7 }},
		{"the meta data is at bytes", func(_ *string, _ []entry, f *footer) { f.meta = 1 << 63 }},
	} {
		_, err := reopen(sealed(t, c.edit))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// An image file that decodes to another size than the index says is refused, and takes no more memory than the index
// allows.
func TestRecordOfAnotherSize(t *testing.T) {
	r, b, _ := packed(t, data(photos(3, 3), nil), Options{Quality: 90})
	for _, h := range []uint32{3, 4000} {
		e := r.entry(0)
		e.height = h
		copy(b[len(b)-footerSize-3*entrySize:], e.append(nil))
		f, err := readFooter(b[len(b)-footerSize:], int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		f.digest = f.sum(b[f.meta:f.index], b[f.index:len(b)-footerSize])
		copy(b[len(b)-footerSize:], f.bytes())
		bad, err := reopen(b)
		if err != nil {
			t.Fatal(err)
		}
		if found := datasets.Verify(all(bad)); len(found) != 1 || found[0].Image != 0 {
			t.Errorf("height %d in the index: %v, want record 0", h, found)
		}
	}
}

// What is no pack is refused by name.
func TestNoPack(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	next := header()
	binary.LittleEndian.PutUint32(next[8:], version+1)
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "nowhere"), "no such file"},
		{dir, "no regular file"},
		{write("empty", nil), "0 bytes, a pack has at least 96"},
		{write("noise", bytes.Repeat([]byte("noise"), 100)), "begins with"},
		{write("next", append(next, make([]byte, 100)...)), "version 2, this program reads version 1"},
		{write("half", append(header(), make([]byte, 100)...)), "truncated"},
	} {
		s := New()
		s.Path = c.path
		if _, err := s.Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: got %v, want the path and %q", c.path, err, c.want)
		}
	}
	if _, err := New().Open(datasets.Env{}); err == nil || !strings.Contains(err.Error(), "path is empty") {
		t.Errorf("no path: got %v", err)
	}
}

// A file that is cut while it is read is an error that says where.
func TestCutWhileOpen(t *testing.T) {
	_, b, _ := packed(t, data(photos(5, 3), nil), Options{})
	path := filepath.Join(t.TempDir(), "set.pack")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, codec.DefaultMaxPixels)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	e := r.entry(3)
	if err := os.Truncate(path, int64(e.offset)+10); err != nil {
		t.Fatal(err)
	}
	var m datasets.Image
	err = r.image(3, &m)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(),
		fmt.Sprintf("record 3 (training image 3): bytes %d to %d, the file ends before byte %d", e.offset,
			int64(e.offset)+e.size(), e.offset+11)) {
		t.Errorf("got %v, want the path, the record and where the file ends", err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, o := range []Options{{}, {Quality: 50}} {
		var b bytes.Buffer
		if _, err := Write(&b, data(photos(3, 1), photos(1, 1)), o); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), false)
		f.Add(b.Bytes(), true)
		f.Add(b.Bytes()[:b.Len()/2], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		// past the checksums, so that what they guard is fuzzed too
		if n := len(b) - footerSize; seal && n >= headerSize {
			var f footer
			f.meta, f.index = binary.LittleEndian.Uint64(b[n:]), binary.LittleEndian.Uint64(b[n+8:])
			f.train, f.test = binary.LittleEndian.Uint32(b[n+16:]), binary.LittleEndian.Uint32(b[n+20:])
			if f.meta <= f.index && f.index <= uint64(n) {
				f.digest = f.sum(b[f.meta:f.index], b[f.index:n])
			}
			b = append(append(header(), b[headerSize:n]...), f.bytes()...)
		}
		r, err := newReader("fuzzed", bytes.NewReader(b), int64(len(b)), 1<<16)
		if err != nil {
			return
		}
		var m datasets.Image
		for i := range min(r.Len(), 100) {
			r.image(i, &m)
		}
		if d, err := r.Data(); err == nil {
			for i := range min(d.Train.Len(), 100) {
				d.Train.Name(i)
				d.Train.Label(i)
			}
		}
	})
}
