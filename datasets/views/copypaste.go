package views

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/resample"
)

// Copying are the settings of copy-paste by saliency: a view shows what is salient of its image before another training
// image, so that backgrounds say nothing. It comes before all else.
//
// Zhao, Wu, Lau, Lin, AAAI 2021, arXiv:2004.06638, section 3.2. The saliency is the cue of the borders of Zhang et al.,
// ICCV 2015 (MB+), section 3.4, without its barrier distance: how far the colour of a pixel is from those of the four
// borders, each by the covariance of its own, summed up but for the largest. It is cut by Otsu's threshold. An image of
// which less than a twentieth or more than four fifths are salient stays as it is.
type Copying struct {
	CopyPaste PerView `toml:"copy_paste"` // probability that a view has another image behind what is salient
}

// Copies reports whether some view is put together from two images.
func (c *Copying) Copies() bool { return c.CopyPaste.any() }

const (
	borderShare  = 0.1     // of a side: the strip that is taken for background
	leastSalient = 1. / 20 // of the pixels
	mostSalient  = 4. / 5  // of the pixels
	levels       = 64      // of Otsu's histogram
	colourNoise  = 25.     // added to the variance of each channel, in grey levels squared
)

// copied is a view's image: img, or what is salient of it before another image of the set.
func (w *worker) copied(img *datasets.Image, view int) (*datasets.Image, error) {
	if !w.pipe.settings.Copies() {
		return img, nil
	}
	r := datasets.NewRand(w.key.Seed, "copy_paste", uint64(w.key.Step), uint64(w.key.Row), uint64(view))
	if !r.Chance(w.pipe.settings.CopyPaste.At(view)) {
		return img, nil
	}
	mask := salient(img)
	if mask == nil {
		return img, nil
	}
	behind := r.Intn(w.set.Len())
	if err := w.set.Image(behind, &w.behind); err != nil {
		return nil, err
	}
	if w.behind.C != img.C {
		return nil, fmt.Errorf("%s has %d channels and %d before it", w.set.Name(behind), w.behind.C, img.C)
	}
	w.composed.Reshape(img.H, img.W, img.C)
	for y := range img.H {
		for x := range img.W {
			from := img
			at := (y*img.W + x) * img.C
			source := at
			if !mask[y*img.W+x] {
				from = &w.behind
				source = (y*from.H/img.H*from.W + x*from.W/img.W) * from.C
			}
			copy(w.composed.Pix[at:at+img.C], from.Pix[source:])
		}
	}
	return &w.composed, nil
}

// salient says which pixels of an image are of an object, nil where none or nearly all seem to be.
func salient(img *datasets.Image) []bool {
	h, w := img.H, img.W
	depth := func(side int) int { return max(1, int(math.Round(borderShare*float64(side)))) }
	dy, dx := min(depth(h), h), min(depth(w), w)
	boxes := []resample.Box{{Height: dy, Width: w}, {Top: h - dy, Height: dy, Width: w}, {Height: h, Width: dx},
		{Left: w - dx, Height: h, Width: dx}}
	sum, most := make([]float64, h*w), make([]float64, h*w)
	for _, box := range boxes {
		law := colours(img, box)
		scale := 0.
		away := make([]float64, h*w)
		for i := range away {
			away[i] = law.distance(img.Pix[i*img.C : (i+1)*img.C])
			scale = math.Max(scale, away[i])
		}
		for i, v := range away {
			if scale > 0 {
				v /= scale
			}
			sum[i], most[i] = sum[i]+v, math.Max(most[i], v)
		}
	}
	for i := range sum {
		sum[i] -= most[i]
	}
	cut := otsu(sum)
	mask, n := make([]bool, h*w), 0
	for i, v := range sum {
		if mask[i] = v > cut; mask[i] {
			n++
		}
	}
	if share := float64(n) / float64(h*w); share < leastSalient || share > mostSalient {
		return nil
	}
	return mask
}

// law is the mean and the inverse covariance of colours of up to three channels.
type law struct {
	mean    [3]float64
	inverse [3][3]float64
	c       int
}

// colours is the law of the colours in a box of an image, of whose channels the first three count.
func colours(img *datasets.Image, box resample.Box) (l law) {
	l.c = min(img.C, 3)
	var square [3][3]float64
	n := float64(box.Height * box.Width)
	for y := box.Top; y < box.Top+box.Height; y++ {
		for x := box.Left; x < box.Left+box.Width; x++ {
			p := img.Pix[(y*img.W+x)*img.C:]
			for i := range l.c {
				l.mean[i] += float64(p[i]) / n
				for j := range l.c {
					square[i][j] += float64(p[i]) * float64(p[j]) / n
				}
			}
		}
	}
	for i := range 3 {
		for j := range 3 {
			square[i][j] -= l.mean[i] * l.mean[j]
		}
		square[i][i] += colourNoise
	}
	l.inverse = inverse(square)
	return l
}

// inverse is that of a symmetric matrix, by its cofactors.
func inverse(a [3][3]float64) (b [3][3]float64) {
	minor := func(i, j int) float64 {
		r, s := [2]int{(i + 1) % 3, (i + 2) % 3}, [2]int{(j + 1) % 3, (j + 2) % 3}
		return a[r[0]][s[0]]*a[r[1]][s[1]] - a[r[0]][s[1]]*a[r[1]][s[0]]
	}
	det := a[0][0]*minor(0, 0) + a[0][1]*minor(0, 1) + a[0][2]*minor(0, 2)
	for i := range 3 {
		for j := range 3 {
			b[j][i] = minor(i, j) / det
		}
	}
	return b
}

// distance is Mahalanobis's of a colour.
func (l *law) distance(p []byte) float64 {
	var d [3]float64
	for i := range l.c {
		d[i] = float64(p[i]) - l.mean[i]
	}
	var q float64
	for i := range 3 {
		for j := range 3 {
			q += d[i] * l.inverse[i][j] * d[j]
		}
	}
	return math.Sqrt(math.Max(q, 0))
}

// otsu is the threshold between two classes of numbers of 0 or more that lie farthest apart: Otsu, IEEE Transactions on
// Systems, Man, and Cybernetics 9, 1979.
func otsu(x []float64) (cut float64) {
	top := 0.
	for _, v := range x {
		top = math.Max(top, v)
	}
	if top == 0 {
		return 0
	}
	var count, sum [levels]float64
	for _, v := range x {
		k := min(int(v/top*levels), levels-1)
		count[k], sum[k] = count[k]+1, sum[k]+v
	}
	var all, total, below, mass float64
	for k := range levels {
		all, total = all+count[k], total+sum[k]
	}
	best := -1.
	for k := range levels - 1 {
		below, mass = below+count[k], mass+sum[k]
		if below == 0 || below == all {
			continue
		}
		d := mass/below - (total-mass)/(all-below)
		if between := below * (all - below) * d * d; between > best {
			best, cut = between, float64(k+1)/levels*top
		}
	}
	return cut
}
