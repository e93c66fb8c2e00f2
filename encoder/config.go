package encoder

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/frames"
	"selfsup/datasets/rows"
	"selfsup/datasets/views"
	"selfsup/datasets/windows"
	"selfsup/experiment/checkpoint"
)

// Config is what a reader of an exported encoder needs besides its tensors. The metadata of the file have it as
// "config", in JSON.
type Config struct {
	Backbone      string         `json:"backbone"`
	Settings      map[string]any `json:"settings"`         // of the backbone, as in a recipe
	Height        int            `json:"height,omitempty"` // of the images that it was trained on
	Width         int            `json:"width,omitempty"`
	Channels      int            `json:"channels,omitempty"`
	Mean          []float32      `json:"mean,omitempty"` // of pixels from 0 to 1; the input is (pixel - mean)/std
	Std           []float32      `json:"std,omitempty"`
	Interpolation string         `json:"interpolation,omitempty"` // that images of another size are resized with
	Features      int            `json:"features"`                // numbers of a sample's features
	Layers        []Layer        `json:"layers"`

	Samples *checkpoint.Samples `json:"samples,omitempty"` // what it was trained on instead of images
	Numbers string              `json:"numbers,omitempty"` // how numbers of rows are scaled
	Windows *Windows            `json:"windows,omitempty"` // of texts and waves
	Clips   *Clips              `json:"clips,omitempty"`

	Scope   string `json:"scope,omitempty"`   // of its tensors; empty: backbone
	Student string `json:"student,omitempty"` // the scope of the encoder whose teacher it is; empty: it is none
}

// Windows says which part of a text or a recording is seen.
type Windows struct {
	Fixed string `json:"fixed"` // start, middle or end
	Short string `json:"short"` // pad or refuse: a sample shorter than the window
}

// Clips says which frames of a clip are seen.
type Clips struct {
	Stride int    `json:"stride"` // from one frame to the next
	Fixed  string `json:"fixed"`  // start, middle or end
}

// Layer is a layer of an encoder, as far as its tensors do not tell.
type Layer struct {
	Name     string  `json:"name,omitempty"` // its tensors' names begin with it; a pool has none
	Kind     string  `json:"kind"`           // conv, linear, batch_norm, layer_norm, max_pool
	In       int     `json:"in,omitempty"`
	Out      int     `json:"out,omitempty"` // channels of the result; of a norm those of both sides
	Kernel   []int   `json:"kernel,omitempty"`
	Stride   []int   `json:"stride,omitempty"`
	Padding  []int   `json:"padding,omitempty"` // on each side
	Dilation []int   `json:"dilation,omitempty"`
	Groups   int     `json:"groups,omitempty"`
	Eps      float64 `json:"eps,omitempty"`
	Affine   bool    `json:"affine,omitempty"` // of a norm: it scales and shifts
}

// Kinds of samples that an encoder takes, see datasets.SamplesOf.
const (
	imagesKind = "images"
	rowsKind   = "rows"
	textsKind  = "texts"
	wavesKind  = "waves"
	clipsKind  = "clips"
)

// Takes is what the encoder takes: images, rows, texts, waves or clips.
func (c *Config) Takes() string {
	if c.Samples == nil {
		return imagesKind
	}
	return c.Samples.Kind
}

// Pixels reports whether the encoder sees pixels: of images, or of the frames of clips.
func (c *Config) Pixels() bool { return c.Channels > 0 }

// Columns describes the columns of the rows that it takes.
func (c *Config) Columns() (list []datasets.Column) {
	if c.Samples == nil {
		return nil
	}
	for i, x := range c.Samples.Columns {
		column := datasets.Column{Name: x.Name, Categories: x.Categories, Mean: x.Mean, Std: x.Std}
		if slices.Contains(c.Samples.Gaps, i) {
			column.Missing = 1 // or more: nobody counted them here
		}
		list = append(list, column)
	}
	return list
}

// Field is the field of a batch that the encoder reads, view 0.
func (c *Config) Field() (feed.Field, error) {
	f := feed.Field{Name: feed.View(0)}
	if o := c.Samples; o != nil {
		f.Shape, f.Int, f.Of, f.Gaps = o.Shape, o.Int, o.Of, o.Gaps
	} else {
		f.Shape = []int{c.Height, c.Width, c.Channels}
	}
	if len(f.Shape) == 0 || f.Size() < 1 {
		return f, fmt.Errorf("encoder: samples of %v; want a shape above 0", f.Shape)
	}
	if c.Pixels() {
		p, err := c.Pipeline()
		if err != nil {
			return f, err
		}
		f.Low, f.High = p.Range()
	}
	return f, nil
}

