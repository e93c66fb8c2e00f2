package experiment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/losses"
	"selfsup/recipes"
	"selfsup/setting"
)

// DecodeOptions say how a representation is turned back into images.
type DecodeOptions struct {
	Best      bool // the best checkpoint instead of the newest
	Steps     int  // of the diffusion model's training; a longer one goes on with a shorter
	Batch     int  // images of one
	Noises    int  // steps from an image to noise
	Schedule  string
	Rate      float64 // learning rate of AdamW
	Widths    []int   // of the U-Net's levels
	Images    int     // test images whose representations are decoded
	Samples   int     // of each
	Sampler   string  // ddim, without fresh noise | ddpm, through all steps
	Back      int     // steps of ddim
	Projector int     // layers of the projector that are decoded too; below 0: all; 0: the backbone alone
	Output    string  // sheet to draw, a PNG file
}

// DefaultDecode takes minutes for small images.
func DefaultDecode() DecodeOptions {
	return DecodeOptions{Steps: 2000, Batch: 64, Noises: 250, Schedule: "cosine", Rate: 1e-3, Widths: []int{32, 64, 64},
		Images: 6, Samples: 6, Sampler: "ddim", Back: 50, Projector: -1}
}

// Validate checks the options.
func (o *DecodeOptions) Validate() error {
	bad := []error{setting.Least("steps", o.Steps, 1), setting.Least("batch", o.Batch, 2),
		setting.Least("images", o.Images, 1), setting.Least("samples", o.Samples, 2), setting.Positive("rate", o.Rate)}
	if _, err := losses.NewDiffusion(o.Schedule, o.Noises); err != nil {
		bad = append(bad, err)
	}
	if o.Sampler != "ddim" && o.Sampler != "ddpm" {
		bad = append(bad, setting.Bad("sampler", "%q: want \"ddim\" or \"ddpm\"", o.Sampler))
	}
	if o.Back < 1 || o.Back > o.Noises {
		bad = append(bad, setting.Bad("back", "%d: want 1 to %d steps", o.Back, o.Noises))
	}
	return errors.Join(bad...)
}

// Decoded is what a representation keeps of images, by what is not the same in images that are made of it.
type Decoded struct {
	Representation string    `json:"representation"` // backbone, projector layer 2
	Numbers        int       `json:"numbers"`        // of a representation
	Loss           float64   `json:"loss"`           // mean of the last hundred steps
	Variance       []float64 `json:"variance"`       // of each image: of its samples, mean over pixels from 0 to 1
	ToImage        float64   `json:"to_image"`       // root of the mean square of sample and image that it is made of
	// the same of a sample and the nearest training image, and of a test image and its nearest: a sample that is a copy
	// is nearer
	ToNearest float64 `json:"to_nearest"`
	Usual     float64 `json:"usual"`
}

// MeanVariance is over the images.
func (d *Decoded) MeanVariance() (mean float64) {
	for _, v := range d.Variance {
		mean += v / float64(len(d.Variance))
	}
	return mean
}

func (d *Decoded) String() string {
	return fmt.Sprintf("%s (%d numbers): variance of samples %.4f; from the image %.3f, from the nearest training "+
		"image %.3f, where test images are %.3f from theirs; loss %.4f", d.Representation, d.Numbers, d.MeanVariance(),
		d.ToImage, d.ToNearest, d.Usual, d.Loss)
}

