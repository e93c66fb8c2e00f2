package images

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"sync/atomic"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/internal/room"
)

// Found is the files of a source.
type Found struct {
	Where       string      // begins the errors
	Classes     []string    // that the files' labels count
	Train, Test []disk.File // test may be empty
	// where test is empty, the share of the images that decode that becomes it; nil: there is no test set
	Split   *datasets.Split
	Skipped []datasets.Skip // what the source refused before
	Others  disk.PassedOver
	Notes   []string
}

// openLabelled is OpenFiles with classes numbered by sorted name.
func openLabelled(l Found, opt Files) (*datasets.Data, error) {
	var err error
	if l.Classes, err = NumberClasses(l.Train, l.Test); err != nil {
		return nil, fmt.Errorf("datasets: %s: %w", l.Where, err)
	}
	return OpenFiles(l, opt)
}

// OpenFiles makes the sets of what was found.
//
// Images are kept decoded while all of them fit opt.Memory and half of the memory that is left. What is refused, and
// what the sets hold, does not depend on the number of cores.
func OpenFiles(l Found, opt Files) (*datasets.Data, error) {
	where, train, test := l.Where, l.Train, l.Test
	all := train
	if len(test) > 0 {
		all = slices.Concat(train, test)
	}
	opt.Memory = keepable(opt.Memory, room.Left())
	got := opt.survey(all)
	d := &datasets.Data{Skipped: l.Skipped, Notes: append(l.Notes, l.Others.Notes()...)}
	for i, err := range got.errs {
		if err != nil {
			d.Skipped = append(d.Skipped, datasets.Skip{Name: all[i].Name, Err: err})
		}
	}
	if len(d.Skipped) > opt.MaxSkipped {
		return nil, fmt.Errorf("datasets: %s: %d of %d images are refused, max_skipped allows %d: %s",
			where, len(d.Skipped), len(all)+len(l.Skipped), opt.MaxSkipped, datasets.ListSkips(d.Skipped, 3))
	}
	got.unify(&opt)
	workers := &sync.Pool{New: func() any { return opt.worker() }}
	held := got.held(len(train), all, l.Split)
	set := func(tested bool) (*fileSet, error) {
		s := &fileSet{classes: l.Classes, opt: opt, workers: workers}
		keep := func(i int) bool { return got.errs[i] == nil && held[i] == tested }
		var err error
		if s.files, err = newFileIndex(all, keep); err != nil {
			return nil, fmt.Errorf("datasets: %s: %w", where, err)
		}
		if what := map[bool]string{false: "training", true: "test"}[tested]; s.Len() == 0 && len(d.Skipped) > 0 &&
			(!tested || len(test) > 0) {
			return nil, fmt.Errorf("datasets: %s: every %s image is refused: %s", where, what,
				datasets.ListSkips(d.Skipped, 3))
		}
		s.shapes, s.sums = make([]shape, 0, s.Len()), make([]uint32, 0, s.Len())
		for i := range all {
			if !keep(i) {
				continue
			}
			s.shapes = append(s.shapes, got.shapes[i])
			s.sums = append(s.sums, got.sums[i])
			if got.images != nil {
				s.images = append(s.images, got.images[i])
			}
		}
		return s, nil
	}
	tr, err := set(false)
	if err != nil {
		return nil, err
	}
	if err := emptied(where, tr, train, d.Skipped); err != nil {
		return nil, err
	}
	d.Train = tr
	if slices.Contains(held, true) {
		if d.Test, err = set(true); err != nil {
			return nil, err
		}
	}
	return d, d.Check(where)
}

// held says which files are of the test set: those from a place on, or, where there are none, the share of a split of
// those that decode.
func (v *survey) held(from int, all []disk.File, split *datasets.Split) []bool {
	held := make([]bool, len(all))
	for i := from; i < len(all); i++ {
		held[i] = true
	}
	if from < len(all) || split == nil {
		return held
	}
	var classes []string
	var rows []int
	for i, f := range all {
		if v.errs[i] == nil {
			classes, rows = append(classes, f.Class), append(rows, i)
		}
	}
	for k, h := range split.Held(classes) {
		held[rows[k]] = h
	}
	return held
}