// Pipeline is the views of images or frames as far as evaluation has part in them; nil where there are no pixels.
func (c *Config) Pipeline() (*views.Pipeline, error) {
	if !c.Pixels() {
		return nil, nil
	}
	if c.Channels != 1 && c.Channels != 3 || len(c.Mean) != c.Channels || len(c.Std) != c.Channels || c.Height < 1 ||
		c.Width < 1 {
		return nil, fmt.Errorf("encoder: images of %dx%d with %d channels, %d means and %d deviations; want 1 or 3 "+
			"channels with one of each", c.Height, c.Width, c.Channels, len(c.Mean), len(c.Std))
	}
	plain := views.Defaults()
	plain.Interpolation, plain.Mean, plain.Std = c.Interpolation, nil, nil
	for k := range c.Mean {
		plain.Mean, plain.Std = append(plain.Mean, float64(c.Mean[k])), append(plain.Std, float64(c.Std[k]))
	}
	if c.Height == c.Width {
		plain.Crop = c.Height
	}
	return views.New(plain, &datasets.Data{Train: noImages{}, Channels: c.Channels, Height: c.Height, Width: c.Width},
		1)
}

// noImages stands for a training set that is not there.
type noImages struct{ datasets.Set }

func (noImages) Len() int          { return 0 }
func (noImages) Classes() []string { return nil }

// errOlder is of files and checkpoints that do not say enough of samples other than images.
var errOlder = errors.New("it was written before encoders kept what this needs; train again, or resume the run for " +
	"a step with a longer train.length")

// Kind is how samples become what the encoder takes, as the evaluation of its run makes it, without the data that it
// was trained on.
func (c *Config) Kind() (feed.Kind, error) {
	fail := func(err error) (feed.Kind, error) {
		return nil, fmt.Errorf("encoder of %s: %w", c.Takes(), err)
	}
	o := c.Samples
	switch c.Takes() {
	case imagesKind:
		p, err := c.Pipeline()
		if err != nil {
			return fail(err)
		}
		if p == nil {
			return fail(errors.New("it has no channels"))
		}
		return p, nil
	case rowsKind:
		t, err := rows.Of(rows.Settings{Numbers: c.Numbers}, c.Columns())
		if err != nil {
			return fail(err)
		}
		return t, nil
	case textsKind:
		if o.Unit == "" || c.Windows == nil || len(o.Shape) != 1 || len(o.Of) != 1 {
			return fail(errOlder)
		}
		v, err := datasets.VocabularyOf(o.Unit, o.Symbols)
		if err != nil {
			return fail(err)
		}
		if v.Len() != o.Of[0] {
			return fail(fmt.Errorf("a vocabulary of %d symbols, and it was trained on %d", v.Len(), o.Of[0]))
		}
		return windows.TextsOf(c.windows(o.Shape[0]), v), nil
	case wavesKind:
		if o.Rate < 1 || c.Windows == nil || len(o.Shape) != 2 && (len(o.Shape) != 3 || o.Mel == nil) {
			return fail(errOlder)
		}
		return c.waves()
	case clipsKind:
		if c.Clips == nil || !c.Pixels() || len(o.Shape) != 4 {
			return fail(errOlder)
		}
		p, err := c.Pipeline()
		if err != nil {
			return fail(err)
		}
		return frames.Of(c.clips(), p, o.Shape[0]), nil
	}
	return nil, fmt.Errorf("encoder: takes %q; want %s", c.Takes(), strings.Join([]string{imagesKind, rowsKind,
		textsKind, wavesKind, clipsKind}, ", "))
}

// waves is windows of recordings, as waves or as spectrograms.
func (c *Config) waves() (feed.Kind, error) {
	o := c.Samples
	s := c.windows(c.windowLength())
	if o.Mel == nil {
		return windows.WavesOf(s, o.Rate, o.Shape[1]), nil
	}
	if err := o.Mel.Check(o.Rate); err != nil {
		return nil, fmt.Errorf("encoder of %s: %w", c.Takes(), err)
	}
	s.Spectrogram.Front = *o.Mel
	if n := o.Mel.New(o.Rate).Frames(s.Length); n != o.Shape[0] || o.Mel.Bands != o.Shape[1] {
		return nil, fmt.Errorf("encoder of %s: windows of %d samples have %d frames of %d bands, the encoder takes %v",
			c.Takes(), s.Length, n, o.Mel.Bands, o.Shape)
	}
	return windows.WavesOf(s, o.Rate, o.Shape[2]), nil
}

// windowLength is how many samples or symbols a window has.
func (c *Config) windowLength() int {
	if c.Samples.Mel != nil {
		return c.Samples.Length
	}
	return c.Samples.Shape[0]
}

// soundChannels is how many channels the encoder's recordings have.
func (c *Config) soundChannels() int { return c.Samples.Shape[len(c.Samples.Shape)-1] }

func (c *Config) windows(length int) windows.Settings {
	s := windows.Defaults()
	s.Length, s.Fixed, s.Short = length, c.Windows.Fixed, c.Windows.Short
	return s
}

func (c *Config) clips() frames.Settings {
	s := frames.Defaults()
	s.Frames, s.Stride, s.Fixed = c.Samples.Shape[0], [2]int{c.Clips.Stride, c.Clips.Stride}, c.Clips.Fixed
	return s
}

