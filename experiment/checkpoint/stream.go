package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"

	"selfsup/graph/ir"
)

// A Store and its file are each as large as the parameters and all that is kept with them. What is done with every
// checkpoint takes them a block at a time, so that saving needs no memory to speak of.

const block = 16 << 10 // elements

// writeData writes the elements of an array, little endian.
func writeData(w io.Writer, a ir.Array) error {
	buf := make([]byte, 0, block*a.DType.Size())
	for from, n := 0, a.Shape.Size(); from < n; from += block {
		to := min(from+block, n)
		var err error
		switch a.DType {
		case ir.F32:
			buf, err = binary.Append(buf[:0], binary.LittleEndian, a.F32[from:to])
		case ir.F64:
			buf, err = binary.Append(buf[:0], binary.LittleEndian, a.F64[from:to])
		case ir.I32:
			buf, err = binary.Append(buf[:0], binary.LittleEndian, a.I32[from:to])
		}
		if err == nil {
			_, err = w.Write(buf)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// intact reports whether there is a file that ends in the checksum of what it holds.
func intact(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < sha256.Size {
		return false
	}
	sum := sha256.New()
	if _, err := io.CopyN(sum, f, info.Size()-sha256.Size); err != nil {
		return false
	}
	end := make([]byte, sha256.Size)
	if _, err := io.ReadFull(f, end); err != nil {
		return false
	}
	return bytes.Equal(sum.Sum(nil), end)
}
