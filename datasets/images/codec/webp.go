package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// The library takes memory for a WebP by what its chunks claim. This file holds each claim to the canvas, whose size
// the header was checked for, and to the bytes that are there.
//
// RFC 9649 (WebP container and lossless bitstream), RFC 6386 (VP8).

// chunk is one part of a RIFF file.
type chunk struct {
	code string // four letters
	at   int    // offset of body
	size int64  // that the header claims
	body []byte // as far as the file goes
}

// riffChunks goes through the chunks of a RIFF file, the last of which may be cut.
func riffChunks(b []byte) iter.Seq[chunk] {
	return func(yield func(chunk) bool) {
		for i := 12; i+8 <= len(b); {
			n := int64(binary.LittleEndian.Uint32(b[i+4:]))
			c := chunk{string(b[i : i+4]), i + 8, n, b[i+8:]}
			if n < int64(len(c.body)) {
				c.body = c.body[:n]
			}
			if !yield(c) || n+n&1 > int64(len(b)-i-8) {
				return
			}
			i += 8 + int(n+n&1)
		}
	}
}

// checkWebP refuses an image of another size than the canvas, one that is longer than the file, and more Huffman groups
// than there is use or room for. It looks at the chunks that the library reads: those up to the first that holds an
// image.
func checkWebP(b []byte, w, h int) error {
	for c := range riffChunks(b) {
		switch c.code {
		case "ALPH":
			if len(c.body) > 0 && c.body[0]&3 == 1 {
				if err := checkGroups(c.body[1:], w, h); err != nil {
					return fmt.Errorf("alpha: %w", err)
				}
			}
		case "VP8 ":
			return checkVP8(c, w, h)
		case "VP8L":
			if len(c.body) < 5 {
				return errors.New("the file is truncated")
			}
			v := binary.LittleEndian.Uint32(c.body[1:])
			if err := checkFrame(int(v&0x3fff)+1, int(v>>14&0x3fff)+1, w, h); err != nil {
				return err
			}
			return checkGroups(c.body[5:], w, h)
		}
	}
	return errors.New("no image data (animations are not supported)")
}

func checkFrame(fw, fh, w, h int) error {
	if fw != w || fh != h {
		return fmt.Errorf("holds a frame of %dx%d pixels, want the size of the canvas", fw, fh)
	}
	return nil
}

// checkVP8 checks a lossy frame. The library takes the memory of its partitions by the length of the chunk before it
// reads them.
func checkVP8(c chunk, w, h int) error {
	if len(c.body) < 10 {
		return errors.New("the file is truncated")
	}
	le := binary.LittleEndian
	if err := checkFrame(int(le.Uint16(c.body[6:]))&0x3fff, int(le.Uint16(c.body[8:]))&0x3fff, w, h); err != nil {
		return err
	}
	if have := int64(len(c.body)); have < c.size {
		return fmt.Errorf("the image data is %d bytes from byte %d on, and %d are there: the file is truncated", c.size,
			c.at, have)
	}
	first := int64(c.body[0])>>5 | int64(c.body[1])<<3 | int64(c.body[2])<<11
	if first > c.size-10 {
		return fmt.Errorf("the first partition has %d bytes of the %d of its chunk", first, c.size)
	}
	return nil
}

// A Huffman group of the library takes 2.7 kB before its codes are read: 175 MB for the 65,536 that two bytes of a file
// may ask for.
const (
	fewGroups  = 1000 // 2.7 MB; as many as libwebp, too, takes without a look
	groupBits  = 5 * 4
	maxVP8LBit = 15
)

// checkGroups refuses a lossless image that asks for more Huffman groups than it has tiles to use them in, or bits to
// spell them with. b is what follows the size and the version. A fault of the bitstream is left to the library.
func checkGroups(b []byte, w, h int) error {
	r := vp8lReader{b: b}
	groups, tiles := r.groups(w, h)
	if r.failed {
		return nil
	}
	if left := (8*len(b) - r.bit) / groupBits; groups > left {
		return fmt.Errorf("%d Huffman groups, and the %d bytes that are left hold at most %d", groups, len(b)-r.bit/8,
			left)
	}
	if groups > max(tiles, fewGroups) {
		return fmt.Errorf("%d Huffman groups for %d tiles, want at most one a tile", groups, tiles)
	}
	return nil
}

