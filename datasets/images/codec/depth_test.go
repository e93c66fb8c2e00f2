package codec

import (
	"bytes"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
)

// whiteIsZero is a grey TIFF with 0 for white.
func whiteIsZero(t testing.TB, b []byte) []byte {
	t.Helper()
	b = bytes.Clone(b)
	dir, err := readIFD(b)
	if err != nil || dir.entry(262) == 0 {
		t.Fatalf("no PhotometricInterpretation: %v", err)
	}
	dir.order.PutUint16(b[dir.entry(262)+8:], 0)
	return b
}

// Samples of 16 bits become bytes by the range that the recipe states, in every format that has such samples, and by
// their high byte where it states none.
func TestRange16(t *testing.T) {
	grey := filetest.Deep(1, 5, 0, 1024, "grey") // 0, 1024, 2048, 3072, 4096
	for _, c := range []struct {
		name        string
		in          []byte
		first, last uint16
		want        []byte
	}{
		{"png, high byte", filetest.Encoded(t, ".png", grey), 0, 0, []byte{0, 4, 8, 12, 16}},
		{"png", filetest.Encoded(t, ".png", grey), 0, 4096, []byte{0, 64, 128, 191, 255}},
		{"png, black point", filetest.Encoded(t, ".png", grey), 1024, 3072, []byte{0, 0, 128, 255, 255}},
		{"png, whole range", filetest.Encoded(t, ".png", grey), 0, 65535, []byte{0, 4, 8, 12, 16}},
		{"tiff", filetest.Encoded(t, ".tiff", grey), 0, 4096, []byte{0, 64, 128, 191, 255}},
		{"tiff, 0 is white", whiteIsZero(t, filetest.Encoded(t, ".tiff", grey)), 0, 4096, []byte{255, 191, 128, 64, 0}},
		{"tiff, 0 is white, black point", whiteIsZero(t, filetest.Encoded(t, ".tiff", grey)), 1024, 3072,
			[]byte{255, 255, 128, 0, 0}},
		{"tiff, 0 is white, high byte", whiteIsZero(t, filetest.Encoded(t, ".tiff", grey)), 0, 0,
			[]byte{255, 251, 247, 243, 239}},
		{"png, colour", filetest.Encoded(t, ".png", filetest.Deep(1, 2, 2048, 2048, "colour")), 0, 4096,
			[]byte{128, 64, 0, 255, 128, 0}},
		{"tiff, colour with alpha taken in", filetest.Encoded(t, ".tiff", filetest.Deep(1, 2, 2048, 2048,
			"premultiplied")), 0, 4096,
			[]byte{127, 127, 127, 255, 255, 255}},
		{"8 bits stay", filetest.Encoded(t, ".png", filetest.Stripes(1, 3, 1, 9)), 0, 4096, []byte{0, 9, 9}},
	} {
		d := Decoder{Black16: c.first, White16: c.last}
		var m datasets.Image
		if err := d.Decode(c.in, &m); err != nil || !bytes.Equal(m.Pix, c.want) {
			t.Errorf("%s: got %v (%v), want %v", c.name, m.Pix, err, c.want)
		}
	}
}
