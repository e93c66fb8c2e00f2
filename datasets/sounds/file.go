package sounds

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"selfsup/datasets/disk"
)

// WAVHeader is a WAV file's format, read from its chunks.
type WAVHeader struct {
	Rate     int // samples a second
	Channels int // 1 or 2
	Bits     int // 8, 16, 24 or 32 of a sample
	Float    bool
	Samples  int   // of each channel
	At       int64 // where they begin
}

// frame is the bytes of one sample of every channel.
func (h *WAVHeader) frame() int { return h.Channels * h.Bits / 8 }

// ReadWAVHeader reads the chunks of a WAV file of size bytes: PCM of 8, 16, 24 or 32 bits or 32-bit floats, in the
// plain or the extensible form, mono or stereo. It refuses other codings, a file without samples, one that ends before
// the samples that it claims, and one that goes on after them with what is no chunk. Where a program wrote to a pipe
// and could not say how many samples there are, they go to the end.
//
// Format: IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0, 1991; WAVEFORMATEXTENSIBLE,
// Microsoft 2001.
func ReadWAVHeader(in io.ReaderAt, size int64) (h WAVHeader, err error) {
	var head [12]byte
	if _, err := readFull(in, head[:], 0, size); err != nil {
		return h, err
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return h, fmt.Errorf("begins with %q, want RIFF, 4 bytes of length and WAVE", head)
	}
	format := false
	for at := int64(12); ; {
		var chunk [8]byte
		if at+8 > size {
			missing := "data"
			if !format {
				missing = "fmt"
			}
			return h, fmt.Errorf("%d bytes without a %s chunk", size, missing)
		}
		if _, err := readFull(in, chunk[:], at, size); err != nil {
			return h, err
		}
		n := int64(binary.LittleEndian.Uint32(chunk[4:]))
		at += 8
		switch string(chunk[:4]) {
		case "fmt ":
			if format {
				return h, fmt.Errorf("byte %d: a second fmt chunk", at-8)
			}
			if err := h.format(in, at, n, size); err != nil {
				return h, fmt.Errorf("fmt chunk: %w", err)
			}
			format = true
		case "data":
			if !format {
				return h, fmt.Errorf("byte %d: a data chunk before the fmt chunk", at-8)
			}
			if streamed(n, binary.LittleEndian.Uint32(head[4:]), h.frame()) {
				return h, h.data(at, size-at, size)
			}
			if err := h.data(at, n, size); err != nil {
				return h, err
			}
			return h, chunksOnly(in, at+n+n&1, size)
		}
		at += n + n&1
	}
}

// readFull reads len(b) bytes of a file of size bytes from at on.
func readFull(in io.ReaderAt, b []byte, at, size int64) (int, error) {
	n, err := in.ReadAt(b, at)
	if n < len(b) {
		if err == nil || err == io.EOF {
			err = fmt.Errorf("the file ends at byte %d, want %d", size, at+int64(len(b)))
		}
		return n, disk.Bare(err)
	}
	return n, nil
}

const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xfffe
)

// guidTail is what follows the coding in a sub-format's GUID.
const guidTail = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"

