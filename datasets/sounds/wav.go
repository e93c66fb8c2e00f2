// Package sounds reads recordings from WAV files.
package sounds

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/setting"
)

// WAV reads sound recordings from a directory of WAV files: dir/<class>/**/*.wav, dir/*.wav, or labels by the files'
// names.
//
//	[data.wav]
//	train = "fsdd-4spk"
//	name = '^(?P<digit>\d)_(?P<speaker>[a-z]+)_'    # Go's syntax, on the name without its folder
//	label = "digit"                                 # group of name
//	held_out = '_[0-4]\.wav$'                       # names that are the test set
//	rate = 8000
type WAV struct {
	Train    string `toml:"train"` // directory
	Test     string `toml:"test"`  // directory; empty: held_out, or test_fraction of train
	FileName string `toml:"name"`  // regular expression that every file's name matches; empty: any
	Label    string `toml:"label"` // group of name that is the label; empty: the folder
	// regular expression of the names in train that are the test set; empty: none
	HeldOut string `toml:"held_out"`
	Rate    int    `toml:"rate"` // samples a second that every file must have; 0: as the first
	// 1: stereo is averaged; 2: stereo; 0: as found, the same in every file
	Channels int `toml:"channels"`
	// files that may be refused and left out; each is named, more stop the run
	MaxSkipped int          `toml:"max_skipped"`
	Memory     setting.Size `toml:"memory"` // files that are kept in memory; more are read on demand
	datasets.Split
}

// NewWAV keeps a fifth of the files for the test and tolerates no bad file.
func NewWAV() *WAV { return &WAV{Memory: 1 << 30, Split: datasets.Split{TestFraction: 0.2}} }

// Validate checks the settings.
func (s *WAV) Validate() error {
	switch {
	case s.Train == "":
		return errors.New("train is empty; want a directory of .wav files")
	case s.Test != "" && s.HeldOut != "":
		return fmt.Errorf("test = %q with held_out = %q; want one of them", s.Test, s.HeldOut)
	case s.Rate < 0 || s.Rate > maxRate:
		return fmt.Errorf("rate = %d, want 1 to %d samples a second, or 0 for any", s.Rate, maxRate)
	case s.Channels < 0 || s.Channels > 2:
		return fmt.Errorf("channels = %d, want 1 (mono), 2 (stereo) or 0 (as found)", s.Channels)
	case s.MaxSkipped < 0:
		return fmt.Errorf("max_skipped = %d, want a count of files, at least 0", s.MaxSkipped)
	case s.Memory < 0:
		return fmt.Errorf("memory = %v, want at least 0B", s.Memory)
	}
	name, err := regexp.Compile(s.FileName)
	if err != nil {
		return fmt.Errorf("name = %q: %w", s.FileName, err)
	}
	if _, err := regexp.Compile(s.HeldOut); err != nil {
		return fmt.Errorf("held_out = %q: %w", s.HeldOut, err)
	}
	if s.Label != "" && name.SubexpIndex(s.Label) < 0 {
		return fmt.Errorf("label = %q, want a group (?P<%s>...) of name = %q", s.Label, s.Label, s.FileName)
	}
	return s.Split.Validate()
}

// Samples implements Kinded.
func (s *WAV) Samples() string { return "waves" }

// PathKeys implements datasets.Located.
func (s *WAV) PathKeys() []string { return []string{"train", "test"} }

// Open reads the headers, and the samples where they fit the memory.
func (s *WAV) Open(env datasets.Env) (*datasets.Data, error) {
	p, err := s.open(env)
	if err != nil {
		return nil, fmt.Errorf("datasets: wav: %w", err)
	}
	return p, nil
}

