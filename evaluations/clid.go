package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"selfsup/graph/device"
	"selfsup/internal/kmeans"
	"selfsup/setting"
)

// CLID is two numbers of which a good representation has both: learnability, how often the nearest image tells the
// cluster of another, and the intrinsic dimension of the images.
//
//	learnability  k-means finds clusters of all images; the share of one half of the images whose nearest neighbour in
//	              the other half is of their cluster
//	dimension     TwoNN: the slope through 0 of -log(1 - i/n) over log(d2/d1), sorted, of the images' distances to
//	              their nearest and second nearest; the largest are left out
//
// Rows have unit length, so that clusters and neighbours are by cosine. The paper adds the two after it has scaled
// them to mean 0 and deviation 1 over the representations that are compared, which `experiment select` does. It needs
// no labels.
//
// Lu et al. 2022, arXiv:2206.01251; Facco et al. 2017, doi:10.1038/s41598-017-11873-y (TwoNN).
type CLID struct {
	Schedule
	Images     int     `toml:"images"`     // training images that it looks at, at most
	Clusters   int     `toml:"clusters"`   // of k-means
	Iterations int     `toml:"iterations"` // of k-means, at most
	Share      float64 `toml:"share"`      // of the images that the dimension's line goes through, the nearest first
}

// DefaultCLID finds 50 clusters of 2,048 images.
func DefaultCLID() *CLID { return &CLID{Images: 2048, Clusters: 50, Iterations: 50, Share: 0.9} }

// Validate checks the settings.
func (p *CLID) Validate() error {
	var bad []error
	if p.Clusters < 2 {
		bad = append(bad, setting.Bad("clusters", "%d: want 2 or more", p.Clusters))
	}
	if p.Images < max(4, 2*p.Clusters) {
		bad = append(bad, setting.Bad("images", "%d: want at least two images for each of the %d clusters, and 4",
			p.Images, p.Clusters))
	}
	if p.Iterations < 1 {
		bad = append(bad, setting.Bad("iterations", "%d: want 1 or more", p.Iterations))
	}
	if !(p.Share > 0 && p.Share < 1) {
		bad = append(bad, setting.Bad("share", "%v: want a share above 0 and below 1, such as 0.9", p.Share))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *CLID) Needs() Needs { return Needs{Images: p.Images} }

// Evaluate returns learnability and dimension.
func (p *CLID) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.checkFeatures("clid", f.TrainX); err != nil {
		return nil, err
	}
	x := UnitRows[float32](f.TrainX, f.Dim)
	n := len(x) / f.Dim
	if n < 2*p.Clusters {
		return nil, fmt.Errorf("evaluate: clid: clusters = %d of %d images; want at most half as many clusters as "+
			"images", p.Clusters, n)
	}
	r := rand.New(rand.NewPCG(f.Seed, 2206_01251))
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	c, err := kmeans.Spherical(ctx, x, kmeans.Draw(r, x, f.Dim, p.Clusters), f.Dim, p.Iterations)
	if err != nil {
		return nil, err
	}
	right, err := learned(ctx, f, x, c.Of, r)
	if err != nil {
		return nil, err
	}
	ratios, err := neighbourRatios(ctx, f, x)
	if err != nil {
		return nil, err
	}
	dimension, err := twoNN(ratios, p.Share)
	if err != nil {
		return nil, fmt.Errorf("evaluate: clid: %w", err)
	}
	settings := map[string]any{"images": n, "clusters": p.Clusters, "used": c.Used(), "share": p.Share}
	return []Result{
		{Protocol: "clid", Metric: "learnability", Value: topOf(right), Accuracy: true, Images: len(right),
			Settings: settings},
		{Protocol: "clid", Metric: "dimension", Value: dimension, Settings: settings},
	}, nil
}

// learned says of half of the rows whether the nearest row of the other half is of the same class.
func learned(ctx context.Context, f Features, x []float32, classes []int32, r *rand.Rand) ([]bool, error) {
	half := Features{Dim: f.Dim, Alive: f.Alive}
	for k, i := range r.Perm(len(classes)) {
		row := x[i*f.Dim : (i+1)*f.Dim]
		if k < len(classes)/2 {
			half.TrainX, half.TrainY = append(half.TrainX, row...), append(half.TrainY, classes[i])
		} else {
			half.TestX, half.TestY = append(half.TestX, row...), append(half.TestY, classes[i])
		}
	}
	near, err := nearest(ctx, half, 1)
	right := make([]bool, len(near))
	for i, neighbours := range near {
		right[i] = half.TrainY[neighbours[0].index] == half.TestY[i]
	}
	return right, err
}

func topOf(right []bool) float64 {
	n := 0
	for _, r := range right {
		if r {
			n++
		}
	}
	return float64(n) / float64(len(right))
}

// ratioRows is how many rows are compared with all others between two looks at the context.
const ratioRows = 64

// neighbourRatios is of every row of x the distance to its second nearest row over that to its nearest; 0 for rows
// that another is equal to, of which there is no ratio.
func neighbourRatios(ctx context.Context, f Features, x []float32) ([]float64, error) {
	n := len(x) / f.Dim
	ratios := make([]float64, n)
	for from := 0; from < n; from += ratioRows {
		if err := f.goOn(ctx); err != nil {
			return nil, err
		}
		device.Parallel(min(ratioRows, n-from), func(task int) {
			i := from + task
			first, second := math.Inf(1), math.Inf(1)
			for j := range n {
				if j == i {
					continue
				}
				switch d := nearer(x, i, j, f.Dim, second); {
				case d < first:
					first, second = d, first
				case d < second:
					second = d
				}
			}
			if first > 0 && !math.IsInf(second, 0) {
				ratios[i] = math.Sqrt(second / first)
			}
		})
	}
	return ratios, nil
}

// nearer is the squared distance of rows i and j of x, or a part of it that is above the limit.
func nearer(x []float32, i, j, dim int, limit float64) (sum float64) {
	const part = 32
	for from := 0; from < dim && sum <= limit; from += part {
		to := min(from+part, dim)
		a, b := x[i*dim+from:i*dim+to], x[j*dim+from:j*dim+to]
		for k, v := range a {
			d := float64(v) - float64(b[k])
			sum += d * d
		}
	}
	return sum
}

// twoNN is the intrinsic dimension of points with such ratios, by a line through the smallest share of them.
func twoNN(ratios []float64, share float64) (float64, error) {
	var logs []float64
	for _, r := range ratios {
		if r > 0 {
			logs = append(logs, math.Log(r))
		}
	}
	slices.Sort(logs)
	n := len(logs)
	var xx, xy float64
	for i, x := range logs[:int(share*float64(n))] {
		xx += x * x
		xy -= x * math.Log(1-float64(i)/float64(n))
	}
	if xx == 0 {
		return 0, errors.New("the distances of the features to their neighbours are alike, or 0: there is no dimension")
	}
	return xy / xx, nil
}
