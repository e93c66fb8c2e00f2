package windows

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/mel"
	"selfsup/datasets/sampling"
	"selfsup/setting"
)

// Waves is windows of recordings of one rate and number of channels; it implements feed.Kind. view0, view1 ... [T,C]
// are samples in [-1,1), each a window of its own, with zeros after a recording that is shorter; length [] counts what
// is not padding in view0. With [windows.spectrogram] views are log-mels [T,Bands,C], and length counts frames. mfcc80
// [T,39C] is the cepstral coefficients of view0 in frames of 80 samples, and so with any number. raw [2*C*Bands], of
// evaluation, is mean and deviation of the log-mels of what is not padding.
type Waves struct {
	settings Settings
	rate     int
	channels int
	measured *mel.LogMel // for raw
	front    *mel.LogMel // of the views; nil: they are waves
	notes    []string
}

// Notes say how many recordings are padded, and how many cut.
func (w *Waves) Notes() []string { return w.notes }

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
	if s.Spectrogram.on() {
		if err := s.Spectrogram.check(train.Rate()); err != nil {
			return nil, err
		}
	}
	w := WavesOf(s, train.Rate(), train.Channels())
	longest := 0
	for i := range train.Len() {
		longest = max(longest, train.Samples(i))
	}
	switch least := w.shortest(); {
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
	for k, set := range sets {
		notes, err := s.fit(set, parts[k], set.Samples, s.Length, "samples")
		if err != nil {
			return nil, err
		}
		w.notes = append(w.notes, notes...)
	}
	if s.Spectrogram.on() && s.Spectrogram.Std == 0 {
		return w, w.measure(train)
	}
	return w, nil
}

// shortest is how many samples a window has at least.
func (w *Waves) shortest() int {
	if w.front == nil {
		return w.measured.Shortest()
	}
	return max(w.measured.Shortest(), w.front.Shortest(), w.front.Hop)
}

// WavesOf is windows of recordings of so many samples a second and channels, whatever recordings they are. The settings
// say their length.
func WavesOf(s Settings, rate, channels int) *Waves {
	plain := mel.DefaultFront()
	plain.Bands = bands
	w := &Waves{settings: s, rate: rate, channels: channels, measured: plain.New(rate)}
	if s.Spectrogram.on() {
		w.front = s.Spectrogram.New(rate)
	}
	return w
}

// bands of what encoders are compared with, in frames as usual in the recognition of speech, from where telephones
// begin to hear up to half the rate. Every band has a frequency of the frames in it from 8000 samples a second on.
const bands = 40

// Front is what makes the views of recordings, with mean and deviation; nil: they are waves.
func (w *Waves) Front() *mel.Front {
	if w.front == nil {
		return nil
	}
	return &w.settings.Spectrogram.Front
}

// Length is how many samples a window has.
func (w *Waves) Length() int { return w.settings.Length }

// measureAtMost is how many recordings mean and deviation are measured of, evenly chosen.
const measureAtMost = 500

// measure finds mean and deviation of the log-mels of the windows of evaluation, without their padding.
func (w *Waves) measure(set datasets.WaveSet) error {
	n, sum, squares := 0.0, 0.0, 0.0
	of := &waveWorker{waveMaker: &waveMaker{w, set, nil, false}, window: make([]float32, w.settings.Length*w.channels)}
	step := max(1, (set.Len()+measureAtMost-1)/measureAtMost)
	for i := 0; i < set.Len(); i += step {
		if err := set.Window(i, w.settings.at(false, feed.Key{}, 0), of.window); err != nil {
			return err
		}
		for c := range w.channels {
			logs, err := of.logs(w.front, of.there(w.front, i), c)
			if err != nil {
				return err
			}
			for _, v := range logs {
				n, sum, squares = n+1, sum+v, squares+v*v
			}
		}
	}
	mean := sum / n
	deviation := math.Sqrt(max(squares/n-mean*mean, 0))
	if deviation < 1e-6 {
		return fmt.Errorf("windows: the log-mels of %d recordings are all %v: there is no sound in them", set.Len(),
			mean)
	}
	w.settings.Spectrogram.Mean, w.settings.Spectrogram.Std = mean, deviation
	w.front = w.settings.Spectrogram.New(w.rate)
	return nil
}

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
	names := []string{feed.View(0), lengthField}
	if m.random {
		names[0] = m.settings.views()
	}
	if m.front == nil {
		names = append(names, mfccField+"80")
	}
	if !m.random {
		names = append(names, feed.Raw)
	}
	return names
}

// mfccField is the beginning of the name of cepstral coefficients; the samples of a frame follow.
const mfccField = "mfcc"

// Field implements feed.Maker.
func (m *waveMaker) Field(name string) (feed.Field, error) {
	v, view := feed.Numbered(name, "view")
	hop, mfcc := feed.Numbered(name, mfccField)
	switch {
	case view && (v == 0 || m.random && m.settings.Place == atRandom):
		f := feed.Field{Name: name, Shape: []int{m.settings.Length, m.channels}}
		if m.front != nil {
			f.Shape = []int{m.front.Frames(m.settings.Length), m.settings.Spectrogram.Bands, m.channels}
		}
		return f, nil
	case name == lengthField && m.front != nil:
		return feed.Field{Name: name, Int: true, Of: []int{m.front.Frames(m.settings.Length) + 1}}, nil
	case name == lengthField:
		return feed.Field{Name: name, Int: true, Of: []int{m.settings.Length + 1}}, nil
	case mfcc && m.front == nil && hop > 0 && hop <= m.settings.Length:
		return feed.Field{Name: name, Shape: []int{m.settings.Length / hop, 3 * mel.Coefficients * m.channels}}, nil
	case !m.random && name == feed.Raw:
		return feed.Field{Name: name, Shape: []int{2 * m.channels * bands}}, nil
	}
	return feed.Field{}, &feed.UnknownField{Name: name, Kind: "waves", Has: m.Fields(), Why: m.settings.why(name)}
}

