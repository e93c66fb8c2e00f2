// Package pack keeps a data set in one indexed file: any image at once by its number, every byte under a checksum.
//
//	[dataset.pack]
//	path = "set.pack"        # made by: experiment data pack RECIPE_OR_DIR -o set.pack
//
// The file, version 1, little-endian; places are bytes from its beginning:
//
//	header   16 bytes: magic, version
//	records  one after another: payload (pixels [H,W,C], or an image file), then the image's name
//	meta     JSON: see Meta
//	index    32 bytes an image: see entry; the training images first
//	footer   80 bytes: where meta and index begin, the counts, and their digest
//
// The checksum of a record is its CRC-32C (Castagnoli). The digest is the SHA-256 of the header, the meta, the index
// and the first 32 bytes of the footer; the footer has a CRC-32C of its own, so that a size is believed only after it
// was checked.
//
// Records lie at fixed places and may be mapped. This package reads them with one positioned read each: a file that is
// cut or a disk that fails is then an error and not the end of the process, and the memory of the process does not grow
// with what was read.
package pack

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

const (
	version    = 1
	headerSize = 16
	entrySize  = 32
	footerSize = 80
	maxMeta    = 64 << 20
)

// A byte above 127 and both ends of lines, as in PNG, so that a copy in text mode shows.
const (
	magic    = "\x89PACK\r\n\x1a"
	endMagic = "\x1a\r\nKCAP\x89"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

func header() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(magic), version)
	return append(b, 0, 0, 0, 0)
}

// Codec is how a record holds its image.
type Codec uint8

const (
	Pixels Codec = 0 // [H,W,C], as they are
	File   Codec = 1 // an image file: JPEG, PNG and so on
)

func (c Codec) String() string {
	switch c {
	case Pixels:
		return "pixels"
	case File:
		return "image file"
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

// entry is an image of the index.
type entry struct {
	offset   uint64
	length   uint32 // of the payload, bytes
	checksum uint32 // of payload and name
	label    int32  // -1: none
	height   uint32
	width    uint32 // of which 24 bits are kept
	name     uint16 // length, bytes
	codec    Codec
	channels uint8
}

// size of the record: payload and name.
func (e *entry) size() int64 { return int64(e.length) + int64(e.name) }

// append writes offset 8, length 4, checksum 4, label 4, height 4, width 3, codec and channels 1 (4 bits each), name 2,
// zero 2.
func (e *entry) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, e.offset)
	b = binary.LittleEndian.AppendUint32(b, e.length)
	b = binary.LittleEndian.AppendUint32(b, e.checksum)
	b = binary.LittleEndian.AppendUint32(b, uint32(e.label))
	b = binary.LittleEndian.AppendUint32(b, e.height)
	b = binary.LittleEndian.AppendUint32(b, e.width&0xffffff|uint32(e.codec)<<28|uint32(e.channels)<<24)
	b = binary.LittleEndian.AppendUint16(b, e.name)
	return append(b, 0, 0)
}

// readEntry reads 32 bytes.
func readEntry(b []byte) entry {
	_ = b[entrySize-1]
	mixed := binary.LittleEndian.Uint32(b[24:])
	return entry{
		offset:   binary.LittleEndian.Uint64(b),
		length:   binary.LittleEndian.Uint32(b[8:]),
		checksum: binary.LittleEndian.Uint32(b[12:]),
		label:    int32(binary.LittleEndian.Uint32(b[16:])),
		height:   binary.LittleEndian.Uint32(b[20:]),
		width:    mixed & 0xffffff,
		channels: uint8(mixed >> 24 & 0xf),
		codec:    Codec(mixed >> 28),
		name:     binary.LittleEndian.Uint16(b[28:]),
	}
}

