package feedtest

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// WriteWAV writes a file of 16-bit samples, rate a second, channel beside channel. samples are in [-1,1); folders that
// lack are made.
func WriteWAV(t testing.TB, file string, rate, channels int, samples []float64) {
	t.Helper()
	le, size := binary.LittleEndian, uint32(2*len(samples))
	b := le.AppendUint32([]byte("RIFF"), 36+size)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, 1), uint16(channels))
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(2*rate*channels))
	b = le.AppendUint16(le.AppendUint16(b, uint16(2*channels)), 16)
	b = le.AppendUint32(append(b, "data"...), size)
	for _, v := range samples {
		b = le.AppendUint16(b, uint16(int16(math.Round(v*(1<<15)))))
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
