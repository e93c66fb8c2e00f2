package sounds

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/disk"
)

// wave is a recording.
type wave struct {
	WAVHeader
	name, class string
	kept        []byte // its samples; nil: in the file
}

// readHeaders reads the headers on every core.
func readHeaders(files []disk.File) ([]wave, []error) {
	waves, errs := make([]wave, len(files)), make([]error, len(files))
	datasets.Parallel(len(files), func(i int) {
		waves[i].name, waves[i].class = files[i].Name, files[i].Class
		errs[i] = withFile(files[i].Name, func(f io.ReaderAt, size int64) (err error) {
			waves[i].WAVHeader, err = ReadWAVHeader(f, size)
			return err
		})
	})
	return waves, errs
}

// withFile opens a regular file.
func withFile(name string, do func(f io.ReaderAt, size int64) error) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return disk.Bare(err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("not a regular file (%v)", info.Mode().Type())
	}
	f, err := os.Open(name)
	if err != nil {
		return disk.Bare(err)
	}
	defer f.Close()
	return do(f, info.Size())
}

// load reads the samples where all of them fit the memory.
func (s *WAV) load(waves []wave) error {
	var total int64
	for i := range waves {
		total += int64(waves[i].Samples) * int64(waves[i].frame())
	}
	if total > int64(s.Memory) {
		return nil
	}
	errs := make([]error, len(waves))
	datasets.Parallel(len(waves), func(i int) {
		w := &waves[i]
		errs[i] = withFile(w.name, func(f io.ReaderAt, size int64) error {
			b := make([]byte, w.Samples*w.frame())
			if _, err := readFull(f, b, w.At, size); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			w.kept = b
			return nil
		})
	})
	return errors.Join(errs...)
}

// waveSet is recordings of one rate.
type waveSet struct {
	waves    []wave
	classes  []string
	channels int
	pattern  *regexp.Regexp // of their names
}

func (s *waveSet) Len() int          { return len(s.waves) }
func (s *waveSet) Label(i int) int   { return datasets.ClassIndex(s.classes, s.waves[i].class) }
func (s *waveSet) Classes() []string { return s.classes }
func (s *waveSet) Name(i int) string { return s.waves[i].name }
func (s *waveSet) Rate() int         { return s.waves[0].Rate }
func (s *waveSet) Channels() int     { return s.channels }
func (s *waveSet) Samples(i int) int { return s.waves[i].Samples }

// Tags implements datasets.Tagged: the groups of the names' pattern.
func (s *waveSet) Tags() []string {
	return slices.DeleteFunc(slices.Clone(s.pattern.SubexpNames()), func(name string) bool { return name == "" })
}

// Tag implements datasets.Tagged.
func (s *waveSet) Tag(i int, kind string) string {
	m, k := s.pattern.FindStringSubmatch(filepath.Base(s.waves[i].name)), s.pattern.SubexpIndex(kind)
	if m == nil || k < 0 {
		return ""
	}
	return m[k]
}

// Window implements WaveSet.
func (s *waveSet) Window(i int, at float64, dst []float32) error {
	if i < 0 || i >= len(s.waves) || len(dst)%s.channels != 0 {
		return fmt.Errorf("datasets: recording %d into %d numbers; the set has %d of %d channels", i, len(dst),
			len(s.waves), s.channels)
	}
	w := &s.waves[i]
	want := len(dst) / s.channels
	n, start := min(want, w.Samples), datasets.WindowStart(w.Samples, want, at)
	b, err := w.bytes(start, n)
	if err != nil {
		return fmt.Errorf("datasets: %s: %w", w.name, err)
	}
	out := dst
	if w.Channels > s.channels {
		out = make([]float32, n*w.Channels)
	}
	if err := w.decode(out[:n*w.Channels], b); err != nil {
		return fmt.Errorf("datasets: %s: from sample %d on: %w", w.name, start, err)
	}
	if w.Channels > s.channels {
		for t := range n {
			dst[t] = (out[2*t] + out[2*t+1]) / 2
		}
	}
	clear(dst[n*s.channels:])
	return nil
}

// bytes is n samples from start on.
func (w *wave) bytes(start, n int) (b []byte, err error) {
	if w.kept != nil {
		return w.kept[start*w.frame() : (start+n)*w.frame()], nil
	}
	b = make([]byte, n*w.frame())
	err = withFile(w.name, func(f io.ReaderAt, size int64) error {
		_, err := readFull(f, b, w.At+int64(start)*int64(w.frame()), size)
		return err
	})
	return b, err
}

// Check decodes every sample of recording i.
func (s *waveSet) Check(i int) error {
	const most = 1 << 16
	w := &s.waves[i]
	out := make([]float32, min(w.Samples, most)*w.Channels)
	for start := 0; start < w.Samples; start += most {
		n := min(w.Samples-start, most)
		b, err := w.bytes(start, n)
		if err == nil {
			err = w.decode(out[:n*w.Channels], b)
		}
		if err != nil {
			return fmt.Errorf("%s: from sample %d on: %w", w.name, start, err)
		}
	}
	return nil
}

// Facts describes the recordings.
func (s *waveSet) Facts() []datasets.Fact {
	total, lo, hi := 0, s.waves[0].Samples, 0
	codings := map[string]bool{}
	for i := range s.waves {
		w := &s.waves[i]
		total, lo, hi = total+w.Samples, min(lo, w.Samples), max(hi, w.Samples)
		kind := "PCM"
		if w.Float {
			kind = "float"
		}
		codings[fmt.Sprintf("%d-bit %s", w.Bits, kind)] = true
	}
	var names []string
	for c := range codings {
		names = append(names, c)
	}
	slices.Sort(names)
	rate := float64(s.Rate())
	return []datasets.Fact{
		{Key: "rate", Value: fmt.Sprintf("%d samples a second", s.Rate())},
		{Key: "channels", Value: fmt.Sprint(s.channels)},
		{Key: "coding", Value: strings.Join(names, ", ")},
		{Key: "duration", Value: fmt.Sprintf("%.2f to %.2f s, %.1f s in all", float64(lo)/rate, float64(hi)/rate,
			float64(total)/rate)},
	}
}
