package codec

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/datasets/resample"
)

// pnm reads a P5 or P6 file as PIL writes it.
func pnm(t testing.TB, name string) datasets.Image {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m := datasets.Image{C: 3}
	var kind string
	if _, err := fmt.Fscanf(bytes.NewReader(b), "%s\n%d %d\n255\n", &kind, &m.W, &m.H); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if kind == "P5" {
		m.C = 1
	}
	m.Pix = b[len(b)-m.H*m.W*m.C:]
	return m
}

// samples is every file of testdata/decode, which make.py there wrote with PIL.
func samples(t testing.TB) []string {
	t.Helper()
	var names []string
	all, err := filepath.Glob("testdata/decode/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if e := filepath.Ext(name); e != ".ppm" && e != ".pgm" && e != ".py" {
			names = append(names, name)
		}
	}
	if len(names) < 40 {
		t.Fatalf("%d files in testdata/decode, want at least 40", len(names))
	}
	return names
}

// Every format decodes to PIL's pixels: exactly where the format is lossless, and for JPEG and WebP within the rounding
// of their transforms (the inverse DCT is not specified to the bit; libwebp rounds its interpolation of chroma in
// another order).
func TestDecodeAgainstPIL(t *testing.T) {
	var d Decoder
	var got datasets.Image
	for _, name := range samples(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want := name + ".ppm"
			if _, err := os.Stat(want); err != nil {
				want = name + ".pgm"
			}
			w := pnm(t, want)
			if err := d.Decode(b, &got); err != nil {
				t.Fatal(err)
			}
			if got.H != w.H || got.W != w.W || got.C != w.C {
				t.Fatalf("got %dx%dx%d, want %dx%dx%d", got.H, got.W, got.C, w.H, w.W, w.C)
			}
			h, err := d.Header(b)
			if err != nil || h.H != w.H || h.W != w.W || h.C != w.C {
				t.Errorf("header: got %dx%dx%d (%v), want %dx%dx%d", h.H, h.W, h.C, err, w.H, w.W, w.C)
			}
			limit := 0
			switch {
			case strings.HasSuffix(name, ".jpg"):
				limit = 3
			case strings.Contains(name, "lossy"):
				limit = 3
			}
			worst, at, sum := 0, 0, 0
			for i := range w.Pix {
				diff := int(got.Pix[i]) - int(w.Pix[i])
				sum += max(diff, -diff)
				if max(diff, -diff) > worst {
					worst, at = max(diff, -diff), i
				}
			}
			if worst > limit {
				t.Errorf("byte %d (row %d, column %d): got %d, PIL has %d; want at most %d apart", at, at/w.C/w.W,
					at/w.C%w.W, got.Pix[at], w.Pix[at], limit)
			}
			t.Logf("at most %d apart, %.3f in the mean", worst, float64(sum)/float64(len(w.Pix)))
		})
	}
}

// What is asked of the channels holds for every file, and the memory of a larger image before it does not show.
func TestDecodeChannels(t *testing.T) {
	var got datasets.Image
	for _, name := range samples(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var as [4]datasets.Image
		for _, c := range []int{0, 1, 3} {
			d := Decoder{Channels: c}
			if err := d.Decode(b, &as[c]); err != nil {
				t.Fatal(name, err)
			}
			if err := d.Decode(b, &got); err != nil || !bytes.Equal(got.Pix, as[c].Pix) {
				t.Errorf("%s: decoding over another image gives other pixels (%v)", name, err)
			}
			if c != 0 && as[c].C != c {
				t.Errorf("%s: %d channels, want %d", name, as[c].C, c)
			}
		}
		as[0].Convert(1)
		if !bytes.Equal(as[0].Pix, as[1].Pix) {
			t.Errorf("%s: decoding to grey is not converting to grey", name)
		}
	}
}

