package datasets

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"

	"selfsup/datasets/resample"
)

// file is an image not yet decoded.
type file struct {
	name  string
	class string // empty: unlabelled
	read  func() ([]byte, error)
}

// decodeOptions says what becomes of a file.
type decodeOptions struct {
	channels  int // 1, 3, or 0: grey where every file is grey, else colour
	maxPixels int // larger headers are refused before memory is taken
	resize    int // square side in pixels; 0 keeps each size
	maxBad    int // files that may fail
}

const defaultMaxPixels = 64 << 20

// openFiles decodes both lists in parallel. where begins the errors; test may be empty.
func openFiles(where string, train, test []file, opt decodeOptions) (*Data, error) {
	classes, err := classNames(where, train, test)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(train, test)
	images, errs := opt.decodeAll(all)

	d := &Data{}
	for i, err := range errs {
		if err != nil {
			d.Skipped = append(d.Skipped, Skip{all[i].name, err})
		}
	}
	if len(d.Skipped) > opt.maxBad {
		return nil, fmt.Errorf("datasets: %s: %d of %d images do not decode, max_bad allows %d: %s",
			where, len(d.Skipped), len(all), opt.maxBad, listSkips(d.Skipped, 3))
	}
	opt.unify(images)

	set := func(files []file, images []Image, errs []error) *Memory {
		m := &Memory{Class: classes, Origin: where}
		for i, f := range files {
			if errs[i] != nil {
				continue
			}
			label := -1
			if f.class != "" {
				label, _ = slices.BinarySearch(classes, f.class)
			}
			m.Images, m.Names, m.Labels = append(m.Images, images[i]), append(m.Names, f.name), append(m.Labels, label)
		}
		return m
	}
	n := len(train)
	d.Train = set(train, images[:n], errs[:n])
	if len(test) > 0 {
		d.Test = set(test, images[n:], errs[n:])
	}
	return d, d.check(where)
}

// classNames is the sorted classes of the training files, or of the test files where the training files have none.
// A class only the test files have is an error: nothing could learn it.
func classNames(where string, train, test []file) ([]string, error) {
	names := func(files []file) []string {
		var s []string
		for _, f := range files {
			if f.class != "" {
				s = append(s, f.class)
			}
		}
		slices.Sort(s)
		return slices.Compact(s)
	}
	classes := names(train)
	tested := names(test)
	if len(classes) == 0 {
		return tested, nil
	}
	for _, c := range tested {
		if _, ok := slices.BinarySearch(classes, c); !ok {
			return nil, fmt.Errorf("datasets: %s: class %q of the test set is not a class of the training set %q", where, c, classes)
		}
	}
	return classes, nil
}

// listSkips names the first few.
func listSkips(s []Skip, few int) string {
	var b strings.Builder
	for i, k := range s {
		if i == few {
			fmt.Fprintf(&b, "; and %d more", len(s)-few)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %v", k.Name, k.Err)
	}
	return b.String()
}

// decodeAll decodes files on every core; result i and error i belong to file i.
func (o decodeOptions) decodeAll(files []file) ([]Image, []error) {
	images, errs := make([]Image, len(files)), make([]error, len(files))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var r resample.Resampler
			for i := int(next.Add(1)) - 1; i < len(files); i = int(next.Add(1)) - 1 {
				b, err := files[i].read()
				if err == nil {
					images[i], err = o.decode(b, &r)
				}
				errs[i] = err
			}
		}()
	}
	wg.Wait()
	return images, errs
}

// decode turns the bytes of a file into pixels. Transparent pixels are laid on white (PIL's convert("RGB"), which torchvision's
// ImageFolder calls, shows the colour stored under them instead).
func (o decodeOptions) decode(b []byte, r *resample.Resampler) (m Image, err error) {
	defer func() {
		// The decoders read untrusted bytes.
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder panicked: %v", p)
		}
	}()
	cfg, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return m, fmt.Errorf("%d bytes: %w (expected png, jpeg, gif, bmp, tiff or webp)", len(b), err)
	}
	if cfg.Width <= 0 || cfg.Height <= 0 || cfg.Width > o.maxPixels/cfg.Height {
		return m, fmt.Errorf("%s header says %dx%d pixels, expected 1 to max_pixels = %d", format, cfg.Width, cfg.Height, o.maxPixels)
	}
	src, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return m, fmt.Errorf("%s %dx%d: %w", format, cfg.Width, cfg.Height, err)
	}
	if src.Bounds().Empty() {
		return m, fmt.Errorf("%s %dx%d: no pixels", format, cfg.Width, cfg.Height)
	}
	m = pixels(src)
	if o.channels != 0 {
		m = m.withChannels(o.channels)
	}
	if o.resize > 0 {
		m = m.square(o.resize, r)
	}
	return m, nil
}

// pixels copies any image: grey ones as one channel, others as three.
func pixels(src image.Image) Image {
	bounds := src.Bounds()
	w, h := bounds.Dx(), bounds.Dy()
	if g, ok := src.(*image.Gray); ok {
		m := Image{H: h, W: w, C: 1, Pix: make([]byte, h*w)}
		for y := range h {
			copy(m.Pix[y*w:(y+1)*w], g.Pix[y*g.Stride:])
		}
		return m
	}
	rgba := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(rgba, rgba.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(rgba, rgba.Rect, src, bounds.Min, draw.Over)
	if src.ColorModel() == color.Gray16Model {
		m := Image{H: h, W: w, C: 1, Pix: make([]byte, h*w)}
		for i := range m.Pix {
			m.Pix[i] = rgba.Pix[4*i]
		}
		return m
	}
	m := Image{H: h, W: w, C: 3, Pix: make([]byte, h*w*3)}
	for i := range h * w {
		copy(m.Pix[3*i:3*i+3], rgba.Pix[4*i:])
	}
	return m
}

// withChannels converts to grey (Rec. 601 luma in PIL's fixed point) or repeats grey as colour.
func (m Image) withChannels(c int) Image {
	if m.C == c {
		return m
	}
	to := Image{H: m.H, W: m.W, C: c, Pix: make([]byte, m.H*m.W*c)}
	for i := range m.H * m.W {
		if c == 1 {
			r, g, b := int(m.Pix[3*i]), int(m.Pix[3*i+1]), int(m.Pix[3*i+2])
			to.Pix[i] = byte((19595*r + 38470*g + 7471*b + 1<<15) >> 16)
		} else {
			v := m.Pix[i]
			to.Pix[3*i], to.Pix[3*i+1], to.Pix[3*i+2] = v, v, v
		}
	}
	return to
}

// square resizes the shorter side to size and keeps the centre [size,size,C].
func (m Image) square(size int, r *resample.Resampler) Image {
	if m.H == size && m.W == size {
		return m
	}
	job := resample.Center(m.H, m.W, size)
	job.Src, job.Width, job.Channels = m.Pix, m.W, m.C
	f := make([]float32, size*size*m.C)
	r.Run(f, job)
	to := Image{H: size, W: size, C: m.C, Pix: make([]byte, len(f))}
	for i, v := range f {
		to.Pix[i] = byte(math.Round(float64(min(max(v, 0), 1) * 255)))
	}
	return to
}

// unify gives every image the same number of channels: three where one has three and the recipe leaves it open.
func (o decodeOptions) unify(images []Image) {
	if o.channels != 0 {
		return
	}
	c := 1
	for i := range images {
		c = max(c, images[i].C)
	}
	for i := range images {
		if images[i].C != 0 { // a file that did not decode has none
			images[i] = images[i].withChannels(c)
		}
	}
}