// vp8lReader reads a lossless image as far as the number of its Huffman groups.
type vp8lReader struct {
	b      []byte
	bit    int  // read so far
	failed bool // the bits ended, or make no image
}

// read is the next n bits, the least significant first.
func (r *vp8lReader) read(n int) (v int) {
	if r.bit+n > 8*len(r.b) {
		r.failed = true
		return 0
	}
	for k := range n {
		v |= int(r.b[r.bit>>3]>>(r.bit&7)&1) << k
		r.bit++
	}
	return v
}

// groups is the number of Huffman groups of an image of w x h pixels, and of the tiles that choose among them.
func (r *vp8lReader) groups(w, h int) (groups, tiles int) {
	tile := func(size, bits int) int { return (size + 1<<bits - 1) >> bits }
	for range 5 { // transforms, each kind at most once, and none
		if r.read(1) == 0 {
			break
		}
		switch r.read(2) {
		case 0, 1: // predictor, colour
			bits := r.read(3) + 2
			r.pixels(tile(w, bits), tile(h, bits))
		case 3: // palette
			colours := r.read(8) + 1
			switch {
			case colours <= 2:
				w = tile(w, 3)
			case colours <= 4:
				w = tile(w, 2)
			case colours <= 16:
				w = tile(w, 1)
			}
			r.pixels(colours, 1)
		}
		if r.failed {
			return 0, 0
		}
	}
	if r.read(1) != 0 { // colour cache
		r.read(4)
	}
	if r.read(1) == 0 { // one group for all
		return 1, 1
	}
	bits := r.read(3) + 2
	w, h = tile(w, bits), tile(h, bits)
	most := 0
	for _, p := range r.pixels(w, h) {
		most = max(most, int(p>>8&0xffff)) // red and green
	}
	return most + 1, w * h
}

// pixels reads an image with one Huffman group: alpha, red, green, blue.
func (r *vp8lReader) pixels(w, h int) []uint32 {
	var cache []uint32
	shift := 0
	if r.read(1) != 0 {
		bits := r.read(4)
		if bits < 1 || bits > 11 {
			r.failed = true
			return nil
		}
		cache, shift = make([]uint32, 1<<bits), 32-bits
	}
	var codes [5]prefixCode // green with lengths and cache, red, blue, alpha, distance
	for i, n := range [5]int{256 + 24 + len(cache), 256, 256, 256, 40} {
		codes[i] = r.code(n)
	}
	if r.failed {
		return nil
	}
	pix := make([]uint32, 0, w*h)
	for cached := 0; len(pix) < w*h && !r.failed; {
		switch g := r.symbol(&codes[0]); {
		case g < 256:
			p := uint32(g) << 8
			p |= uint32(r.symbol(&codes[1])) << 16
			p |= uint32(r.symbol(&codes[2]))
			pix = append(pix, p|uint32(r.symbol(&codes[3]))<<24)
		case g < 256+24:
			n := r.length(g - 256)
			back := distance(w, r.length(r.symbol(&codes[4])))
			if n > w*h-len(pix) || back > len(pix) {
				r.failed = true
				return nil
			}
			for range n {
				pix = append(pix, pix[len(pix)-back])
			}
		default:
			for ; cached < len(pix); cached++ {
				cache[pix[cached]*0x1e35a7bd>>shift] = pix[cached]
			}
			pix = append(pix, cache[g-256-24])
		}
	}
	return pix
}

// length is a length or the code of a distance, by its prefix.
func (r *vp8lReader) length(symbol int) int {
	if symbol < 4 {
		return symbol + 1
	}
	extra := (symbol - 2) >> 1
	return (2+symbol&1)<<extra + r.read(extra) + 1
}