// Decode trains a small diffusion model to make the images of a run's training set from what the frozen encoder says of
// them, of the backbone and of its projector, and draws samples for test images. What a representation does not hold
// differs from sample to sample. The models have folders of their own below the run, decode/backbone and
// decode/projector, and go on there where they were interrupted; nothing else in the run changes.
//
// Bordes, Balestriero and Vincent 2021, RCDM, arXiv:2112.09164; section 3.7.4 of the Cookbook.
func Decode(dir string, do DecodeOptions, c recipes.Catalog, o Options) ([]*Decoded, error) {
	if err := do.Validate(); err != nil {
		return nil, &RecipeError{"decode", err}
	}
	f := &folder.Folder{Path: filepath.Clean(dir)}
	s, st, m, err := openEncoder(f, do.Best, o, c)
	if err != nil {
		return nil, err
	}
	defer s.shown.Clear()
	if s.Views == nil || s.Noun() != "images" {
		return nil, &RecipeError{"decode", fmt.Errorf("the samples of this run are %s; want a run on images", s.Noun())}
	}
	net := &backbones.UNet{Widths: do.Widths, Blocks: 1, Groups: 8}
	if err := net.Check(s.Views.Height, s.Views.Width); err != nil {
		return nil, &RecipeError{"decode", err}
	}
	path, widths := s.projector.Asked()
	if n := do.Projector; n > len(widths) {
		return nil, &RecipeError{"decode", fmt.Errorf("projector = %d: the projector of [method.%s] has %d layers", n,
			s.Recipe.Method.Name, len(widths))}
	} else if n < 0 {
		do.Projector = len(widths)
	}
	above, _ := backbones.ScopeAbove(s.encoderScope())
	if path != "" && strings.TrimSuffix(path, "projector") != above || s.encodedAt.student != "" {
		do.Projector = 0 // of another encoder than the one that is evaluated
	}
	var all []*Decoded
	var drawn []*decoder
	for _, layers := range []int{0, do.Projector} {
		if layers == 0 && len(drawn) > 0 {
			break
		}
		d := &decoder{Setup: s, o: do, net: net, layers: layers, folder: f, identity: fmt.Sprintf(
			"%s step %d: %v %d %s %d %g velocity, %d layers", s.Recipe.ID(), m.Step, do.Widths, do.Noises, do.Schedule,
			do.Batch, decodeAverage, layers)}
		if d.noise, err = losses.NewDiffusion(do.Schedule, do.Noises); err != nil {
			return nil, err
		}
		if err := d.decode(context.Background(), st); err != nil {
			return nil, fmt.Errorf("decode: %s: %s: %w", dir, d.name(), err)
		}
		all, drawn = append(all, d.out), append(drawn, d)
	}
	if do.Output != "" {
		return all, drawDecoded(do.Output, s, drawn)
	}
	return all, nil
}

// decoder is the decoding of a representation under way.
type decoder struct {
	*Setup
	o        DecodeOptions
	net      *backbones.UNet
	noise    *losses.Diffusion
	layers   int // of the projector; 0: the backbone
	folder   *folder.Folder
	identity string

	learn, test features  // representations
	pixels      []float32 // training images, from -1 to 1
	images      []float32 // test images that are decoded
	samples     []float32 // of each image
	nearest     []float32 // training images, each nearest to an image's first sample
	out         *Decoded
}

func (d *decoder) name() string {
	if d.layers == 0 {
		return "backbone"
	}
	return "projector"
}

// size is the numbers of an image.
func (d *decoder) size() int { return d.Views.Size() }

func (d *decoder) decode(ctx context.Context, st *graph.Store) error {
	if err := d.represent(ctx, st); err != nil {
		return err
	}
	d.out = &Decoded{Representation: d.name(), Numbers: d.learn.dim}
	if d.layers > 0 {
		d.out.Representation = fmt.Sprintf("projector layer %d", d.layers)
	}
	model, err := d.train(ctx)
	if err != nil {
		return err
	}
	if err := d.sample(ctx, model); err != nil {
		return err
	}
	d.measure()
	return nil
}

// decodedTraining is how many training images the models learn, at most.
const decodedTraining = 20000

// represent makes the representations of the training images and of some test images, and their pixels.
func (d *decoder) represent(ctx context.Context, st *graph.Store) error {
	g, err := d.EmbedGraph()
	if d.layers > 0 {
		g, err = d.projectedGraph(d.layers)
	}
	if err != nil {
		return err
	}
	run, err := d.overBy(st, g, false)
	if err != nil {
		return err
	}
	seed := uint64(d.Recipe.Seed)
	train, test := some(d.Seen, decodedTraining, seed, "decoded"), d.Data.Test
	if test == nil {
		test = d.Seen
	}
	test = some(test, d.o.Images, seed, "decoded")
	for _, of := range []struct {
		set    datasets.Labelled
		to     *features
		pixels *[]float32
	}{{train, &d.learn, &d.pixels}, {test, &d.test, &d.images}} {
		if *of.to, err = run(ctx, of.set, d.Kind.Evaluation(of.set), func(int32) uint64 { return seed }); err != nil {
			return err
		}
		n := of.set.Len()
		rows := make([]int32, n)
		for i := range rows {
			rows[i] = int32(i)
		}
		*of.pixels = make([]float32, n*d.size())
		if err := d.Views.RawBatch(*of.pixels, of.set.(datasets.Set), rows); err != nil {
			return &DataError{err}
		}
		for i, v := range *of.pixels {
			(*of.pixels)[i] = 2*v - 1
		}
	}
	standardised(d.learn.x, d.test.x, d.learn.dim)
	return nil
}

// standardised scales each number of representations to mean 0 and variance 1 over those of the training; one that does
// not differ there becomes 0.
func standardised(train, test []float32, dim int) {
	n := float64(len(train) / dim)
	for k := range dim {
		sum, squares := 0.0, 0.0
		for i := k; i < len(train); i += dim {
			sum += float64(train[i])
		}
		mean := sum / n
		for i := k; i < len(train); i += dim {
			squares += (float64(train[i]) - mean) * (float64(train[i]) - mean)
		}
		scale := math.Sqrt(squares / n)
		if scale > 1e-6*math.Abs(mean) {
			scale = 1 / scale
		} else {
			scale = 0
		}
		for _, x := range [][]float32{train, test} {
			for i := k; i < len(x); i += dim {
				x[i] = float32((float64(x[i]) - mean) * scale)
			}
		}
	}
}

