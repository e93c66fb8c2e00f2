package losses

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// Tables, noisy images, the loss of guessed noise, and a step back by both samplers.
func TestGoldenDiffusion(t *testing.T) {
	f := golden.Load(t, "origins/diffusion_ddpm")
	d, err := NewDiffusion(golden.Param[string](t, f, "schedule"), golden.Param[int](t, f, "timesteps"))
	if err != nil {
		t.Fatal(err)
	}
	tol := f.Tolerance(false, 0)
	golden.Compare(t, "betas", d.Betas, f.Outputs["betas"], tol)
	golden.Compare(t, "alphas_cumprod", d.Kept, f.Outputs["alphas_cumprod"], tol)
	var logs []float64
	for t := range d.Betas {
		logs = append(logs, math.Log(d.Variance(t)))
	}
	golden.Compare(t, "posterior_log_variance_clipped", logs, f.Outputs["posterior_log_variance_clipped"], tol)
	if !golden.Param[bool](t, f, "clip_denoised") {
		t.Skip("images that are not cut have no counterpart")
	}
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		x, e, guess := c.In("x_start", golden.Same), c.In("noise", golden.Same), c.In("model_out", golden.Same)
		now, z := c.In("x_t", golden.Same), c.In("sample_noise", golden.Same)
		var images, noises, ddpm, ddim, ofImage, ofNow []float64
		for _, v := range f.Inputs["t"].Data {
			image, noise := d.Noisy(int(v))
			images, noises = append(images, image), append(noises, noise)
			ddpm = append(ddpm, d.DDPM(int(v)).Numbers()...)
			ofImage, ofNow = append(ofImage, d.DDPM(int(v)).OfImage), append(ofNow, d.DDPM(int(v)).OfNow)
			ddim = append(ddim, d.DDIM(int(v), int(v), golden.Param[float64](t, f, "ddim_eta")).Numbers()...)
		}
		n := len(images)
		shape := []int{n, 1, 1}
		c.Out("x_noisy", op.Add(op.Mul(x, c.Floats("images", images, shape...)), op.Mul(e, c.Floats("noises", noises,
			shape...))), golden.Same)
		back := func(name string, numbers []float64) (next, image *graph.Node) {
			return Denoise(now, guess, z, c.Floats(name, numbers, n, 5))
		}
		next, image := back("ddpm", ddpm)
		c.Out("p_sample", next, golden.Same)
		c.Out("pred_xstart", image, golden.Same)
		c.Out("posterior_mean", op.Add(op.Mul(x, c.Floats("of image", ofImage, shape...)),
			op.Mul(now, c.Floats("of now", ofNow, shape...))), golden.Same)
		next, _ = back("ddim", ddim)
		c.Out("ddim_sample", next, golden.Same)
		each := op.Mean(op.Square(op.Sub(e, guess)), false, 1, 2)
		c.Out("mse_per_sample", each, golden.Same)
		c.Out("loss", op.MeanAll(each), golden.Same)
	})
}

// With the noise known, DDIM comes back to the image in any steps; the schedules begin with the image and end with
// noise.
func TestDiffusionComesBack(t *testing.T) {
	for _, schedule := range []string{"linear", "cosine"} {
		d, err := NewDiffusion(schedule, 100)
		if err != nil {
			t.Fatal(err)
		}
		if d.Kept[0] < 0.99 || d.Kept[99] > 1e-3 {
			t.Errorf("%s: %v of the image are left after the first step and %v after the last", schedule, d.Kept[0],
				d.Kept[99])
		}
		const image, noise = 0.3, -1.2
		a, b := d.Noisy(99)
		x := a*image + b*noise
		for _, t := range [][2]int{{99, 60}, {59, 20}, {19, 0}} {
			k := d.DDIM(t[0], t[1], 0)
			a, b := d.Noisy(t[0])
			guess := (x - a*image) / b
			x = k.OfImage*(k.Image*x-k.Noise*guess) + k.OfNow*x
		}
		if math.Abs(x-image) > 1e-9 {
			t.Errorf("%s: back at %v, want %v", schedule, x, image)
		}
	}
	for want, err := range map[string]error{"1 steps, want at least 2": second(NewDiffusion("linear", 1)),
		`schedule "root", want "linear"`: second(NewDiffusion("root", 9))} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
