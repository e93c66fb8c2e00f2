package codec

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

// bits writes numbers of so many bits, the least significant first.
type bitWriter struct {
	b []byte
	n int
}

func (w *bitWriter) put(v, bits int) {
	for k := range bits {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[len(w.b)-1] |= byte(v>>k&1) << (w.n % 8)
		w.n++
	}
}

// alone writes a prefix code of one symbol below 256.
func (w *bitWriter) alone(symbol int) {
	w.put(1, 1)
	w.put(0, 1)
	w.put(1, 1)
	w.put(symbol, 8)
}

// riff is a WebP of one chunk.
func riff(code string, size int, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+8+size+size&1))
	b = append(b, "WEBP"+code...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(size)), body...)
}

// manyGroups is a lossless WebP whose entropy image, of one colour, asks for so many Huffman groups, with nothing
// behind it.
func manyGroups(w, h, groups int) []byte {
	var out bitWriter
	out.put(0x2f, 8)
	out.put(w-1, 14)
	out.put(h-1, 14)
	out.put(0, 1+3+1+1) // alpha, version, no transform, no cache
	out.put(1, 1)       // an entropy image
	out.put(0, 3)       // of tiles of 4 x 4
	out.put(0, 1)       // no cache
	for _, symbol := range []int{(groups - 1) & 255, (groups - 1) >> 8, 0, 0, 0} {
		out.alone(symbol) // green, red, blue, alpha, distance
	}
	return riff("VP8L", len(out.b), out.b)
}

// What a WebP claims is held to what is there before memory is taken: both inputs took megabytes, the second 175 MB out
// of 32 bytes.
func TestWebPClaims(t *testing.T) {
	lossy := func() []byte {
		b, err := os.ReadFile("testdata/decode/lossy.webp")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	long := bytes.Clone(lossy()[:200])
	at := bytes.Index(long, []byte("VP8 ")) + 4
	binary.LittleEndian.PutUint32(long[4:], 0x600000)
	binary.LittleEndian.PutUint32(long[at:], 0x580058)
	part := lossy()
	part[at+4+2] = 0xff // length of the first partition
	// An image of another size before the one that the canvas speaks of.
	twice := manyGroups(1<<14, 1<<14, 1)
	canvas := riff("VP8X", 10, []byte{0, 0, 0, 0, 22, 0, 0, 16, 0, 0})
	twice = append(append(canvas, twice[12:]...), lossy()[12:]...)
	binary.LittleEndian.PutUint32(twice[4:], uint32(len(twice)-8))
	// The same as alpha.
	alpha := append(riff("VP8X", 10, []byte{16, 0, 0, 0, 22, 0, 0, 16, 0, 0}), "ALPH"...)
	body := append([]byte{1}, manyGroups(23, 17, 1<<16)[12+8+5:]...)
	alpha = append(binary.LittleEndian.AppendUint32(alpha, uint32(len(body))), body...)
	for _, c := range []struct {
		name, message string
		in            []byte
	}{
		{"chunk beyond the file", "the image data is 5767256 bytes from byte 20 on, and 180 are there: the file " +
			"is truncated", long},
		{"partition beyond its chunk", "the first partition has ", part},
		{"groups beyond the file", "65536 Huffman groups, and the ", manyGroups(1, 1, 1<<16)},
		{"groups of alpha", "alpha: 65536 Huffman groups, and the ", alpha},
		{"groups beyond the tiles", "1001 Huffman groups for 6 tiles", append(manyGroups(12, 5, 1001),
			make([]byte, 5000)...)},
		{"another image first", "holds a frame of 16384x16384 pixels, want the size of the canvas", twice},
	} {
		if c.name == "groups beyond the tiles" {
			binary.LittleEndian.PutUint32(c.in[4:], uint32(len(c.in)-8))
			binary.LittleEndian.PutUint32(c.in[16:], uint32(len(c.in)-20))
		}
		var d Decoder
		var m datasets.Image
		var err error
		took := filetest.MemoryOf(func() { err = d.Decode(c.in, &m) })
		if err == nil || !strings.Contains(err.Error(), c.message) || took > 64<<10 {
			t.Errorf("%s: got %v and %d bytes of memory, want %q and at most 64 KiB", c.name, err, took, c.message)
		}
	}
}

// The walk to the Huffman groups reads what encoders write: it ends where the library's reading goes on, and finds as
// many groups.
func TestVP8LGroups(t *testing.T) {
	n := 0
	for _, name := range samples(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f := webpChunk(b, "VP8L")
		if f == nil || !strings.HasSuffix(name, ".webp") {
			continue
		}
		n++
		v := binary.LittleEndian.Uint32(f[1:])
		r := vp8lReader{b: f[5:]}
		groups, tiles := r.groups(int(v&0x3fff)+1, int(v>>14&0x3fff)+1)
		if r.failed || groups < 1 || groups > tiles {
			t.Errorf("%s: %d groups of %d tiles, failed %v", name, groups, tiles, r.failed)
		}
		if strings.HasSuffix(name, "groups.webp") && (groups != 10 || tiles != 40*30) {
			t.Errorf("%s: %d groups of %d tiles, want 10 of 1200", name, groups, tiles)
		}
	}
	if n < 3 {
		t.Errorf("%d lossless files, want at least 3", n)
	}
}