// guess is the velocity of images x [N,H,W,C] after steps [N], by representations [N,E]: a noise - b image of x = a
// image + b noise, which tells the image where there is next to nothing of it in x. Salimans and Ho 2022,
// arXiv:2202.00512, app. D; RCDM's network tells the noise, whose errors are then multiplied by b/a: with few steps
// that gives the first image, and so its colours, to chance.
func (d *decoder) guess(g *graph.Scope, n int) (x, velocity *graph.Node) {
	v := d.Views
	x = g.Input("x", n, v.Height, v.Width, v.Channels)
	return x, d.net.New(g.In("unet"), v.Channels, d.learn.dim)(x, g.Input("step", n), g.Input("what", n, d.learn.dim))
}

// decodeSave is how many steps lie between two checkpoints of a model.
const decodeSave = 200

// decodeAverage is the momentum of the moving averages of the weights, with which samples are made: those of the last
// step alone give images a tint.
const decodeAverage = 0.999

// train trains the model, or goes on with what its folder has, and returns its Store, in which averages have replaced
// the weights.
func (d *decoder) train(ctx context.Context) (*graph.Store, error) {
	dir := d.folder.File(filepath.Join("decode", d.name()))
	st, m, warning, err := checkpoint.Latest(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if warning != "" {
		d.shown.Say("warning: %s", warning)
	}
	if st != nil && m.Recipe != d.identity {
		return nil,
			&DataError{fmt.Errorf("%s holds a model of other settings (%s, and now %s); remove it, or decode with "+
				"those", dir, m.Recipe, d.identity)}
	}
	if st == nil {
		st = d.newStore()
	}
	n := min(d.o.Batch, len(d.learn.y))
	g, err := graph.Build(graph.Options{Training: true}, func(g *graph.Scope) {
		_, guess := d.guess(g, n)
		loss := losses.MSE(guess, g.Input("velocity", op.ShapeOf(guess)...))
		rule := optim.DefaultAdamW()
		h := optim.Hyper{Decay: g.Scheduled("decay", graph.Constantly(0)), Step: g.Scheduled("step_count",
			optim.CountSteps),
			Rate: g.Scheduled("rate", func(t graph.Time) float64 { return d.o.Rate * min(1, float64(t.Step+1)/100) })}
		optim.Apply(g, rule, loss, g.Params(), h, optim.Training{Treat: optim.PlainOnly(g), Clip: 1})
		g.In("unet").Average(averageScope, g.Scheduled("momentum", averageMomentum(decodeAverage)))
		g.Output(LossOutput, loss)
	})
	if err != nil {
		return nil, err
	}
	p, err := g.Compile(d.Device, st)
	if err != nil {
		return nil, err
	}
	in := p.Inputs()
	loss, err := p.Output(LossOutput)
	if err != nil {
		return nil, err
	}
	size, sum, counted := d.size(), 0.0, 0
	for step := m.Step; step < d.o.Steps; step++ {
		d.telling("decoding "+d.name(), step, d.o.Steps)
		r := graph.Rand(uint64(d.Recipe.Seed), fmt.Sprintf("decode/%d", step))
		for i := range n {
			row, t := r.IntN(len(d.learn.y)), r.IntN(d.o.Noises)
			image, noise := d.noise.Noisy(t)
			in["step"].F32[i] = float32(t)
			copy(in["what"].F32[i*d.learn.dim:], d.learn.x[row*d.learn.dim:(row+1)*d.learn.dim])
			for k := range size {
				e, v := float32(r.NormFloat64()), d.pixels[row*size+k]
				in["velocity"].F32[i*size+k] = float32(image)*e - float32(noise)*v
				in["x"].F32[i*size+k] = float32(image)*v + float32(noise)*e
			}
		}
		p.Schedule(graph.Time{Step: step, Steps: d.o.Steps, PerEpoch: d.o.Steps})
		if err := p.Run(); err != nil {
			return nil, err
		}
		v := loss.At(0)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("the loss is %v at step %d; want a smaller rate than %v", v, step, d.o.Rate)
		}
		if step >= d.o.Steps-100 {
			sum, counted = sum+v, counted+1
		}
		if done := step + 1; done%decodeSave == 0 || done == d.o.Steps {
			if err := p.Sync(); err != nil {
				return nil, err
			}
			if err := checkpoint.Save(dir, st, checkpoint.Meta{Step: done, Recipe: d.identity,
				Seed: st.Seed}); err != nil {
				return nil, err
			}
		}
	}
	d.out.Loss = sum / float64(max(counted, 1))
	mean, _, err := averaged(recipes.EMAWeights, dir, st, d.o.Steps)
	return mean, err
}

