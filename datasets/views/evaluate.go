package views

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"selfsup/datasets"
	"selfsup/datasets/raster"
	"selfsup/datasets/resample"
)

// EvalBatch writes the evaluation view of the images at rows to dst [B,H,W,C]: the shorter side resized to the view's,
// the centre kept, normalised; nothing is random. An image of the view's own size is taken as it is; where views are
// not square (crop = 0), another size is stretched to theirs.
func (p *Pipeline) EvalBatch(dst []float32, set datasets.Set, rows []int32) error {
	return p.evaluate(dst, set, rows, true)
}

// RawBatch writes what EvalBatch does before it normalises: pixels in [0,1], for a baseline on pixels.
func (p *Pipeline) RawBatch(dst []float32, set datasets.Set, rows []int32) error {
	return p.evaluate(dst, set, rows, false)
}

func (p *Pipeline) evaluate(dst []float32, set datasets.Set, rows []int32, normalize bool) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	var failed firstError
	work := func() {
		defer wg.Done()
		var s Scratch
		for i := int(next.Add(1)) - 1; i < len(rows); i = int(next.Add(1)) - 1 {
			row := int(rows[i])
			if err := p.evaluateOne(dst[i*p.Size():(i+1)*p.Size()], set, row, normalize, &s); err != nil {
				failed.set(i, fmt.Errorf("views: image %d, %s: %w", row, set.Name(row), err))
			}
		}
	}
	n := min(runtime.GOMAXPROCS(0), len(rows))
	wg.Add(n)
	for range n {
		go work()
	}
	wg.Wait()
	return failed.err
}

func (p *Pipeline) evaluateOne(dst []float32, set datasets.Set, row int, normalize bool, s *Scratch) (err error) {
	defer datasets.Guard(&err)
	if err := set.Image(row, &s.image); err != nil {
		return err
	}
	return p.EvalView(dst, &s.image, normalize, s)
}

func (p *Pipeline) EvalView(dst []float32, img *datasets.Image, normalize bool, s *Scratch) error {
	if img.C != p.Channels || len(img.Pix) != img.H*img.W*img.C || img.H < 1 || img.W < 1 {
		return p.accepts(img)
	}
	job := resample.Job{Box: resample.Box{Height: img.H, Width: img.W}, Size: [2]int{p.Height, p.Width}}
	if p.Height == p.Width {
		job = resample.Center(img.H, img.W, p.Height)
	}
	job.Src, job.Width, job.Channels, job.Filter = img.Pix, img.W, img.C, p.filter
	s.resampler.Run(dst, job)
	if p.filter == resample.Bicubic {
		raster.Scale(dst, 1, 0)
	}
	if normalize {
		Normalize(Pixels{H: p.Height, W: p.Width, C: p.Channels, Pix: dst}, p.Mean, p.Std)
	}
	return nil
}

// firstError keeps the error of the lowest row, whichever worker comes first.
type firstError struct {
	mu  sync.Mutex
	row int
	err error
}

func (f *firstError) set(row int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || row < f.row {
		f.row, f.err = row, err
	}
}