func TestDecodeLimits(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile("testdata/decode/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	jpg := read("ycc420.jpg")
	gif := bytes.Clone(read("palette.gif"))
	copy(gif[6:], "\xff\xff\xff\xff")
	bmp := bytes.Clone(read("rgb.bmp"))
	copy(bmp[18:], "\xff\xff\xff\x7f\xff\xff\xff\x7f")
	frame := bytes.Clone(read("turn8.webp")) // VP8X canvas, then a frame that claims more
	at := bytes.Index(frame, []byte("VP8L"))
	copy(frame[at+9:], "\xff\xff\xff\x0f")
	// tag 284, one SHORT: 1 becomes 2
	planar := bytes.Replace(read("rgb_raw.tiff"), []byte("\x1c\x01\x03\x00\x01\x00\x00\x00\x01"),
		[]byte("\x1c\x01\x03\x00\x01\x00\x00\x00\x02"), 1)
	// changed is a TIFF with 32 bits of a tag's entry changed.
	changed := func(name string, tag uint16, at int, v uint32) []byte {
		b := bytes.Clone(read(name))
		dir, err := readIFD(b)
		if err != nil || dir.entry(tag) == 0 {
			t.Fatalf("%s has no tag %d: %v", name, tag, err)
		}
		dir.order.PutUint32(b[dir.entry(tag)+at:], v)
		return b
	}
	// tiled is a deflated grey TIFF of one pixel in a tile of so many, and no data.
	tiled := func(w, h uint32) []byte {
		entries := [][2]uint32{{256, 1}, {257, 1}, {258, 8}, {259, 8}, {262, 1}, {277, 1}, {322, w}, {323, h}, {324, 8},
			{325, 2}}
		b := append([]byte("II\x2a\x00\x08\x00\x00\x00"), byte(len(entries)), 0)
		for _, e := range entries {
			b = append(b, byte(e[0]), byte(e[0]>>8), typeLong, 0, 1, 0, 0, 0, byte(e[1]), byte(e[1]>>8), byte(e[1]>>16),
				byte(e[1]>>24))
		}
		return append(b, 0, 0, 0, 0)
	}
	for _, c := range []struct {
		name, message string
		in            []byte
		limit         int
	}{
		{"tiff with a tile much larger than its image", "tiff 1x1: tiles of 4096x1025 pixels, want at most " +
			"4194304 for this size", tiled(4096, 1025), 0},
		{"tiff with a large tile", "tiff 1x1: zlib: invalid header", tiled(4096, 1024), 0},
		{"tiff with a directory beyond the file", "the directory at byte 8 has 65535 entries of 12 bytes, the " +
			"file 10 bytes", []byte("II\x2a\x00\x08\x00\x00\x00\xff\xff"), 0},
		{"tiff with a strip beyond the file", "the pixels of part 0 are 9437184 bytes at byte ",
			changed("rgb_raw.tiff", 279, 8, 9<<20), 0},
		{"tiff with a tag beyond the file", "tag 258 has 9437184 bytes at byte ", changed("rgb_raw.tiff", 258, 4,
			9<<19), 0},
		{"compressed tiff with a tag far out", "tag 258 has 6 bytes at byte 4026531840 of ",
			changed("rgb_tiff_lzw.tiff", 258, 8, 0xf0000000), 0},
		{"compressed tiff with a strip that ends late", "", changed("rgb_tiff_lzw.tiff", 279, 8, 9<<20), 0},
		{"tiff of three planes", "tiff 23x17: the channels are stored apart", planar, 0},
		{"empty", "the file is empty", nil, 0},
		{"not an image", "unknown format (want png, jpeg, gif, bmp, tiff or webp)", []byte("hello, world"), 0},
		{"png of 2^31", "png header says 60000x60000 pixels, want 1 to max_pixels = 89478485", filetest.HugePNG(), 0},
		{"gif of 65535", "gif header says 65535x65535 pixels", gif, 0},
		{"bmp of 2^31", "bmp header says 2147483647x2147483647 pixels", bmp, 0},
		{"webp frame beyond its canvas", "holds a frame of 16384x16384 pixels, want the size of the canvas", frame, 0},
		{"limit", "jpeg header says 23x17 pixels, want 1 to max_pixels = 390", jpg, 390},
		{"at the limit", "", jpg, 391},
		{"jpeg cut", "jpeg 23x17: ", jpg[:len(jpg)-60], 0},
		{"jpeg header cut", "the file is truncated", jpg[:30], 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decoder{MaxPixels: c.limit}
			var m datasets.Image
			var err error
			took := filetest.MemoryOf(func() { err = d.Decode(c.in, &m) })
			if c.message == "" && err != nil || c.message != "" &&
				(err == nil || !strings.Contains(err.Error(), c.message)) {
				t.Errorf("got %v, want %q", err, c.message)
			}
			if took > 1<<20 {
				t.Errorf("took %d bytes of memory, want below 1 MiB", took)
			}
		})
	}
}

