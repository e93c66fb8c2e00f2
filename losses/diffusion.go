package losses

import (
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Diffusion is how an image becomes noise in steps, counted from 0, and how it comes back: Ho et al. 2020, DDPM,
// arXiv:2006.11239, eq. 2 to 7, and Song et al. 2021, DDIM, arXiv:2010.02502, eq. 12, with the tables of
// openai/guided-diffusion. Pixels are from -1 to 1.
type Diffusion struct {
	Betas []float64 // variances that the steps add
	Kept  []float64 // share of the image's variance that is left after each step: products of 1 - beta
}

// NewDiffusion has a schedule of so many steps: linear, from 0.1 to 20 over their number, or cosine (Nichol and
// Dhariwal 2021, arXiv:2102.09672, eq. 17).
func NewDiffusion(schedule string, steps int) (*Diffusion, error) {
	d := &Diffusion{Betas: make([]float64, steps), Kept: make([]float64, steps)}
	if steps < 2 {
		return nil, fmt.Errorf("diffusion: %d steps, want at least 2", steps)
	}
	n := float64(steps)
	kept := 1.0
	for t := range d.Betas {
		switch schedule {
		case "linear":
			d.Betas[t] = (0.1 + (20-0.1)*float64(t)/(n-1)) / n
		case "cosine":
			left := func(u float64) float64 { return math.Pow(math.Cos((u+0.008)/1.008*math.Pi/2), 2) }
			d.Betas[t] = min(1-left((float64(t)+1)/n)/left(float64(t)/n), 0.999)
		default:
			return nil, fmt.Errorf("diffusion: schedule %q, want \"linear\" or \"cosine\"", schedule)
		}
		kept *= 1 - d.Betas[t]
		d.Kept[t] = kept
	}
	return d, nil
}

// Noisy are the factors of image and noise after step t: x_t = image x + noise e.
func (d *Diffusion) Noisy(t int) (image, noise float64) {
	return math.Sqrt(d.Kept[t]), math.Sqrt(1 - d.Kept[t])
}

// before is the share of the image's variance before step t: 1 before the first.
func (d *Diffusion) before(t int) float64 {
	if t <= 0 {
		return 1
	}
	return d.Kept[t-1]
}

// Variance is that of the image before step t when the image and what it is after the step are known; of the first
// step, where it is 0, the second's.
func (d *Diffusion) Variance(t int) float64 {
	t = max(t, 1)
	return d.Betas[t] * (1 - d.before(t)) / (1 - d.Kept[t])
}

// Back is the numbers with which Denoise goes back from x_t: the image is Image x_t - Noise e, cut to [-1,1], and the
// next is OfImage image + OfNow x_t + Fresh z.
type Back struct{ Image, Noise, OfImage, OfNow, Fresh float64 }

// Numbers are those of a Back, in the order of its fields.
func (b Back) Numbers() []float64 { return []float64{b.Image, b.Noise, b.OfImage, b.OfNow, b.Fresh} }

func (d *Diffusion) back(t int) Back {
	return Back{Image: math.Sqrt(1 / d.Kept[t]), Noise: math.Sqrt(1/d.Kept[t] - 1)}
}

// DDPM is one step back, with noise of the posterior's variance, and none at the last.
func (d *Diffusion) DDPM(t int) Back {
	b := d.back(t)
	left := 1 - d.Kept[t]
	b.OfImage = d.Betas[t] * math.Sqrt(d.before(t)) / left
	b.OfNow = (1 - d.before(t)) * math.Sqrt(1-d.Betas[t]) / left
	if t > 0 {
		b.Fresh = math.Sqrt(d.Variance(t))
	}
	return b
}

// DDIM goes back from step t to where step to begins, to = 0 being the image, with eta times the noise of DDPM: 0 is
// none.
func (d *Diffusion) DDIM(t, to int, eta float64) Back {
	b, before := d.back(t), d.before(to)
	b.Fresh = eta * math.Sqrt((1-before)/(1-d.Kept[t])) * math.Sqrt(max(1-d.Kept[t]/before, 0))
	onNoise := math.Sqrt(max(1-before-b.Fresh*b.Fresh, 0)) // times (Image x_t - image) / Noise
	b.OfImage = math.Sqrt(before) - onNoise/b.Noise
	b.OfNow = onNoise * b.Image / b.Noise
	return b
}

// Denoise goes back from x [N,...], whose noise is guessed to be e: the next, and the image as it is guessed. back
// [N,5] is the numbers of a Back for each, z fresh noise.
func Denoise(x, e, z, back *graph.Node) (next, image *graph.Node) {
	shape := make([]int, len(op.ShapeOf(x)))
	for i := range shape {
		shape[i] = 1
	}
	shape[0] = op.ShapeOf(x)[0]
	number := func(k int) *graph.Node { return op.Reshape(op.Slice(back, 1, k, k+1), shape...) }
	image = op.Sub(op.Mul(x, number(0)), op.Mul(e, number(1)))
	image = layer.AtMost(layer.AtLeast(image, -1), 1)
	return op.Add(op.Add(op.Mul(image, number(2)), op.Mul(x, number(3))), op.Mul(z, number(4))), image
}
