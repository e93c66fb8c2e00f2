package windows

import (
	"fmt"
	"math/bits"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/mel"
	"selfsup/datasets/sampling"
	"selfsup/setting"
)

// Waves is windows of recordings of one rate and number of channels; it implements feed.Kind. view0, view1 ... [T,C]
// are samples in [-1,1), each a window of its own, with zeros after a recording that is shorter; length [] counts what
// is not padding in view0. raw [C*Bands], of evaluation, is the mean log-mel spectrum of what is not padding.
type Waves struct {
	settings Settings
	channels int
	frames   mel.Spectrogram
	filters  [][]float64
}

// NewWaves checks that windows of the settings can be cut from the recordings, and that those of the test set are of
// the rate and the channels of the training's.
func NewWaves(s Settings, train datasets.WaveSet, test datasets.Labelled) (*Waves, error) {
	sets := []datasets.WaveSet{train}
	if other, ok := test.(datasets.WaveSet); ok {
		if other.Rate() != train.Rate() || other.Channels() != train.Channels() {
			return nil, fmt.Errorf("windows: the test recordings have %d samples a second and %d channels, those of "+
				"the training %d and %d; want the same", other.Rate(), other.Channels(), train.Rate(), train.Channels())
		}
		sets = append(sets, other)
	}
	w := WavesOf(s, train.Rate(), train.Channels())
	longest := 0
	for i := range train.Len() {
		longest = max(longest, train.Samples(i))
	}
	switch least := w.frames.Shortest(); {
	case s.Length == 0:
		return nil, setting.Bad("length", "is not set: recordings need it, in samples, such as %d for a second of "+
			"these; the longest has %d", train.Rate(), longest)
	case s.Length > longest:
		return nil, setting.Bad("length", "%d: the longest recording has %d samples; want at most that", s.Length,
			longest)
	case s.Length < least:
		return nil, setting.Bad("length", "%d: want at least %d samples, a frame of the spectrum that encoders are "+
			"compared with", s.Length, least)
	}
	for _, set := range sets {
		if err := s.refuse(set, set.Samples, s.Length, "samples"); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// WavesOf is windows of recordings of so many samples a second and channels, whatever recordings they are. The settings
// say their length.
func WavesOf(s Settings, rate, channels int) *Waves {
	w := &Waves{settings: s, channels: channels}
	w.frames = mel.Spectrogram{Window: rate * frameMillis / 1000, Hop: max(1, rate*hopMillis/1000)}
	w.frames.FFT = 1 << bits.Len(uint(max(w.frames.Window-1, 1))) // the next power of two
	w.filters = mel.Bank{Rate: rate, FFT: w.frames.FFT, Bands: bands, Low: lowest, High: float64(rate) / 2}.Filters()
	return w
}

// What encoders are compared with: frames as usual in the recognition of speech, and 40 bands from where telephones
// begin to hear up to half the rate. Every band has a frequency of the frames in it from 8000 samples a second on.
const (
	frameMillis, hopMillis = 25, 10
	bands                  = 40
	lowest                 = 60.0 // Hz
)

// Noun implements feed.Kind.
func (w *Waves) Noun() string { return "waves" }

// Training implements feed.Kind.
func (w *Waves) Training(set datasets.Labelled) feed.Maker { return w.maker(set, true) }

// Evaluation implements feed.Kind.
func (w *Waves) Evaluation(set datasets.Labelled) feed.Maker { return w.maker(set, false) }

func (w *Waves) maker(set datasets.Labelled, random bool) feed.Maker {
	whole, place := sampling.Whole(set)
	return &waveMaker{w, whole.(datasets.WaveSet), place, random}
}

// waveMaker makes fields of a set of recordings, which may be part of another.
type waveMaker struct {
	*Waves
	set    datasets.WaveSet
	place  []int32 // of the samples in the set; nil: each is its own
	random bool
}

// Fields implements feed.Maker.
func (m *waveMaker) Fields() []string {
	if m.random {
		return []string{m.settings.views(), lengthField}
	}
	return []string{feed.View(0), lengthField, feed.Raw}
}

// Field implements feed.Maker.
func (m *waveMaker) Field(name string) (feed.Field, error) {
	v, view := feed.Numbered(name, "view")
	switch {
	case view && (v == 0 || m.random && m.settings.Place == atRandom):
		return feed.Field{Name: name, Shape: []int{m.settings.Length, m.channels}}, nil
	case name == lengthField:
		return feed.Field{Name: name, Int: true, Of: []int{m.settings.Length + 1}}, nil
	case !m.random && name == feed.Raw:
		return feed.Field{Name: name, Shape: []int{m.channels * bands}}, nil
	}
	return feed.Field{}, &feed.UnknownField{Name: name, Kind: "waves", Has: m.Fields(), Why: m.settings.why(name)}
}

// Worker implements feed.Maker.
func (m *waveMaker) Worker(names []string) (feed.Worker, error) {
	return &waveWorker{m, names, make([]float32, m.settings.Length*m.channels)}, check(m, names)
}

type waveWorker struct {
	*waveMaker
	names  []string
	window []float32
}

// Make implements feed.Worker.
func (w *waveWorker) Make(to []feed.Slot, i int, key feed.Key) error {
	if w.place != nil {
		i = int(w.place[i])
	}
	for k, name := range w.names {
		var err error
		switch v, _ := feed.Numbered(name, "view"); name {
		case lengthField:
			to[k].I32[0] = int32(min(w.settings.Length, w.set.Samples(i)))
		case feed.Raw:
			err = w.spectrum(to[k].F32, i, key)
		default:
			err = w.set.Window(i, w.settings.at(w.random, key, v), to[k].F32)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// spectrum is the mean over the frames of a window of the logarithms of each channel's bands [C*Bands].
func (w *waveWorker) spectrum(dst []float32, i int, key feed.Key) error {
	if err := w.set.Window(i, w.settings.at(w.random, key, 0), w.window); err != nil {
		return err
	}
	// A recording shorter than a frame is taken with its padding.
	n := max(min(w.settings.Length, w.set.Samples(i)), w.frames.Shortest())
	wave := make([]float64, n)
	for c := range w.channels {
		for t := range wave {
			wave[t] = float64(w.window[t*w.channels+c])
		}
		power, err := w.frames.Power(wave)
		if err != nil {
			return err
		}
		frames := mel.Apply(w.filters, power)
		mel.Log(frames)
		for band := range bands {
			sum := 0.0
			for t := range frames {
				sum += frames[t][band]
			}
			dst[c*bands+band] = float32(sum / float64(len(frames)))
		}
	}
	return nil
}