// sample makes images of the representations of the test images, by noises that are the same for every representation.
func (d *decoder) sample(ctx context.Context, st *graph.Store) error {
	n, size := len(d.test.y)*d.o.Samples, d.size()
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		x, velocity := d.guess(g, n)
		image, noise := g.Input("image", n, 1, 1, 1), g.Input("noise", n, 1, 1, 1)
		guess := op.Add(op.Mul(velocity, image), op.Mul(x, noise)) // as image^2 + noise^2 = 1
		next, _ := losses.Denoise(x, guess, g.Input("fresh", op.ShapeOf(x)...), g.Input("back", n, 5))
		g.Output("next", next)
	})
	if err != nil {
		return err
	}
	p, err := g.CompileOver(d.Device, st)
	if err != nil {
		return err
	}
	in := p.Inputs()
	next, err := p.Output("next")
	if err != nil {
		return err
	}
	r := graph.Rand(uint64(d.Recipe.Seed), "decode/samples")
	normal := func(to []float32, r *rand.Rand) {
		for i := range to {
			to[i] = float32(r.NormFloat64())
		}
	}
	normal(in["x"].F32, r)
	for i := range n {
		copy(in["what"].F32[i*d.learn.dim:], d.test.x[i/d.o.Samples*d.learn.dim:][:d.learn.dim])
	}
	way := d.way()
	for k, s := range way {
		d.telling("sampling by "+d.name(), k, len(way))
		numbers := s.back.Numbers()
		image, noise := d.noise.Noisy(s.at)
		for i := range n {
			in["step"].F32[i] = float32(s.at)
			in["image"].F32[i], in["noise"].F32[i] = float32(image), float32(noise)
			for j, v := range numbers {
				in["back"].F32[5*i+j] = float32(v)
			}
		}
		if s.back.Fresh > 0 {
			normal(in["fresh"].F32, r)
		}
		if err := p.Run(); err != nil {
			return err
		}
		copy(in["x"].F32, next.F32)
	}
	d.samples = make([]float32, n*size)
	copy(d.samples, next.F32)
	return nil
}

// stepBack is a step of a sampler.
type stepBack struct {
	at   int
	back losses.Back
}

// way is the sampler's steps from noise to image.
func (d *decoder) way() (all []stepBack) {
	if d.o.Sampler == "ddpm" {
		for t := d.o.Noises - 1; t >= 0; t-- {
			all = append(all, stepBack{t, d.noise.DDPM(t)})
		}
		return all
	}
	for k := d.o.Back - 1; k >= 0; k-- { // evenly from the last step on
		t, before := (k+1)*d.o.Noises/d.o.Back-1, k*d.o.Noises/d.o.Back
		all = append(all, stepBack{t, d.noise.DDIM(t, before, 0)})
	}
	return all
}

// measure says how samples differ among each other, from their image and from training images.
func (d *decoder) measure() {
	size := d.size()
	at := func(x []float32, i int) []float32 { return x[i*size : (i+1)*size] }
	nearest := func(x []float32) (best int, away float64) {
		away = math.Inf(1)
		for i := range len(d.pixels) / size {
			if v := apart(at(d.pixels, i), x); v < away {
				best, away = i, v
			}
		}
		return best, away
	}
	images := len(d.test.y)
	for i := range images {
		variance := 0.0
		for k := range size {
			sum, squares := 0.0, 0.0
			for j := range d.o.Samples {
				v := (float64(d.samples[(i*d.o.Samples+j)*size+k]) + 1) / 2
				sum, squares = sum+v, squares+v*v
			}
			n := float64(d.o.Samples)
			variance += max(squares-sum*sum/n, 0) / (n - 1)
		}
		d.out.Variance = append(d.out.Variance, variance/float64(size))
		for j := range d.o.Samples {
			d.out.ToImage += apart(at(d.samples, i*d.o.Samples+j), at(d.images, i)) / float64(images*d.o.Samples)
		}
		best, away := nearest(at(d.samples, i*d.o.Samples))
		d.nearest = append(d.nearest, at(d.pixels, best)...)
		d.out.ToNearest += away / float64(images)
		_, away = nearest(at(d.images, i))
		d.out.Usual += away / float64(images)
	}
}

// apart is the root of the mean square of the difference of images, in pixels from 0 to 1.
func apart(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		e := float64(v-b[i]) / 2
		sum += e * e
	}
	return math.Sqrt(sum / float64(len(a)))
}
