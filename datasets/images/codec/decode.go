// Package codec turns the bytes of image files into pixels, as PIL does: whole images, parts of them, and the numbers
// that a mask stores.
package codec

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/datasets/resample"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// DefaultMaxPixels is where PIL begins to warn of a decompression bomb (Image.MAX_IMAGE_PIXELS): a quarter of a GiB of
// 3-byte pixels. While a file is decoded, up to 16 bytes a pixel are in use (a progressive JPEG without subsampling).
const DefaultMaxPixels = 89_478_485

// Decoder turns the bytes of an image file into pixels as PIL's convert("RGB") or convert("L") does: PNG, JPEG, GIF
// (first frame), BMP, WebP, TIFF.
//
// Alpha is dropped, so that the colour stored under transparent pixels shows; 16-bit samples keep their high byte, or
// are scaled from a range (Black16, White16) that the values of a sensor fill; a CMYK or YCCK JPEG is inverted as Adobe
// writes it; the image is turned as its EXIF orientation says. The zero value is ready. It keeps memory between images
// and serves one goroutine at a time.
type Decoder struct {
	Channels  int // 1 grey (Rec. 601 luma), 3 colour, 0 as the file has it
	MaxPixels int // a header that claims more is refused before memory is taken; 0: DefaultMaxPixels

	// Values of 16-bit samples that become 0 and 255, those between in proportion; both 0: the high byte is kept.
	Black16, White16 uint16

	reader fileReader
	stored datasets.Image // before it is turned
	chroma chroma
}

// Header is an image file's format and size, read from its first bytes.
type Header struct {
	Format  string // png, jpeg, gif, bmp, webp or tiff
	H, W, C int    // as Decode delivers it: turned, C 1 or 3

	orientation int // EXIF, 1 to 8
	config      image.Config
}

// format is one file format: how it is recognised and read.
type format struct {
	name   string
	magic  string // ? is any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	exif   func([]byte) []byte // the TIFF structure that holds the orientation, or nil
}

