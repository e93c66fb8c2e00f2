package datasets

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// Measured is a set that knows its Stats without reading its images.
type Measured interface {
	Measured() (mean, std []float64)
}

// ReadError is an image that cannot be read while a set is measured.
type ReadError struct{ Err error }

func (e *ReadError) Error() string { return "datasets: statistics: " + e.Err.Error() }
func (e *ReadError) Unwrap() error { return e.Err }

// Stats is the mean and the standard deviation of each channel over every pixel of the set, in units of full scale
// (byte 255 is 1). One image a core is in memory at a time. The sums are of whole numbers, so that the result depends
// on nothing but the pixels.
func Stats(s Set) (mean, std []float64, err error) {
	if m, ok := s.(Measured); ok {
		mean, std = m.Measured()
		return mean, std, nil
	}
	total, err := CountLevels(s)
	if err != nil {
		return nil, nil, &ReadError{err}
	}
	mean, std = total.MeanStd()
	return mean, std, nil
}

// CountLevels counts the byte values of every image of a set, on every core.
func CountLevels(s Set) (*Levels, error) { return countLevels(s, func(int, *Image) {}) }

// countLevels is CountLevels that shows every image to something else.
func countLevels(s Set, see func(i int, m *Image)) (*Levels, error) {
	n := s.Len()
	if n == 0 {
		return nil, errors.New("the set is empty")
	}
	parts := make([]Levels, min(runtime.GOMAXPROCS(0), n))
	errs := make([]error, len(parts))
	failed := make([]int, len(parts))
	var next atomic.Int64
	var wg sync.WaitGroup
	for k := range parts {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var img Image
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := parts[k].read(s, i, &img); err != nil {
					errs[k], failed[k] = fmt.Errorf("image %d, %s: %w", i, s.Name(i), err), i
					next.Store(int64(n))
					return
				}
				see(i, &img)
			}
		}()
	}
	wg.Wait()
	first := -1
	for k, err := range errs {
		if err != nil && (first < 0 || failed[k] < failed[first]) {
			first = k
		}
	}
	if first >= 0 {
		return nil, errs[first]
	}
	for k := range parts[1:] {
		if err := parts[0].Merge(&parts[k+1]); err != nil {
			return nil, err
		}
	}
	return &parts[0], nil
}

// Levels counts how often each byte value occurs in each channel. The zero value is empty; one goroutine uses it at a
// time.
type Levels struct {
	channels int
	counts   [3][256]uint64
}

// read counts the pixels of image i of a set.
func (l *Levels) read(s Set, i int, img *Image) (err error) {
	defer Guard(&err)
	if err := s.Image(i, img); err != nil {
		return err
	}
	if len(img.Pix) != img.H*img.W*img.C {
		return fmt.Errorf("%d bytes as an image of %dx%dx%d", len(img.Pix), img.H, img.W, img.C)
	}
	return l.Add(img)
}

// Add counts the pixels of an image; all images have the same number of channels.
func (l *Levels) Add(m *Image) error {
	if err := l.agree(m.C); err != nil {
		return err
	}
	for c := range m.C {
		count := &l.counts[c]
		for p := c; p < len(m.Pix); p += m.C {
			count[m.Pix[p]]++
		}
	}
	return nil
}

// Merge adds the counts of another.
func (l *Levels) Merge(o *Levels) error {
	if o.channels == 0 {
		return nil
	}
	if err := l.agree(o.channels); err != nil {
		return err
	}
	for c := range l.counts {
		for v := range l.counts[c] {
			l.counts[c][v] += o.counts[c][v]
		}
	}
	return nil
}

func (l *Levels) agree(channels int) error {
	if l.channels == 0 && channels <= len(l.counts) {
		l.channels = channels
	}
	if l.channels != channels {
		return fmt.Errorf("%d channels, the images before have %d", channels, l.channels)
	}
	return nil
}

// MeanStd is the mean and the standard deviation of each channel in units of full scale.
func (l *Levels) MeanStd() (mean, std []float64) {
	for _, count := range l.counts[:l.channels] {
		var n, sum, squares float64
		for b, k := range count {
			n += float64(k)
			sum += float64(b) * float64(k)
			squares += float64(b) * float64(b) * float64(k)
		}
		m := sum / n
		mean = append(mean, m/255)
		std = append(std, math.Sqrt(math.Max(squares/n-m*m, 0))/255)
	}
	return mean, std
}
