package tables

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

//go:embed embedded/letter/letter.csv.gz
var letter []byte

//go:embed embedded/satellite/satellite.csv.gz
var satellite []byte

// Letter is 20,000 rows of 16 numbers that describe images of the 26 capital letters, part of the program; a fifth is
// for the test.
//
// Slate 1991, UCI Machine Learning Repository; CC BY 4.0.
type Letter struct{}

func NewLetter() *Letter { return &Letter{} }

// Samples implements Kinded.
func (*Letter) Samples() string { return "rows" }

func (*Letter) Open(env datasets.Env) (*datasets.Data, error) {
	return openEmbedded("letter", letter, env)
}

// Satellite is 6,435 rows of 36 numbers, 3x3 pixels of a Landsat scene in four spectral bands, of 6 kinds of ground,
// part of the program; a fifth is for the test. Rows of neighbouring pixels overlap, so that a test row may share
// pixels with training rows.
//
// Srinivasan 1993, UCI Machine Learning Repository; CC BY 4.0.
type Satellite struct{}

func NewSatellite() *Satellite { return &Satellite{} }

// Samples implements Kinded.
func (*Satellite) Samples() string { return "rows" }

func (*Satellite) Open(env datasets.Env) (*datasets.Data, error) {
	return openEmbedded("satellite", satellite, env)
}

// openEmbedded reads a table that is part of the program, whose last column is the label.
func openEmbedded(name string, file []byte, env datasets.Env) (*datasets.Data, error) {
	in, err := disk.Gunzip(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("datasets: %s: %w", name, err)
	}
	t := NewTable()
	t.Train, t.Target = name+".csv", "label"
	if t.embedded, err = io.ReadAll(in); err != nil {
		return nil, fmt.Errorf("datasets: %s: %w", name, err)
	}
	return t.Open(datasets.Env{Progress: env.Progress})
}