var formats = []format{
	{"jpeg", "\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode, jpegEXIF},
	{"png", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode, pngEXIF},
	{"webp", "RIFF????WEBP", webp.DecodeConfig, webp.Decode, webpEXIF},
	{"gif", "GIF8?a", gif.DecodeConfig, gif.Decode, nil},
	{"bmp", "BM", bmp.DecodeConfig, bmp.Decode, nil},
	{"tiff", "II\x2a\x00", tiff.DecodeConfig, tiff.Decode, func(b []byte) []byte { return b }},
	{"tiff", "MM\x00\x2a", tiff.DecodeConfig, tiff.Decode, func(b []byte) []byte { return b }},
}

// Header reads the header and refuses an image without pixels or with more than MaxPixels. The rest of the file is not
// looked at, so that it may still not decode.
func (d *Decoder) Header(b []byte) (h Header, err error) {
	defer recovered(&err)
	_, h, err = d.header(b)
	return h, err
}

func (d *Decoder) header(b []byte) (*format, Header, error) {
	f := sniff(b)
	switch {
	case len(b) == 0:
		return nil, Header{}, errors.New("the file is empty")
	case f == nil:
		return nil, Header{}, fmt.Errorf("%d bytes that begin with % x: unknown format (want png, jpeg, gif, "+
			"bmp, tiff or webp)", len(b), b[:min(len(b), 8)])
	}
	h := Header{Format: f.name, C: 3, orientation: 1}
	var err error
	if f.name == "tiff" {
		if err := tiffFits(b); err != nil {
			return nil, h, fmt.Errorf("tiff of %d bytes: %w", len(b), err)
		}
	}
	if h.config, err = f.config(d.open(b)); err != nil {
		return nil, h, fmt.Errorf("%s header of %d bytes: %w", f.name, len(b), disk.NoEOF(err))
	}
	h.H, h.W = h.config.Height, h.config.Width
	limit := d.maxPixels()
	if h.W <= 0 || h.H <= 0 || h.W > limit/h.H {
		return nil, h, fmt.Errorf("%s header says %dx%d pixels, want 1 to max_pixels = %d", f.name, h.W, h.H, limit)
	}
	switch f.name {
	case "webp":
		err = checkWebP(b, h.W, h.H)
	case "tiff":
		err = d.reader.checkTIFF(h.W, h.H, limit)
	}
	if err != nil {
		return nil, h, fmt.Errorf("%s %dx%d: %w", f.name, h.W, h.H, err)
	}
	if grey(f.name, h.config, b) {
		h.C = 1
	}
	if d.Channels != 0 {
		h.C = d.Channels
	}
	if f.exif != nil {
		h.orientation = orientation(f.exif(b))
	}
	if h.orientation >= 5 {
		h.H, h.W = h.W, h.H
	}
	return f, h, nil
}

// grey reports whether the file stores one channel, with or without alpha.
func grey(format string, cfg image.Config, b []byte) bool {
	if format == "png" { // colour type 0 or 4, in the fixed place of IHDR
		return b[25] == 0 || b[25] == 4
	}
	return cfg.ColorModel == color.GrayModel || cfg.ColorModel == color.Gray16Model
}

func sniff(b []byte) *format {
next:
	for i := range formats {
		f := &formats[i]
		if len(b) < len(f.magic) {
			continue
		}
		for k := range len(f.magic) {
			if f.magic[k] != '?' && f.magic[k] != b[k] {
				continue next
			}
		}
		return f
	}
	return nil
}

func (d *Decoder) maxPixels() int {
	if d.MaxPixels == 0 {
		return DefaultMaxPixels
	}
	return d.MaxPixels
}

// open reads b from its beginning.
func (d *Decoder) open(b []byte) io.Reader {
	d.reader.reset(b)
	return &d.reader
}

// Decode writes the image of the file b to dst, whose memory it reuses. On an error dst holds nothing of use.
func (d *Decoder) Decode(b []byte, dst *datasets.Image) error {
	return d.DecodePart(b, dst, resample.Whole)
}

// DecodePart does what Decode does for the pixels of the box that choose returns, which is told the image's height and
// width. The other pixels of dst hold anything; damage to that part of the file may go unnoticed.
func (d *Decoder) DecodePart(b []byte, dst *datasets.Image, choose func(h, w int) resample.Box) (err error) {
	defer recovered(&err)
	f, h, err := d.header(b)
	if err != nil {
		return err
	}
	box := within(choose(h.H, h.W), h.H, h.W)
	t := h.turn()
	stored := dst
	if t.needed() {
		stored = &d.stored
	}
	err = d.store(stored, f, b, h, t.before(box))
	d.reader.reset(nil) // lets go of b
	if err != nil {
		return fmt.Errorf("%s %dx%d: %w", h.Format, h.config.Width, h.config.Height, disk.NoEOF(err))
	}
	if d.Channels != 0 {
		stored.Convert(d.Channels)
	}
	if t.needed() {
		dst.Reshape(h.H, h.W, stored.C)
		t.apply(dst, stored, box)
	}
	return nil
}

// store decodes at least box, as the file has it, to dst.
func (d *Decoder) store(dst *datasets.Image, f *format, b []byte, h Header, box resample.Box) error {
	if f.name == "jpeg" && d.upper(dst, b, h, box) {
		return nil
	}
	d.reader.rewind()
	in := io.Reader(&d.reader)
	if f.name == "jpeg" && h.config.ColorModel == color.CMYKModel {
		in = adobe(b)
	}
	src, err := f.decode(in)
	if err != nil {
		return err
	}
	return d.pixels(dst, src, b, h, box)
}

// upper decodes the rows of a JPEG down to the last one of box, and reports whether it did; it leaves errors to a
// decoding of all rows.
func (d *Decoder) upper(dst *datasets.Image, b []byte, h Header, box resample.Box) bool {
	at, rows := lowerRows(b, box.Top+box.Height)
	if at == 0 {
		return false
	}
	d.reader.change(at, byte(rows>>8), byte(rows))
	defer d.reader.reset(b)
	d.reader.rewind()
	src, err := jpeg.Decode(&d.reader)
	if err != nil || src.Bounds() != image.Rect(0, 0, h.config.Width, rows) {
		return false
	}
	switch m := src.(type) {
	case *image.YCbCr:
		dst.Reshape(h.config.Height, h.config.Width, 3)
		d.chroma.fill(dst, m, false, box)
	case *image.Gray:
		dst.Reshape(h.config.Height, h.config.Width, 1)
		part := datasets.Image{H: rows, W: dst.W, C: 1, Pix: dst.Pix[:rows*dst.W]}
		return fill(&part, m, depth{}) == nil
	default: // red, green and blue
		return false
	}
	return true
}

// pixels copies what a decoder of the library returned, or at least the box of it, to dst, with 1 channel or 3.
func (d *Decoder) pixels(dst *datasets.Image, src image.Image, file []byte, h Header, box resample.Box) error {
	w, ht := h.config.Width, h.config.Height
	if h.Format == "gif" {
		return gifPixels(dst, src, file, w, ht)
	}
	if r := src.Bounds(); r.Dx() != w || r.Dy() != ht {
		return fmt.Errorf("the header says %dx%d pixels, the image has %dx%d", w, ht, r.Dx(), r.Dy())
	}
	c := 3
	if grey(h.Format, h.config, file) {
		c = 1
	}
	dst.Reshape(ht, w, c)
	switch m := src.(type) {
	case *image.YCbCr:
		d.chroma.fill(dst, m, h.Format == "webp", box)
	case *image.NYCbCrA:
		d.chroma.fill(dst, &m.YCbCr, h.Format == "webp", box)
	default:
		deep := depth{d.Black16, d.White16}
		if h.Format == "tiff" && d.reader.whiteIsZero() {
			deep = deep.inverted()
		}
		err := fill(dst, src, deep)
		if h.Format == "tiff" && d.reader.inverted() {
			for i, v := range dst.Pix {
				dst.Pix[i] = 255 - v
			}
		}
		return err
	}
	return nil
}

// recovered turns a panic into an error: the decoders read untrusted bytes.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the decoder panicked: %v", p)
	}
}