// near is the first 120 codes of distances: how many rows up (the high four bits), and eight less how many columns to
// the left.
var near = [120]byte{
	0x18, 0x07, 0x17, 0x19, 0x28, 0x06, 0x27, 0x29, 0x16, 0x1a, 0x26, 0x2a, 0x38, 0x05, 0x37, 0x39, 0x15, 0x1b, 0x36,
	0x3a,
	0x25, 0x2b, 0x48, 0x04, 0x47, 0x49, 0x14, 0x1c, 0x35, 0x3b, 0x46, 0x4a, 0x24, 0x2c, 0x58, 0x45, 0x4b, 0x34, 0x3c,
	0x03,
	0x57, 0x59, 0x13, 0x1d, 0x56, 0x5a, 0x23, 0x2d, 0x44, 0x4c, 0x55, 0x5b, 0x33, 0x3d, 0x68, 0x02, 0x67, 0x69, 0x12,
	0x1e,
	0x66, 0x6a, 0x22, 0x2e, 0x54, 0x5c, 0x43, 0x4d, 0x65, 0x6b, 0x32, 0x3e, 0x78, 0x01, 0x77, 0x79, 0x53, 0x5d, 0x11,
	0x1f,
	0x64, 0x6c, 0x42, 0x4e, 0x76, 0x7a, 0x21, 0x2f, 0x75, 0x7b, 0x31, 0x3f, 0x63, 0x6d, 0x52, 0x5e, 0x00, 0x74, 0x7c,
	0x41,
	0x4f, 0x10, 0x20, 0x62, 0x6e, 0x30, 0x73, 0x7d, 0x51, 0x5f, 0x40, 0x72, 0x7e, 0x61, 0x6f, 0x50, 0x71, 0x7f, 0x60,
	0x70,
}

// distance is how many pixels back a code points in an image of width w.
func distance(w, code int) int {
	if code > len(near) {
		return code - len(near)
	}
	d := int(near[code-1])
	return max(d>>4*w+8-d&15, 1)
}

// prefixCode is a canonical Huffman code.
type prefixCode struct {
	count   [maxVP8LBit + 1]int // of the symbols of each length
	symbols []int               // by length; one alone takes no bits
}

// canonical is the code whose symbols have these lengths, 0 where they do not occur.
func canonical(lengths []int) (c prefixCode) {
	for n := 1; n <= maxVP8LBit; n++ {
		for s, l := range lengths {
			if l == n {
				c.count[n]++
				c.symbols = append(c.symbols, s)
			}
		}
	}
	return c
}

// symbol reads one.
func (r *vp8lReader) symbol(c *prefixCode) int {
	if len(c.symbols) == 1 {
		return c.symbols[0]
	}
	code, first, at := 0, 0, 0
	for n := 1; n <= maxVP8LBit && !r.failed; n++ {
		code |= r.read(1)
		if d := code - first; d >= 0 && d < c.count[n] {
			return c.symbols[at+d]
		}
		at += c.count[n]
		first = (first + c.count[n]) << 1
		code <<= 1
	}
	r.failed = true
	return 0
}

// code reads a prefix code over so many symbols.
func (r *vp8lReader) code(symbols int) (c prefixCode) {
	if r.read(1) != 0 { // one symbol or two
		n := r.read(1) + 1
		c.symbols = append(c.symbols, r.read(1+7*r.read(1)))
		if n == 2 {
			c.symbols, c.count[1] = append(c.symbols, r.read(8)), 2
		}
		for _, s := range c.symbols {
			r.failed = r.failed || s >= symbols
		}
		return c
	}
	var lengthLengths [19]int
	for _, i := range []int{17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}[:r.read(4)+4] {
		lengthLengths[i] = r.read(3)
	}
	lengthCode := canonical(lengthLengths[:])
	left := symbols
	if r.read(1) != 0 {
		left = r.read(2+2*r.read(3)) + 2
	}
	lengths, before := make([]int, 0, symbols), 8
	for ; left > 0 && len(lengths) < symbols && !r.failed; left-- {
		l, n := r.symbol(&lengthCode), 1
		switch l {
		case 16:
			l, n = before, 3+r.read(2)
		case 17:
			l, n = 0, 3+r.read(3)
		case 18:
			l, n = 0, 11+r.read(7)
		}
		if l != 0 {
			before = l
		}
		for range n {
			lengths = append(lengths, l)
		}
	}
	if c = canonical(lengths); len(lengths) > symbols || len(c.symbols) == 0 {
		r.failed = true
	}
	return c
}
