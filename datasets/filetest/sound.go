package filetest

import (
	"encoding/binary"
	"math"
)

// Sound is a WAV file.
type Sound struct {
	Coding, Channels, Bits uint16
	Rate                   uint32
	Extensible             bool
	Before                 string // chunks between the format and the samples
	Data                   []byte
}

// File is the bytes of the file.
func (s Sound) File() []byte {
	if s.Rate == 0 {
		s.Rate = 8000
	}
	le := binary.LittleEndian
	coding := s.Coding
	if s.Extensible {
		coding = 0xfffe // the coding follows
	}
	align := s.Channels * s.Bits / 8
	f := le.AppendUint16(nil, coding)
	f = le.AppendUint16(f, s.Channels)
	f = le.AppendUint32(f, s.Rate)
	f = le.AppendUint32(f, s.Rate*uint32(align))
	f = le.AppendUint16(f, align)
	f = le.AppendUint16(f, s.Bits)
	if s.Extensible {
		f = le.AppendUint16(f, 22)
		f = le.AppendUint16(f, s.Bits)
		f = le.AppendUint32(f, 0)
		f = le.AppendUint16(f, s.Coding)
		f = append(f, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}
	b := append([]byte("WAVEfmt "), le.AppendUint32(nil, uint32(len(f)))...)
	b = append(append(b, f...), s.Before...)
	b = append(b, "data"...)
	b = append(le.AppendUint32(b, uint32(len(s.Data))), s.Data...)
	return append(append([]byte("RIFF"), le.AppendUint32(nil, uint32(len(b)))...), b...)
}

// Samples is a file of 16-bit samples, rate a second, channel beside channel, of numbers in [-1,1).
func Samples(rate, channels int, x []float64) []byte {
	s := Sound{Coding: 1, Channels: uint16(channels), Bits: 16, Rate: uint32(rate)}
	for _, v := range x {
		s.Data = binary.LittleEndian.AppendUint16(s.Data, uint16(int16(math.Round(v*(1<<15)))))
	}
	return s.File()
}