// Worker implements feed.Maker.
func (m *waveMaker) Worker(names []string) (feed.Worker, error) {
	w := &waveWorker{waveMaker: m, names: names, window: make([]float32, m.settings.Length*m.channels)}
	w.other = make([]float32, len(w.window))
	return w, check(m, names)
}

type waveWorker struct {
	*waveMaker
	names         []string
	window, other []float32
}

// Make implements feed.Worker.
func (w *waveWorker) Make(to []feed.Slot, i int, key feed.Key) error {
	if w.place != nil {
		i = int(w.place[i])
	}
	for k, name := range w.names {
		var err error
		v, view := feed.Numbered(name, "view")
		hop, mfcc := feed.Numbered(name, mfccField)
		switch {
		case name == lengthField:
			n := min(w.settings.Length, w.set.Samples(i))
			if w.front != nil {
				n = w.front.Frames(n)
			}
			to[k].I32[0] = int32(n)
		case name == feed.Raw:
			err = w.statistics(to[k].F32, i, key)
		case mfcc:
			err = w.cepstra(to[k].F32, i, hop, key)
		case view && w.front != nil:
			err = w.spectrogram(to[k].F32, i, v, key)
		default:
			err = w.set.Window(i, w.settings.at(w.random, key, v), to[k].F32)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// there is how many samples of a window are not padding. A recording shorter than a frame is taken with its padding.
func (w *waveWorker) there(l *mel.LogMel, i int) int {
	n := min(w.settings.Length, w.set.Samples(i))
	if l != nil {
		n = max(n, l.Shortest(), l.Hop)
	}
	return n
}

// logs is the log-mels [T,Bands] of the first n samples of a channel of the window.
func (w *waveWorker) logs(l *mel.LogMel, n, channel int) ([]float64, error) {
	return logsOf(l, w.window, n, channel, w.channels)
}

func logsOf(l *mel.LogMel, window []float32, n, channel, channels int) ([]float64, error) {
	wave := make([]float64, n)
	for t := range wave {
		wave[t] = float64(window[t*channels+channel])
	}
	out := make([]float64, l.Frames(n)*l.Bands())
	return out, l.Make(out, wave)
}

// spectrogram is a view of log-mels [T,Bands,C].
func (w *waveWorker) spectrogram(dst []float32, i, view int, key feed.Key) error {
	if err := w.set.Window(i, w.settings.at(w.random, key, view), w.window); err != nil {
		return err
	}
	for c := range w.channels {
		x, err := w.logs(w.front, w.settings.Length, c)
		if err != nil {
			return err
		}
		if w.random {
			background := func(r *datasets.Rand) ([]float64, error) {
				if err := w.set.Window(w.any(r), r.Float64(), w.other); err != nil {
					return nil, err
				}
				return logsOf(w.front, w.other, w.settings.Length, c, w.channels)
			}
			if err := w.settings.Spectrogram.change(x, key, view, background); err != nil {
				return err
			}
		}
		for k, v := range x {
			dst[k*w.channels+c] = float32(v)
		}
	}
	return nil
}

// any draws a recording of the maker's part of the set.
func (w *waveWorker) any(r *datasets.Rand) int {
	if w.place != nil {
		return int(w.place[r.Intn(len(w.place))])
	}
	return r.Intn(w.set.Len())
}

// cepstra is the coefficients of view0 in frames of hop samples [T,39C], frame t around its middle.
func (w *waveWorker) cepstra(dst []float32, i, hop int, key feed.Key) error {
	if err := w.set.Window(i, w.settings.at(w.random, key, 0), w.window); err != nil {
		return err
	}
	plain := mel.DefaultFront()
	plain.Bands, plain.Hop = bands, float64(hop)*1000/float64(w.rate)
	l := plain.New(w.rate)
	const width = 3 * mel.Coefficients
	for c := range w.channels {
		// half a hop later, so that the middles of frames are those of hops
		wave := make([]float64, w.settings.Length)
		for t := range wave[:w.settings.Length-hop/2] {
			wave[t] = float64(w.window[(t+hop/2)*w.channels+c])
		}
		logs := make([]float64, l.Frames(len(wave))*bands)
		if err := l.Make(logs, wave); err != nil {
			return err
		}
		for k, v := range mel.MFCC(logs, bands) {
			dst[(k/width*w.channels+c)*width+k%width] = float32(v)
		}
	}
	return nil
}

// statistics is, for each channel, the mean over the frames of a window of each band's logarithm, and the deviation.
func (w *waveWorker) statistics(dst []float32, i int, key feed.Key) error {
	if err := w.set.Window(i, w.settings.at(w.random, key, 0), w.window); err != nil {
		return err
	}
	for c := range w.channels {
		x, err := w.logs(w.measured, w.there(w.measured, i), c)
		if err != nil {
			return err
		}
		n := float64(len(x) / bands)
		for band := range bands {
			sum, squares := 0.0, 0.0
			for t := range len(x) / bands {
				v := x[t*bands+band]
				sum, squares = sum+v, squares+v*v
			}
			mean := sum / n
			dst[c*2*bands+band] = float32(mean)
			dst[c*2*bands+bands+band] = float32(math.Sqrt(max(squares/n-mean*mean, 0)))
		}
	}
	return nil
}