// Fits says why a set is not for the encoder, or gives it the form in which the encoder takes it: rows get their
// columns in order, and categories the numbers that the training rows gave them.
func (c *Config) Fits(set datasets.Labelled) (datasets.Labelled, error) {
	wrong := func(what string) error {
		return fmt.Errorf("they are %s, the encoder takes %s", what, c.Takes())
	}
	switch s := set.(type) {
	case datasets.Set:
		if c.Takes() != imagesKind {
			return nil, wrong(imagesKind)
		}
		return s, nil
	case datasets.RowSet:
		if c.Takes() != rowsKind {
			return nil, wrong(rowsKind)
		}
		return aligned(s, c.Columns())
	case datasets.TextSet:
		if c.Takes() != textsKind {
			return nil, wrong(textsKind)
		}
		return c.spelled(s)
	case datasets.WaveSet:
		if c.Takes() != wavesKind {
			return nil, wrong(wavesKind)
		}
		return s, c.fitsWaves(s)
	case datasets.ClipSet:
		if c.Takes() != clipsKind {
			return nil, wrong(clipsKind)
		}
		return s, c.fitsClips(s)
	}
	return nil, fmt.Errorf("they are a %T, the encoder takes %s", set, c.Takes())
}

func (c *Config) fitsWaves(s datasets.WaveSet) error {
	o := c.Samples
	if s.Rate() != o.Rate || s.Channels() != c.soundChannels() {
		return fmt.Errorf("the recordings have %d samples a second and %d channels, the encoder takes %d and %d",
			s.Rate(), s.Channels(), o.Rate, c.soundChannels())
	}
	return c.longEnough(s, s.Samples, "samples")
}

// longEnough names the first sample that is shorter than the window, where those are refused.
func (c *Config) longEnough(set datasets.Labelled, length func(i int) int, unit string) error {
	if c.Windows.Short != "refuse" {
		return nil
	}
	for i := range set.Len() {
		if n := length(i); n < c.windowLength() {
			return fmt.Errorf("%s has %d %s; the encoder takes %d, and was trained with windows.short = \"refuse\"",
				set.Name(i), n, unit, c.windowLength())
		}
	}
	return nil
}

func (c *Config) fitsClips(s datasets.ClipSet) error {
	settings := c.clips()
	if _, err := settings.Fit(s.Frames()); err != nil {
		return fmt.Errorf("a clip has %d frames, the encoder takes %d of %d", s.Frames(), settings.Frames,
			(settings.Frames-1)*settings.Stride[0]+1)
	}
	return nil
}

// spelled is texts over the vocabulary of the training texts.
func (c *Config) spelled(s datasets.TextSet) (datasets.Labelled, error) {
	v, err := datasets.VocabularyOf(c.Samples.Unit, c.Samples.Symbols)
	if err != nil {
		return nil, err
	}
	if !v.Equal(s.Vocabulary()) {
		s = &spelledSet{s, v}
	}
	return s, c.longEnough(s, func(i int) int { return v.Count(s.Text(i)) }, c.Samples.Unit)
}

// spelledSet is texts in the symbols of another vocabulary.
type spelledSet struct {
	datasets.TextSet
	v *datasets.Vocabulary
}

func (s *spelledSet) Vocabulary() *datasets.Vocabulary { return s.v }

func (s *spelledSet) Window(i int, at float64, dst []int32) int {
	text := s.Text(i)
	n := s.v.Encode(text, datasets.WindowStart(s.v.Count(text), len(dst), at), dst)
	clear(dst[n:])
	return n
}

// aligned is rows with the columns that an encoder was trained on, by their names.
func aligned(s datasets.RowSet, want []datasets.Column) (datasets.Labelled, error) {
	has := s.Columns()
	a := &alignedRows{RowSet: s, columns: want, from: make([]int, len(want)), place: make([][]float64, len(want))}
	var lacks []string
	for k, c := range want {
		at := slices.IndexFunc(has, func(h datasets.Column) bool { return h.Name == c.Name })
		if at < 0 {
			lacks = append(lacks, c.Name)
			continue
		}
		h := has[at]
		if (h.Categories == nil) != (c.Categories == nil) {
			kind := map[bool]string{true: "numbers", false: "categories"}
			return nil, fmt.Errorf("column %s is of %s, the encoder takes %s there", c.Name, kind[h.Categories == nil],
				kind[c.Categories == nil])
		}
		a.from[k] = at
		for _, word := range h.Categories {
			a.place[k] = append(a.place[k], categoryOf(&c, word))
		}
	}
	if lacks != nil {
		return nil, fmt.Errorf("the rows lack %s of the %d columns that the encoder takes", strings.Join(lacks, ", "),
			len(want))
	}
	return a, nil
}

// alignedRows is rows in the columns of another table.
type alignedRows struct {
	datasets.RowSet
	columns []datasets.Column
	from    []int       // of each column, its place in the set's
	place   [][]float64 // of each column's category, its number; nil: the column is of numbers
}

func (a *alignedRows) Columns() []datasets.Column { return a.columns }

func (a *alignedRows) Row(i int, dst []float64) error {
	row := make([]float64, len(a.RowSet.Columns()))
	if err := a.RowSet.Row(i, row); err != nil {
		return err
	}
	for k, at := range a.from {
		dst[k] = row[at]
		if p := a.place[k]; p != nil && dst[k] == dst[k] {
			dst[k] = p[int(row[at])]
		}
	}
	return nil
}
