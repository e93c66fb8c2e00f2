package encoder

import (
	"fmt"
	"image"
	"runtime"
	"slices"
	"sync"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/images/codec"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
)

// Encoder makes features of samples. Any number of goroutines may use it at once.
//
// A graph is compiled for one size of batch, so that an Encoder has programs of several sizes over one set of weights.
// A call takes a program that no other has, and more are compiled as they are needed. The features of a sample do not
// depend on those beside it, but for last bits: programs of different sizes sum in different orders.
type Encoder struct {
	config Config
	field  feed.Field
	kind   feed.Kind
	frozen Frozen
	store  *graph.Store
	dim    int

	slots chan struct{} // one for each program that may run
	mu    sync.Mutex
	free  map[int][]*program // compiled and not in use, by size
}

// sizes are the batches that programs are compiled for, the largest first.
var sizes = []int{64, 16, 4, 1}

// program is the encoder for one size of batch.
type program struct {
	*graph.Program
	in, out ir.Array
}

// begin makes room for programs.
func (e *Encoder) begin(o Options) error {
	n := o.Programs
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if n < 1 {
		return fmt.Errorf("Options.Programs = %d; want 1 or more, or 0 for one a core", n)
	}
	e.slots, e.free = make(chan struct{}, n), map[int][]*program{}
	return nil
}

// take waits for a slot and returns a program of a size.
func (e *Encoder) take(size int) (*program, error) {
	e.slots <- struct{}{}
	e.mu.Lock()
	defer e.mu.Unlock()
	if free := e.free[size]; len(free) > 0 {
		p := free[len(free)-1]
		e.free[size] = free[:len(free)-1]
		return p, nil
	}
	p, err := e.compile(size)
	if err != nil {
		<-e.slots
	}
	return p, err
}

// give gives a program back.
func (e *Encoder) give(p *program) {
	e.mu.Lock()
	size := p.in.Shape[0]
	e.free[size] = append(e.free[size], p)
	e.mu.Unlock()
	<-e.slots
}

// compile makes a program of a size.
func (e *Encoder) compile(size int) (*program, error) {
	g, err := e.frozen.Graph(size)
	if err != nil {
		return nil, err
	}
	p := &program{}
	if p.Program, err = g.CompileOver(device.Host(), e.store); err != nil {
		return nil, err
	}
	if p.in, err = p.Input(e.field.Name); err != nil {
		return nil, err
	}
	p.out, err = p.Output(Output)
	return p, err
}

// Config describes the encoder.
func (e *Encoder) Config() Config { return e.config }

// Dim is how many numbers the features of a sample have.
func (e *Encoder) Dim() int { return e.dim }

// Columns describes the columns of the rows that it takes, in order; nil of other encoders.
func (e *Encoder) Columns() []datasets.Column { return e.config.Columns() }

// run makes the features of n samples. fill writes those of a block to the beginning of a program's input, and name
// names a sample.
func (e *Encoder) run(n int, fill func(in ir.Array, from, to int) error, name func(i int) string) ([][]float32,
	error) {
	all := make([]float32, n*e.dim)
	for from := 0; from < n; {
		size := sizes[slices.IndexFunc(sizes, func(s int) bool { return s <= n-from })]
		if err := e.block(size, all, from, fill); err != nil {
			return nil, err
		}
		from += size
	}
	list := make([][]float32, n)
	for i := range list {
		list[i] = all[i*e.dim : (i+1)*e.dim : (i+1)*e.dim]
		if at := slices.IndexFunc(list[i], func(v float32) bool { return v-v != 0 }); at >= 0 {
			return nil, fmt.Errorf("encoder: the features of %s are not finite: number %d is %v; the sample, or the "+
				"weights, hold such numbers too", name(i), at, list[i][at])
		}
	}
	return list, nil
}

// block makes the features of size samples from a place on.
func (e *Encoder) block(size int, all []float32, from int, fill func(in ir.Array, from, to int) error) error {
	p, err := e.take(size)
	if err != nil {
		return err
	}
	defer e.give(p)
	if err := fill(p.in, from, from+size); err != nil {
		return err
	}
	if err := p.Run(); err != nil {
		return err
	}
	copy(all[from*e.dim:(from+size)*e.dim], p.out.F32)
	return nil
}

// embed makes the features of a set of samples, after a check that it is for them.
func (e *Encoder) embed(set datasets.Labelled) ([][]float32, error) {
	if set.Len() == 0 {
		return nil, nil
	}
	fitting, err := e.config.Fits(set)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	maker := e.kind.Evaluation(fitting)
	return e.run(set.Len(), func(in ir.Array, from, to int) error {
		rows := make([]int32, to-from)
		for i := range rows {
			rows[i] = int32(from + i)
		}
		if err := feed.Fill(maker, e.field.Name, feed.Slot{F32: in.F32, I32: in.I32}, rows, 0); err != nil {
			return fmt.Errorf("encoder: %w", err)
		}
		return nil
	}, fitting.Name)
}

// takes refuses samples of another kind than the encoder's.
func (e *Encoder) takes(kind, method string) error {
	if e.config.Takes() == kind {
		return nil
	}
	return fmt.Errorf("encoder: %s is for encoders of %s, and this one takes %s", method, kind, e.config.Takes())
}

// Embed makes the features of images: a row of Dim numbers for each. Images get the channels that the encoder takes,
// grey or colour; of alpha only the colour counts. The shorter side is resized to the encoder's, and the centre kept,
// as in the run's evaluation.
func (e *Encoder) Embed(images ...image.Image) ([][]float32, error) {
	if err := e.takes(imagesKind, "Embed"); err != nil {
		return nil, err
	}
	set := &datasets.Memory{Images: make([]datasets.Image, len(images)), Origin: "images"}
	for i, m := range images {
		if m == nil || m.Bounds().Empty() {
			return nil, fmt.Errorf("encoder: image %d of %d has no pixels", i, len(images))
		}
		if err := codec.FromImage(&set.Images[i], m, e.config.Channels); err != nil {
			return nil, fmt.Errorf("encoder: image %d: %w", i, err)
		}
	}
	return e.embed(set)
}

// EmbedFiles is Embed of image files (PNG, JPEG, GIF, BMP, WebP, TIFF), which are decoded as those of a training are:
// turned as EXIF says, with PIL's colours.
func (e *Encoder) EmbedFiles(files ...[]byte) ([][]float32, error) {
	if err := e.takes(imagesKind, "EmbedFiles"); err != nil {
		return nil, err
	}
	set := &datasets.Memory{Images: make([]datasets.Image, len(files)), Origin: "files"}
	d := codec.Decoder{Channels: e.config.Channels}
	for i, f := range files {
		if err := d.Decode(f, &set.Images[i]); err != nil {
			return nil, fmt.Errorf("encoder: file %d of %d: %w", i, len(files), err)
		}
	}
	return e.embed(set)
}
