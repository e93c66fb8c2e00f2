package inspect

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"selfsup/experiment/checkpoint"
	"selfsup/graph/ir"
)

// features is what files of features are written of, one block of samples after another.
type features struct {
	Rows, Dim int
	Parts     []embedPart
	Meta      map[string]string // where they are from

	each func([]embedPart, func(part embedPart, from int, x []float32) error) error
}

// parquetExt is the end of the names of files that hold names and labels themselves.
const parquetExt = ".parquet"

// featureFormats are the formats of features by the end of the file's name.
var featureFormats = map[string]func(io.Writer, features) error{
	".npy":         writeNPY,
	".safetensors": writeSafetensors,
	parquetExt:     writeParquet,
}

// floats writes all features, little endian.
func (f features) floats(to io.Writer) error {
	w := bufio.NewWriterSize(to, 1<<20)
	err := f.each(f.Parts, func(_ embedPart, _ int, x []float32) error {
		block := ir.Array{Type: ir.Type{Shape: ir.Shape{len(x) / f.Dim, f.Dim}, DType: ir.F32}, F32: x}
		return checkpoint.TensorOf("", block).Write(w)
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// writeSafetensors writes the tensor "features" [Rows,Dim], with where it is from as metadata.
func writeSafetensors(w io.Writer, f features) error {
	t := checkpoint.Tensor{Name: "features", Type: ir.Type{Shape: ir.Shape{f.Rows, f.Dim}, DType: ir.F32},
		Write: f.floats}
	return checkpoint.Export(w, []checkpoint.Tensor{t}, f.Meta)
}

// writeNPY writes a float32 array as NumPy reads it: format 1.0, rows first.
//
// The format is that of numpy.lib.format.
func writeNPY(w io.Writer, f features) error {
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", f.Rows, f.Dim)
	const fixed = 10 // magic, version and the header's length
	head += strings.Repeat(" ", 63-(fixed+len(head))%64) + "\n"
	start := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head)))
	if _, err := w.Write(append(start, head...)); err != nil {
		return err
	}
	return f.floats(w)
}

// featureRow is a row of a Parquet file of features.
type featureRow struct {
	Set      string    `parquet:"set,dict"`
	Name     string    `parquet:"name"`
	Label    *string   `parquet:"label,optional,dict"` // null: the sample has none
	Features []float32 `parquet:"features,list"`
}

// groupRows is how many rows a row group has: what a writer holds in memory, 16 MB at 2048 numbers a row.
const groupRows = 2048

// writeParquet writes a row a sample: set, name, label and the list of its features, with where they are from as
// key-value metadata. Snappy compresses the pages.
func writeParquet(to io.Writer, f features) error {
	options := []parquet.WriterOption{parquet.Compression(&parquet.Snappy)}
	for _, key := range slices.Sorted(maps.Keys(f.Meta)) {
		options = append(options, parquet.KeyValueMetadata(key, f.Meta[key]))
	}
	w := parquet.NewGenericWriter[featureRow](to, options...)
	held := 0
	err := f.each(f.Parts, func(part embedPart, from int, x []float32) error {
		rows := make([]featureRow, len(x)/f.Dim)
		for i := range rows {
			rows[i] = featureRow{Set: part.name, Name: filepath.ToSlash(part.named(from + i)),
				Features: x[i*f.Dim : (i+1)*f.Dim]}
			if label := part.label(from + i); label != "" {
				rows[i].Label = &label
			}
		}
		if _, err := w.Write(rows); err != nil {
			return err
		}
		if held += len(rows); held < groupRows {
			return nil
		}
		held = 0
		return w.Flush()
	})
	if err != nil {
		return err
	}
	return w.Close()
}