// check refuses an entry that the file cannot hold. end is where the records end.
func (e *entry) check(end int64, classes, channels, maxPixels int) error {
	switch {
	case e.offset < headerSize || e.offset > uint64(end) || e.size() > end-int64(e.offset):
		return fmt.Errorf("bytes %d to %d, the records are bytes %d to %d", e.offset, e.offset+uint64(e.size()),
			headerSize, end)
	case e.codec != Pixels && e.codec != File:
		return fmt.Errorf("%v, want %d (%v) or %d (%v)", e.codec, Pixels, Pixels, File, File)
	case int(e.channels) != channels:
		return fmt.Errorf("%d channels, the file says %d", e.channels, channels)
	case e.height < 1 || e.width < 1 || int64(e.height)*int64(e.width) > int64(maxPixels):
		return fmt.Errorf("%dx%d pixels, want 1 to max_pixels = %d", e.width, e.height, maxPixels)
	case e.codec == Pixels && int64(e.length) != int64(e.height)*int64(e.width)*int64(e.channels):
		return fmt.Errorf("%d bytes of pixels, [%d,%d,%d] is %d", e.length, e.height, e.width, e.channels,
			int64(e.height)*int64(e.width)*int64(e.channels))
	case e.label < -1 || int(e.label) >= classes:
		return fmt.Errorf("label %d, want -1 to %d (%d classes)", e.label, classes-1, classes)
	}
	return nil
}

// footer is the end of the file.
type footer struct {
	meta, index uint64 // where they begin; the index ends where the footer begins
	train, test uint32 // images
	digest      [sha256.Size]byte
}

// sizes writes the part of the footer that the digest covers: meta 8, index 8, train 4, test 4, zero 8.
func (f *footer) sizes() []byte {
	b := binary.LittleEndian.AppendUint64(nil, f.meta)
	b = binary.LittleEndian.AppendUint64(b, f.index)
	b = binary.LittleEndian.AppendUint32(b, f.train)
	b = binary.LittleEndian.AppendUint32(b, f.test)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
}

// bytes writes sizes, digest 32, zero 4, the checksum of all before 4, and the closing magic 8.
func (f *footer) bytes() []byte {
	b := append(f.sizes(), f.digest[:]...)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, checksum(b))
	return append(b, endMagic...)
}

// readFooter reads and checks the last bytes of a file of so many.
func readFooter(b []byte, size int64) (f footer, err error) {
	if string(b[footerSize-8:]) != endMagic {
		return f, fmt.Errorf("%d bytes that end with % x, want a pack's footer: the file is truncated or damaged", size,
			b[footerSize-8:])
	}
	if got, want := checksum(b[:68]), binary.LittleEndian.Uint32(b[68:]); got != want {
		return f, fmt.Errorf("the footer has the checksum %08x and says %08x: it is damaged", got, want)
	}
	f.meta, f.index = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	f.train, f.test = binary.LittleEndian.Uint32(b[16:]), binary.LittleEndian.Uint32(b[20:])
	copy(f.digest[:], b[32:])
	n := uint64(f.train) + uint64(f.test)
	switch {
	case f.train < 1 || n > math.MaxInt32:
		return f, fmt.Errorf("%d training and %d test images, want 1 to %d together", f.train, f.test, math.MaxInt32)
	case f.meta < headerSize || f.index < f.meta || f.index > uint64(size) || f.index-f.meta > maxMeta:
		return f, fmt.Errorf("the meta data is at bytes %d to %d of %d", f.meta, f.index, size)
	case uint64(size)-f.index != n*entrySize+footerSize:
		return f, fmt.Errorf("%d bytes after byte %d, the index of %d images and the footer are %d: the file is "+
			"truncated or damaged",
			uint64(size)-f.index, f.index, n, n*entrySize+footerSize)
	}
	return f, nil
}

// sum is the digest of a file: header, meta and index, and the sizes of the footer.
func (f *footer) sum(meta, index []byte) (d [sha256.Size]byte) {
	h := sha256.New()
	h.Write(header())
	h.Write(meta)
	h.Write(index)
	h.Write(f.sizes())
	h.Sum(d[:0])
	return d
}

// Meta is a pack's description of itself.
type Meta struct {
	Source   string    `json:"source"` // what was packed
	Size     int       `json:"size"`   // shorter side that larger images were reduced to, pixels; 0: as they were
	Quality  int       `json:"quality"`
	Channels int       `json:"channels"`
	Classes  []string  `json:"classes"`
	LeftOut  int       `json:"left_out"` // images of the source that were refused
	Mean     []float64 `json:"mean"`     // of each channel over the training images, byte 255 is 1
	Std      []float64 `json:"std"`      // the same
}

func (m *Meta) check() error {
	if m.Channels != 1 && m.Channels != 3 {
		return fmt.Errorf("meta data: %d channels, want 1 or 3", m.Channels)
	}
	if len(m.Mean) != m.Channels || len(m.Std) != m.Channels {
		return fmt.Errorf("meta data: mean %v and std %v, want %d values each", m.Mean, m.Std, m.Channels)
	}
	return nil
}
