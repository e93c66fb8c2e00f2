package encoder

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strconv"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/images/codec"
)

// Samples that are no images.

// EmbedRows makes the features of rows, each with a value for every column in the order of Columns: a number, or the
// place of a category among those of its column; NaN where there is none. Row makes a row of texts.
func (e *Encoder) EmbedRows(rows ...[]float64) ([][]float32, error) {
	if err := e.takes(rowsKind, "EmbedRows"); err != nil {
		return nil, err
	}
	columns := e.Columns()
	for i, r := range rows {
		if len(r) != len(columns) {
			return nil, fmt.Errorf("encoder: row %d has %d values, the encoder takes %d columns", i, len(r),
				len(columns))
		}
		for k, v := range r {
			n := len(columns[k].Categories)
			if n > 0 && !math.IsNaN(v) && (v != math.Trunc(v) || v < 0 || v >= float64(n)) {
				return nil, fmt.Errorf("encoder: row %d: %v in column %s; want the place of one of %d categories, "+
					"from 0 on, or NaN", i, v, columns[k].Name, n)
			}
		}
	}
	return e.embed(&rowSet{unlabelled{"row", len(rows)}, columns, rows})
}

// Row is a row for EmbedRows of the values by the names of their columns, written as in a CSV file: numbers, and words
// of categories. A column that is left out, or empty, has none; so has a category that the training rows lack. A number
// that is not there has an indicator where training rows missed it too, and else counts as their mean. A name that is
// no column's is an error.
func (e *Encoder) Row(values map[string]string) ([]float64, error) {
	columns := e.Columns()
	row := make([]float64, len(columns))
	known := 0
	for k, c := range columns {
		text, ok := values[c.Name]
		if ok {
			known++
		}
		row[k] = math.NaN()
		switch {
		case text == "":
		case c.Categories != nil:
			row[k] = categoryOf(&c, text)
		default:
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, fmt.Errorf("encoder: %q in column %s; want a number", text, c.Name)
			}
			row[k] = v
		}
	}
	if known == len(values) {
		return row, nil
	}
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	for name := range values {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("encoder: there is no column %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	return row, nil
}

// EmbedWaves makes the features of sound recordings in [-1,1), at the rate and with the channels that Config().Samples
// says, channel beside channel. A window of each is seen, as in the run's evaluation.
func (e *Encoder) EmbedWaves(waves ...[]float32) ([][]float32, error) {
	if err := e.takes(wavesKind, "EmbedWaves"); err != nil {
		return nil, err
	}
	c := e.config.soundChannels()
	for i, w := range waves {
		if len(w) == 0 || len(w)%c != 0 {
			return nil, fmt.Errorf("encoder: recording %d has %d numbers; want some for each of %d channels", i, len(w),
				c)
		}
	}
	return e.embed(&waveSet{unlabelled{"recording", len(waves)}, e.config.Samples.Rate, c, waves})
}

// EmbedTexts makes the features of texts, in the symbols of the training texts. A window of each is seen, as in the
// run's evaluation.
func (e *Encoder) EmbedTexts(texts ...string) ([][]float32, error) {
	if err := e.takes(textsKind, "EmbedTexts"); err != nil {
		return nil, err
	}
	return e.embed(&textSet{unlabelled{"text", len(texts)}, texts})
}

// EmbedClips makes the features of clips, each a list of frames. All have the same number of frames, and the encoder
// takes some of them.
func (e *Encoder) EmbedClips(clips ...[]image.Image) ([][]float32, error) {
	if err := e.takes(clipsKind, "EmbedClips"); err != nil {
		return nil, err
	}
	set := &clipSet{unlabelled: unlabelled{"clip", len(clips)}}
	for i, frames := range clips {
		if len(frames) != len(clips[0]) {
			return nil, fmt.Errorf("encoder: clip %d has %d frames, and clip 0 %d; want the same", i, len(frames),
				len(clips[0]))
		}
		clip := make([]datasets.Image, len(frames))
		for f, m := range frames {
			if m == nil || m.Bounds().Empty() || m.Bounds().Size() != frames[0].Bounds().Size() {
				return nil, fmt.Errorf("encoder: frame %d of clip %d has no pixels, or another size than the first", f,
					i)
			}
			if err := codec.FromImage(&clip[f], m, e.config.Channels); err != nil {
				return nil, fmt.Errorf("encoder: frame %d of clip %d: %w", f, i, err)
			}
		}
		set.clips = append(set.clips, clip)
	}
	return e.embed(set)
}

// unlabelled is the part that the sets of this file have in common.
type unlabelled struct {
	noun string
	n    int
}

func (u unlabelled) Len() int          { return u.n }
func (u unlabelled) Label(int) int     { return -1 }
func (u unlabelled) Classes() []string { return nil }
func (u unlabelled) Name(i int) string { return fmt.Sprintf("%s %d", u.noun, i) }

// rowSet is rows in memory.
type rowSet struct {
	unlabelled
	columns []datasets.Column
	rows    [][]float64
}

func (s *rowSet) Columns() []datasets.Column { return s.columns }
func (s *rowSet) Target(int) float64         { return math.NaN() }

func (s *rowSet) Row(i int, dst []float64) error {
	copy(dst, s.rows[i])
	return nil
}

// waveSet is recordings in memory.
type waveSet struct {
	unlabelled
	rate, channels int
	waves          [][]float32
}

func (s *waveSet) Rate() int         { return s.rate }
func (s *waveSet) Channels() int     { return s.channels }
func (s *waveSet) Samples(i int) int { return len(s.waves[i]) / s.channels }

func (s *waveSet) Window(i int, at float64, dst []float32) error {
	start := datasets.WindowStart(s.Samples(i), len(dst)/s.channels, at)
	n := copy(dst, s.waves[i][start*s.channels:])
	clear(dst[n:])
	return nil
}

// textSet is texts in memory, without a vocabulary of their own.
type textSet struct {
	unlabelled
	texts []string
}

func (s *textSet) Text(i int) string                { return s.texts[i] }
func (s *textSet) Vocabulary() *datasets.Vocabulary { return new(datasets.Vocabulary) }
func (s *textSet) Window(int, float64, []int32) int { return 0 }

// clipSet is clips in memory.
type clipSet struct {
	unlabelled
	clips [][]datasets.Image
}

func (s *clipSet) Frames() int { return len(s.clips[0]) }

func (s *clipSet) Clip(i int, dst []datasets.Image) error {
	copy(dst, s.clips[i])
	return nil
}
