// Package datasets says what samples, sets of them and their sources are, and holds what is the same for every kind:
// splits, classes, statistics, summaries, random streams. The sources are in a folder of each kind: images, clips,
// sounds, tables, texts.
//
// A recipe names a source (`[dataset.folder]`); Open checks it and returns the training and test sets, in memory or
// read on demand.
package datasets

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Source opens data of any kind; a recipe's dataset table decodes into one.
type Source interface {
	// Open reads the data. The errors name the file, what is wrong with it, and what was expected.
	Open(env Env) (*Data, error)
}

// Hinting is a source that knows which of its settings gives labels.
type Hinting interface {
	// LabelHint says what to set, after "or "; empty: nothing helps.
	LabelHint() string
}

// Kinded is a Source of other samples than images.
type Kinded interface {
	// Samples is what its samples are: rows, texts, waves or clips.
	Samples() string
}

// WithCaptions are the samples of a source whose images have captions. Whatever is about images is about them too.
const WithCaptions = "images with captions"

// WavesWithCaptions are the samples of a source whose recordings have captions.
const WavesWithCaptions = "waves with captions"

// ClipsWithSound are the samples of a source whose clips have a sound. Whatever is about clips is about them too.
const ClipsWithSound = "clips with sound"

// OfSteps are the samples of a source whose images are what an agent sees. Whatever is about images is about them too.
const OfSteps = "images of steps"

// PlainKind is a kind of samples without what else they have: what is about it is about those with more too.
func PlainKind(samples string) string {
	for _, more := range []string{" with captions", " with sound", " of steps"} {
		samples = strings.TrimSuffix(samples, more)
	}
	return samples
}

// SamplesOf names the kind of a source's samples: images, unless it says something else.
func SamplesOf(s Source) string {
	if k, ok := s.(Kinded); ok {
		return k.Samples()
	}
	return "images"
}

// Env holds the facts of the run that a source may use.
type Env struct {
	BaseDir string // folder of the recipe file; relative paths of the recipe start there

	// Progress is told how many of how many images were read, by any goroutine, again and again; nil: nobody asks.
	Progress func(done, total int)
}

// Path resolves a path of the recipe.
func (e Env) Path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(e.BaseDir, p)
}

// Set is an ordered collection of images.
type Set interface {
	Labelled
	// Image decodes image i into dst, whose memory it reuses.
	Image(i int, dst *Image) error
}

// Encoded is a set that can give the compressed bytes of a sample, as its file holds them.
type Encoded interface {
	// Bytes is the file of image i, in the memory of buf where it fits. The bytes are not checked: they may not decode.
	Bytes(i int, buf []byte) ([]byte, error)
}

// Shaped is a set that knows the size of its images without decoding them.
type Shaped interface {
	// Shape is the height, the width and the channels that Image delivers.
	Shape(i int) (h, w, c int)
}

// Data is an opened source of samples of one kind: Train and Test are both a Set of images, a RowSet, a WaveSet, a
// TextSet or a ClipSet.
type Data struct {
	Train Labelled
	Test  Labelled // nil where the source has none
	// Labelled is the labelled training samples where Train is others without labels; nil: those of Train.
	Labelled Labelled
	// Channels is 1 or 3, the same for every image of both sets; 0 where the samples are no images.
	Channels int
	// Height and Width are the size of every image of both sets in pixels; both are 0 where the sizes differ, or the
	// samples are no images.
	Height, Width int
	// Roots are the folders or files that names of images begin with: what a name has after its root stays when the
	// data move.
	Roots []string
	// Skipped lists the images that were refused and left out.
	Skipped []Skip
	// Notes says what else a source passed over, and which classes a part lacks.
	Notes []string
}

// Images is the training and the test set of data that are images, nil where they are not or where there is none.
func (d *Data) Images() (train, test Set) {
	train, _ = d.Train.(Set)
	test, _ = d.Test.(Set)
	return train, test
}

// Summary describes the data in a few lines; images are not decoded.
func (d *Data) Summary() []Fact { return summary(d) }

// Check completes Channels, Height and Width from the sets and refuses an empty or mixed one. where begins its errors.
func (d *Data) Check(where string) error {
	if d.Train == nil || d.Train.Len() == 0 {
		return fmt.Errorf("datasets: %s: the training set is empty", where)
	}
	if d.Test != nil && d.Test.Len() == 0 {
		return fmt.Errorf("datasets: %s: the test set is empty", where)
	}
	first := true
	for _, s := range []Labelled{d.Train, d.Test, d.Labelled} {
		m, ok := s.(Shaped)
		if !ok {
			continue
		}
		for i := range s.Len() {
			h, w, c := m.Shape(i)
			if first {
				d.Channels, d.Height, d.Width, first = c, h, w, false
			}
			if c != d.Channels {
				return fmt.Errorf("datasets: %s: %s has %d channels, %s has %d", where, s.Name(i), c, d.Train.Name(0),
					d.Channels)
			}
			if h != d.Height || w != d.Width {
				d.Height, d.Width = 0, 0
			}
		}
	}
	learned := d.Train
	if d.Labelled != nil {
		learned = d.Labelled
	}
	var test Labelled
	if d.Test != nil {
		test = d.Test
	}
	d.Notes = append(d.Notes, classNotes(learned, test, d.Train.Classes())...)
	return nil
}