// Every file, cut anywhere and with any bit flipped, gives an error or pixels, and takes no more memory than it may.
func TestDecodeDamage(t *testing.T) {
	d := Decoder{MaxPixels: 1 << 14}
	var m datasets.Image
	var before, after runtime.MemStats
	for _, name := range samples(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := datasets.NewRand(1, "damage/"+filepath.Base(name))
		runtime.ReadMemStats(&before)
		const tries = 60
		for range tries {
			bad := bytes.Clone(b)
			bad[r.Intn(len(bad))] ^= 1 << r.Intn(8)
			bad[r.Intn(min(len(bad), 64))] ^= 1 << r.Intn(8) // most headers are here
			if err := d.Decode(bad, &m); err == nil && (len(m.Pix) != m.H*m.W*m.C || m.H*m.W < 1 ||
				m.H*m.W > d.MaxPixels) {
				t.Errorf("%s: %dx%dx%d with %d bytes", name, m.H, m.W, m.C, len(m.Pix))
			}
			if err := d.Decode(b[:r.Intn(len(b))], &m); err != nil && err.Error() == "" {
				t.Errorf("%s: an error without words", name)
			}
		}
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) / (2 * tries); took > 2<<20 {
			t.Errorf("%s: %d bytes of memory a try, want at most 2 MiB", name, took)
		}
	}
}

// Nothing is allocated for an image but what the library takes: its planes, and tables of fixed size (GIF: each colour
// of a palette).
func TestDecodeAllocations(t *testing.T) {
	for name, most := range map[string]float64{"ycc420.jpg": 12, "cmyk.jpg": 16, "rgb.png": 24, "turn6.png": 24,
		"palette.gif": 600, "rgb.bmp": 12, "lossy.webp": 30} {
		b, err := os.ReadFile("testdata/decode/" + name)
		if err != nil {
			t.Fatal(err)
		}
		d := Decoder{Channels: 3}
		var m datasets.Image
		if got := testing.AllocsPerRun(20, func() {
			if err := d.Decode(b, &m); err != nil {
				t.Fatal(err)
			}
		}); got > most {
			t.Errorf("%s: %v allocations an image, want at most %v", name, got, most)
		}
	}
}

// Decoding small images of several kinds.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"ycc444.jpg", "ycc420.jpg", "rgb.png", "lossy.webp"} {
		b.Run(name, func(b *testing.B) {
			file, err := os.ReadFile("testdata/decode/" + name)
			if err != nil {
				b.Fatal(err)
			}
			var d Decoder
			var m datasets.Image
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Decode(file, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// seeds adds small files of every format, and headers that claim too much.
func seeds(f *testing.F) {
	for _, name := range samples(f) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)*2/3])
		f.Add(b[:len(b)/8])
	}
	f.Add(filetest.HugePNG())
}

// FuzzDecode holds that no file, whatever it claims, does more than fail, that the header tells what decoding gives,
// and that a part of it decodes alike.
func FuzzDecode(f *testing.F) {
	seeds(f)
	const limit = 1 << 14
	f.Fuzz(func(t *testing.T, in []byte) {
		d := Decoder{MaxPixels: limit}
		var m datasets.Image
		var h Header
		var headerErr, err error
		took := filetest.MemoryOf(func() {
			h, headerErr = d.Header(in)
			err = d.Decode(in, &m)
		})
		// 64 bytes a pixel of the header for the library's buffers that grow, and its fixed tables; the rest by the
		// length of the file, of which 2.5 bytes ask for a Huffman group of a lossless WebP.
		const fixed = 1 << 20
		if most := uint64(64*h.H*h.W + fixed + 1200*len(in)); took > most {
			t.Fatalf("%d bytes took %d bytes of memory, want at most %d (%v)", len(in), took, most, err)
		}
		if err != nil {
			return
		}
		var part datasets.Image
		box := resample.Box{Top: len(in) % m.H / 2, Left: len(in) % m.W, Height: 1 + len(in)%3, Width: m.W}
		if err := d.DecodePart(in, &part, func(int, int) resample.Box { return box }); err != nil {
			t.Fatalf("the whole decodes, %+v does not: %v", box, err)
		}
		box = within(box, m.H, m.W)
		for y := box.Top; y < box.Top+box.Height; y++ {
			if from, to := (y*m.W+box.Left)*m.C, (y*m.W+box.Left+box.Width)*m.C; !bytes.Equal(part.Pix[from:to],
				m.Pix[from:to]) {
				t.Fatalf("row %d of %+v: %v, in the whole %v", y, box, part.Pix[from:to], m.Pix[from:to])
			}
		}
		if headerErr != nil || h.H != m.H || h.W != m.W || h.C != m.C || len(m.Pix) != m.H*m.W*m.C || m.H*m.W < 1 ||
			m.H*m.W > limit {
			t.Fatalf("%dx%dx%d with %d bytes, header %+v (%v)", m.H, m.W, m.C, len(m.Pix), h, headerErr)
		}
	})
}

func FuzzOrientation(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, find := range []func([]byte) []byte{jpegEXIF, pngEXIF, webpEXIF, func(b []byte) []byte { return b }} {
			if o := orientation(find(in)); o < 1 || o > 8 {
				t.Fatalf("orientation %d", o)
			}
		}
	})
}
