// Package sounded gives clips that have a sound the fields of it: sound, a window of the clip's recording as the
// recipe's [windows] has it, and sound_statistics.
package sounded

import (
	"errors"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/datasets/windows"
)

// Fields of the sound of a clip.
const (
	Sound = "sound" // [T,C] samples, or [T,Bands,C] log-mels, as view 0 of a recording
	// [2*C*40]: mean and deviation of each band of the log-mels of the evaluation's window, see windows.Waves
	Statistics = "sound_statistics"
)

// Kind is clips with a sound as methods see them.
type Kind struct {
	feed.Kind
	waves *windows.Waves
	first datasets.WaveSet
}

// New adds the sounds of a set of clips to their kind. A window is the whole sound where the settings do not say how
// long it is.
func New(clips feed.Kind, s windows.Settings, train datasets.SoundedSet, test datasets.Labelled) (*Kind, error) {
	sounds := train.Sounds()
	if s.Length == 0 {
		s.Length = sounds.Samples(0)
	}
	if other, ok := test.(datasets.SoundedSet); ok {
		test = other.Sounds()
	}
	w, err := windows.NewWaves(s, sounds, test)
	if err != nil {
		return nil, err
	}
	return &Kind{clips, w, sounds}, nil
}

// Field is the field of sounds.
func (k *Kind) Field() (feed.Field, error) {
	f, err := k.waves.Evaluation(k.first).Field(feed.View(0))
	f.Name = Sound
	return f, err
}

// Training implements feed.Kind.
func (k *Kind) Training(set datasets.Labelled) feed.Maker {
	return k.maker(k.Kind.Training(set), k.waves.Training, set)
}

// Evaluation implements feed.Kind.
func (k *Kind) Evaluation(set datasets.Labelled) feed.Maker {
	return k.maker(k.Kind.Evaluation(set), k.waves.Evaluation, set)
}

func (k *Kind) maker(clips feed.Maker, windows func(datasets.Labelled) feed.Maker, set datasets.Labelled) feed.Maker {
	whole, place := sampling.Whole(set)
	sounds := datasets.Labelled(whole.(datasets.SoundedSet).Sounds())
	if place != nil {
		sounds = sampling.Part(sounds, place)
	}
	m := &maker{clips, windows(sounds), k.waves.Evaluation(sounds)}
	if _, ok := clips.(feed.Grouped); ok {
		return &groupedMaker{*m}
	}
	return m
}

// maker adds sounds to a maker of clips.
type maker struct {
	feed.Maker
	sounds, fixed feed.Maker // as training or evaluation hears them; as evaluation does
}

// groupedMaker has its views in groups.
type groupedMaker struct{ maker }

// Groups implements feed.Grouped.
func (m *groupedMaker) Groups() []int { return m.Maker.(feed.Grouped).Groups() }

// of is the maker of a field of sounds, and what it calls it; nil: it is a field of clips.
func (m *maker) of(name string) (feed.Maker, string) {
	switch name {
	case Sound:
		return m.sounds, feed.View(0)
	case Statistics:
		return m.fixed, feed.Raw
	}
	return nil, ""
}

// Fields implements feed.Maker.
func (m *maker) Fields() []string { return append(slices.Clone(m.Maker.Fields()), Sound, Statistics) }

// Field implements feed.Maker.
func (m *maker) Field(name string) (feed.Field, error) {
	if of, own := m.of(name); of != nil {
		f, err := of.Field(own)
		f.Name = name
		return f, err
	}
	f, err := m.Maker.Field(name)
	if unknown := (*feed.UnknownField)(nil); errors.As(err, &unknown) {
		unknown.Has = m.Fields()
	}
	return f, err
}

// Worker implements feed.Maker.
func (m *maker) Worker(names []string) (feed.Worker, error) {
	w := &worker{}
	var clips []string
	for k, name := range names {
		of, own := m.of(name)
		if of == nil {
			clips, w.at = append(clips, name), append(w.at, k)
			continue
		}
		one, err := of.Worker([]string{own})
		if err != nil {
			return nil, err
		}
		w.parts = append(w.parts, part{one, k})
	}
	var err error
	if len(clips) > 0 {
		w.clips, err = m.Maker.Worker(clips)
	}
	w.to = make([]feed.Slot, len(clips))
	return w, err
}

// part makes one field of the sounds, that of a number among the names.
type part struct {
	feed.Worker
	at int
}

type worker struct {
	parts []part
	clips feed.Worker // nil: none of their fields is wanted
	at    []int       // which of the names are of clips
	to    []feed.Slot
}

// Make implements feed.Worker.
func (w *worker) Make(to []feed.Slot, i int, key feed.Key) error {
	for _, p := range w.parts {
		if err := p.Make(to[p.at:p.at+1], i, key); err != nil {
			return err
		}
	}
	if w.clips == nil {
		return nil
	}
	for k, at := range w.at {
		w.to[k] = to[at]
	}
	return w.clips.Make(w.to, i, key)
}