func (s *WAV) open(env datasets.Env) (*datasets.Data, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	var others disk.PassedOver
	train, test, err := s.list(env, &others)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(train, test)
	waves, errs := readHeaders(all)
	s.agree(waves, errs)
	var kept []wave
	var skipped []datasets.Skip
	trained := 0
	for i, err := range errs {
		if err != nil {
			skipped = append(skipped, datasets.Skip{Name: all[i].Name, Err: err})
			continue
		}
		kept = append(kept, waves[i])
		if i < len(train) {
			trained++
		}
	}
	if s.Test == "" && s.HeldOut == "" {
		rest, held := datasets.Divide(&s.Split, kept, func(w wave) string { return w.class })
		kept, trained = append(rest, held...), len(rest)
	}
	if err := datasets.Tolerate(skipped, s.MaxSkipped); err != nil {
		return nil, err
	}
	if trained == 0 {
		return nil, fmt.Errorf("%s: no file is left for the training", env.Path(s.Train))
	}
	if err := s.load(kept); err != nil {
		return nil, err
	}
	list := func(w []wave) (classes []string) {
		for i := range w {
			classes = append(classes, w[i].class)
		}
		return classes
	}
	classes, err := datasets.ClassNames(list(kept[:trained]), list(kept[trained:]))
	if err != nil {
		return nil, err
	}
	channels := s.Channels
	if channels == 0 {
		channels = kept[0].Channels
	}
	pattern := regexp.MustCompile(s.FileName) // which Validate has compiled
	p := &datasets.Data{Train: &waveSet{kept[:trained], classes, channels, pattern}, Skipped: skipped,
		Notes: others.Notes(),
		Roots: env.Roots(s.Train, s.Test)}
	if len(kept) > trained {
		p.Test = &waveSet{kept[trained:], classes, channels, pattern}
	}
	return p, nil
}

// list finds the files of both sets.
func (s *WAV) list(env datasets.Env, others *disk.PassedOver) (train, test []disk.File, err error) {
	if train, err = s.below(env.Path(s.Train), others); err != nil {
		return nil, nil, err
	}
	switch {
	case s.Test != "":
		test, err = s.below(env.Path(s.Test), others)
	case s.HeldOut != "":
		held := regexp.MustCompile(s.HeldOut)
		var rest []disk.File
		for _, f := range train {
			if held.MatchString(filepath.Base(f.Name)) {
				test = append(test, f)
			} else {
				rest = append(rest, f)
			}
		}
		if len(test) == 0 || len(rest) == 0 {
			return nil, nil, fmt.Errorf("held_out = %q matches %d of %d names; want some and not all", s.HeldOut,
				len(test), len(train))
		}
		train = rest
	}
	return train, test, err
}

// below finds the files below a directory, with their classes.
func (s *WAV) below(dir string, others *disk.PassedOver) ([]disk.File, error) {
	w := disk.Walker{Dir: dir, Depth: 1, Classless: s.Label != "", Accept: []string{".wav", ".wave"}}
	if err := w.Walk(); err != nil {
		return nil, err
	}
	others.Join(w.Others)
	switch {
	case len(w.Files) == 0:
		return nil, fmt.Errorf("no .wav files in %s", dir)
	case w.Loose != "" && w.Classed != "":
		return nil, fmt.Errorf("%s holds both files (%s) and folders of files (%s); move one, or take labels "+
			"from the names", dir, w.Loose, w.Classed)
	case w.Empty != "":
		return nil, fmt.Errorf("class %s of %s holds no .wav files; remove the folder, or put files in it", w.Empty,
			dir)
	}
	name := regexp.MustCompile(s.FileName)
	for i := range w.Files {
		f := &w.Files[i]
		m := name.FindStringSubmatch(filepath.Base(f.Name))
		if m == nil {
			return nil, fmt.Errorf("%s: the name does not match name = %q", f.Name, s.FileName)
		}
		if s.Label != "" {
			if f.Class = m[name.SubexpIndex(s.Label)]; f.Class == "" {
				return nil, fmt.Errorf("%s: the group %s of name = %q is empty", f.Name, s.Label, s.FileName)
			}
		}
	}
	return w.Files, nil
}

// agree refuses files of another rate or number of channels.
func (s *WAV) agree(waves []wave, errs []error) {
	rate, channels := s.Rate, s.Channels
	for i := range waves {
		w := &waves[i]
		if errs[i] != nil {
			continue
		}
		if rate == 0 {
			rate = w.Rate
		}
		if channels == 0 {
			channels = w.Channels
		}
		switch {
		case w.Rate != rate:
			errs[i] = fmt.Errorf("%d samples a second, want %d; resample the file", w.Rate, rate)
		case s.Channels == 0 && w.Channels != channels:
			errs[i] = fmt.Errorf("%d channels, the files before have %d; set channels = 1 to average stereo",
				w.Channels, channels)
		case s.Channels == 2 && w.Channels == 1:
			errs[i] = errors.New("1 channel, want channels = 2")
		}
	}
}
