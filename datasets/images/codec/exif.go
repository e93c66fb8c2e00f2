package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The orientation is the one EXIF tag that changes pixels, and the four places that hold it take fewer lines than a
// library's interface: a JPEG's APP1 segment, a PNG's eXIf chunk, a WebP's EXIF chunk, and a TIFF's own directory. A
// damaged block counts as upright.
//
// CIPA DC-008 (Exif 2.32), 4.6.2 and tag 0x0112; PNG Third Edition, 11.3.5.2; WebP Container Specification, Metadata.

// orientation is tag 0x0112 of the first directory: 1 upright, 2 mirrored, 3 upside down, 4 both, 5 transposed, 6
// turned left as stored, 7 transversed, 8 turned right as stored.
func orientation(tiff []byte) int {
	dir, err := readIFD(tiff)
	if err != nil {
		return 1
	}
	if v, at := dir.value(0x0112); at > 0 && v >= 1 && v <= 8 {
		return int(v)
	}
	return 1
}

// ifd is the first directory of a TIFF structure.
type ifd struct {
	order binary.ByteOrder
	file  []byte
	from  int // offset of the entries, 12 bytes each
	n     int
}

func readIFD(b []byte) (ifd, error) {
	d := ifd{file: b}
	if len(b) < 8 {
		return d, errors.New("no TIFF header")
	}
	switch string(b[:4]) {
	case "II\x2a\x00":
		d.order = binary.LittleEndian
	case "MM\x00\x2a":
		d.order = binary.BigEndian
	default:
		return d, errors.New("no TIFF header")
	}
	at := int64(d.order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return d, fmt.Errorf("directory at byte %d of %d", at, len(b))
	}
	d.from = int(at) + 2
	d.n = min(int(d.order.Uint16(b[at:])), (len(b)-d.from)/12)
	return d, nil
}

// entry is the offset of a tag's entry, or 0.
func (d ifd) entry(tag uint16) int {
	for i := range d.n {
		if at := d.from + 12*i; d.order.Uint16(d.file[at:]) == tag {
			return at
		}
	}
	return 0
}

// value is the single SHORT or LONG of a tag and its offset in the file; offset 0 says that there is none.
func (d ifd) value(tag uint16) (v uint32, at int) {
	e := d.entry(tag)
	if e == 0 || d.order.Uint32(d.file[e+4:]) != 1 {
		return 0, 0
	}
	switch d.order.Uint16(d.file[e+2:]) {
	case typeShort:
		return uint32(d.order.Uint16(d.file[e+8:])), e + 8
	case typeLong:
		return d.order.Uint32(d.file[e+8:]), e + 8
	}
	return 0, 0
}

func (d ifd) short(tag uint16) bool { return d.order.Uint16(d.file[d.entry(tag)+2:]) == typeShort }

const typeShort, typeLong = 3, 4

// jpegEXIF is the first Exif block before the image data.
func jpegEXIF(b []byte) []byte { return jpegSegment(b, 0xe1, "Exif\x00\x00") }

// jpegSegment is what follows the name in the first segment of a kind before the image data; nil: none.
func jpegSegment(b []byte, marker byte, name string) []byte {
	for s := range segments(b) {
		if body, ok := bytes.CutPrefix(s.body, []byte(name)); ok && s.marker == marker {
			return body
		}
	}
	return nil
}

// adobe reads a CMYK JPEG; one that lacks Adobe's segment gets it, for the library refuses it otherwise and PIL takes
// its ink as inverted too.
func adobe(b []byte) io.Reader {
	if jpegSegment(b, 0xee, "Adobe") != nil {
		return bytes.NewReader(b)
	}
	// version 100, no flags, transform 0
	const segment = "\xff\xd8" + "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
	return io.MultiReader(strings.NewReader(segment), bytes.NewReader(b[2:]))
}

// pngEXIF is the eXIf chunk, which may follow the image data.
func pngEXIF(b []byte) []byte {
	for i := 8; i+12 <= len(b); {
		n := int64(binary.BigEndian.Uint32(b[i:]))
		if n > int64(len(b)-i-12) {
			return nil
		}
		if string(b[i+4:i+8]) == "eXIf" {
			return b[i+8 : i+8+int(n)]
		}
		i += 12 + int(n)
	}
	return nil
}

// webpEXIF is the EXIF chunk; some writers begin it as a JPEG's.
func webpEXIF(b []byte) []byte {
	return bytes.TrimPrefix(webpChunk(b, "EXIF"), []byte("Exif\x00\x00"))
}

// webpChunk is the first chunk with the four-letter code, as far as the file goes; nil: none.
func webpChunk(b []byte, code string) []byte {
	for c := range riffChunks(b) {
		if c.code == code {
			return c.body
		}
	}
	return nil
}