func (h *WAVHeader) format(in io.ReaderAt, at, n, size int64) error {
	var b [40]byte
	if n < 16 {
		return fmt.Errorf("%d bytes, want at least 16", n)
	}
	if _, err := readFull(in, b[:min(n, 40)], at, size); err != nil {
		return err
	}
	le := binary.LittleEndian
	coding := le.Uint16(b[:])
	h.Channels, h.Rate, h.Bits = int(le.Uint16(b[2:])), int(le.Uint32(b[4:])), int(le.Uint16(b[14:]))
	align := int(le.Uint16(b[12:]))
	if coding == wavExtensible {
		if n < 40 || string(b[26:]) != guidTail {
			return fmt.Errorf("extensible with %d bytes and sub-format % x, want 40 bytes and the GUID of PCM or float",
				n, b[24:])
		}
		coding = le.Uint16(b[24:])
		if valid := int(le.Uint16(b[18:])); valid > h.Bits {
			return fmt.Errorf("%d valid bits of %d", valid, h.Bits)
		}
	}
	h.Float = coding == wavFloat
	switch {
	case coding != wavPCM && coding != wavFloat:
		return fmt.Errorf("coding %d, want 1 (PCM) or 3 (float)", coding)
	case h.Float && h.Bits != 32, h.Bits != 8 && h.Bits != 16 && h.Bits != 24 && h.Bits != 32:
		return fmt.Errorf("%d bits a sample, want 8, 16, 24 or 32 of PCM, or 32 of float", h.Bits)
	case h.Channels != 1 && h.Channels != 2:
		return fmt.Errorf("%d channels, want 1 or 2", h.Channels)
	case h.Rate < 1 || h.Rate > maxRate:
		return fmt.Errorf("%d samples a second, want 1 to %d", h.Rate, maxRate)
	case align != h.frame():
		return fmt.Errorf("%d bytes for a sample of %d channels of %d bits, want %d", align, h.Channels, h.Bits,
			h.frame())
	}
	return nil
}

const maxRate = 1 << 20

// streamed reports a length of the data chunk, beside that of the file, that was never filled in: 0 or the most that 32
// bits hold (ffmpeg and others), or SoX's 0x7ffff000 in whole samples.
func streamed(n int64, riff uint32, frame int) bool {
	const most, sox = 0xffffffff, 0x7ffff000
	return n == most || n == 0 && (riff == 0 || riff == most) || n == sox/int64(frame)*int64(frame)
}

// chunksOnly refuses what follows the samples and is no chunk, such as a second WAV file or samples that the header
// does not count.
func chunksOnly(in io.ReaderAt, at, size int64) error {
	for end := at; at < size; end = at {
		var chunk [8]byte
		if _, err := readFull(in, chunk[:min(size-at, 8)], at, size); err != nil {
			return err
		}
		at += 8 + int64(binary.LittleEndian.Uint32(chunk[4:]))
		at += at & 1                            // chunks begin at even bytes
		if chunk == [8]byte{} && size-end < 8 { // padding
			return nil
		}
		id := string(chunk[:4])
		for _, c := range id {
			if c < ' ' || c > '~' {
				id = "" // no name of a chunk
			}
		}
		if id == "" || id == "RIFF" || at > size+1 {
			return fmt.Errorf("the last chunk ends at byte %d of %d, and what follows is none: % x", end, size,
				chunk[:min(size-end, 8)])
		}
	}
	return nil
}

func (h *WAVHeader) data(at, n, size int64) error {
	switch {
	case n == 0:
		return errors.New("no samples: the data chunk is empty")
	case n > size-at:
		return fmt.Errorf("%d bytes of samples, and the data chunk claims %d: the file is truncated, or was not closed",
			size-at, n)
	case n%int64(h.frame()) != 0:
		return fmt.Errorf("%d bytes of samples, want a multiple of %d", n, h.frame())
	}
	h.At, h.Samples = at, int(n/int64(h.frame()))
	return nil
}

// decode turns bytes into samples in [-1,1); floats stay as they are. It fails on those that are not finite.
func (h *WAVHeader) decode(dst []float32, src []byte) error {
	le := binary.LittleEndian
	switch {
	case h.Float:
		for i := range dst {
			v := math.Float32frombits(le.Uint32(src[4*i:]))
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("sample %d is %v", i/h.Channels, v)
			}
			dst[i] = v
		}
	case h.Bits == 8: // unsigned
		for i := range dst {
			dst[i] = float32(int(src[i])-128) / 128
		}
	case h.Bits == 16:
		for i := range dst {
			dst[i] = float32(int16(le.Uint16(src[2*i:]))) / (1 << 15)
		}
	case h.Bits == 24:
		for i := range dst {
			b := src[3*i : 3*i+3]
			dst[i] = float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8) / (1 << 23)
		}
	default: // float32 rounds 32 bits up to 1
		for i := range dst {
			dst[i] = float32(float64(int32(le.Uint32(src[4*i:]))) / (1 << 31))
		}
	}
	return nil
}