// emptied refuses a training set that lost every image of a class.
func emptied(where string, s *fileSet, files []disk.File, skipped []datasets.Skip) error {
	if len(skipped) == 0 || s.Len() == 0 {
		return nil
	}
	left := make([]int, len(s.classes))
	for _, label := range s.files.label {
		if label >= 0 {
			left[label]++
		}
	}
	for _, f := range files {
		if f.Label >= 0 && left[f.Label] == 0 {
			return fmt.Errorf("datasets: %s: every training image of class %q is refused: %s", where,
				s.classes[f.Label], datasets.ListSkips(skipped, 3))
		}
	}
	return nil
}

// survey is what a look at every file found; entry i belongs to file i.
type survey struct {
	shapes []shape
	sums   []uint32 // checksums of the files' bytes
	errs   []error
	images []datasets.Image // nil where they do not fit the memory
}

// survey decodes every file, or reads its header where the settings allow it and the images will not be kept.
func (s *Files) survey(files []disk.File) *survey {
	got := &survey{shapes: make([]shape, len(files)), sums: make([]uint32, len(files)), errs: make([]error, len(files))}
	if !s.Verify {
		s.each(files, func(i int, w *worker) {
			got.shapes[i], got.errs[i] = s.header(&files[i], w)
			got.sums[i] = crc32.Checksum(w.bytes, datasets.Castagnoli)
		})
		if got.bytes() > int64(s.Memory) {
			return got
		}
	}
	images := make([]datasets.Image, len(files))
	var kept atomic.Int64 // counts on when it has passed the limit, so that the outcome does not depend on the order
	s.each(files, func(i int, w *worker) {
		got.errs[i] = s.image(&files[i], w, &w.out)
		if got.errs[i] != nil {
			return
		}
		got.sums[i] = crc32.Checksum(w.bytes, datasets.Castagnoli)
		m := &w.out
		got.shapes[i] = shape{int32(m.H), int32(m.W), int32(m.C)}
		if kept.Add(int64(len(m.Pix))) <= int64(s.Memory) {
			images[i] = datasets.Image{H: m.H, W: m.W, C: m.C, Pix: bytes.Clone(m.Pix)}
		}
	})
	if kept.Load() <= int64(s.Memory) {
		got.images = images
	}
	return got
}

// each calls do for every file, on every core.
func (s *Files) each(files []disk.File, do func(i int, w *worker)) {
	if s.progress == nil {
		datasets.ParallelWith(len(files), s.worker, do)
		return
	}
	var done atomic.Int64
	datasets.ParallelWith(len(files), s.worker, func(i int, w *worker) {
		do(i, w)
		s.progress(int(done.Add(1)), len(files))
	})
}

// bytes is the size of all decoded images.
func (v *survey) bytes() (n int64) {
	for _, s := range v.shapes {
		n += int64(s.h) * int64(s.w) * int64(s.c)
	}
	return n
}

// unify gives every image the same number of channels, three where one has three and the recipe leaves it open, and
// lets go of images that no longer fit.
func (v *survey) unify(s *Files) {
	if s.Channels == 0 {
		s.Channels = 1
		for _, one := range v.shapes {
			s.Channels = max(s.Channels, int(one.c))
		}
	}
	for i := range v.shapes {
		if v.shapes[i].c != 0 { // a file that is refused has none
			v.shapes[i].c = int32(s.Channels)
		}
	}
	if v.bytes() > int64(s.Memory) {
		v.images = nil
	}
	for i := range v.images {
		if v.images[i].C != 0 {
			v.images[i].Convert(s.Channels)
		}
	}
}

// NumberClasses gives every file the number of its class, or -1 where that is empty.
func NumberClasses(train, test []disk.File) ([]string, error) {
	list := func(files []disk.File) []string {
		classes := make([]string, len(files))
		for i, f := range files {
			classes[i] = f.Class
		}
		return classes
	}
	classes, err := datasets.ClassNames(list(train), list(test))
	for _, files := range [][]disk.File{train, test} {
		for i := range files {
			files[i].Label = datasets.ClassIndex(classes, files[i].Class)
		}
	}
	return classes, err
}
