package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"selfsup/internal/assign"
	"selfsup/internal/kmeans"
	"selfsup/setting"
)

// Clustering is how well the clusters of the test images' features agree with their classes. Spherical k-means finds
// the clusters from several starts and sees no label; the start counts whose rows have the largest sum of cosines with
// their centres.
//
// Agreement of clusters U with classes V over N images, n_uv of which are in both:
//
//	nmi      I(U;V) / ((H(U) + H(V)) / 2)               Strehl and Ghosh 2002, normalised by the mean
//	ari      pairs that agree, less those by chance     Hubert and Arabie 1985, doi:10.1007/BF01908075
//	purity   1/N sum_u max_v n_uv                       grows with the number of clusters
//	matched  1/N sum_u n_u,m(u)                         with the one to one matching m for which it is the largest
//
//	silhouette  mean of (b - a) / max(a, b), by the cosine distances of an image from its own cluster, a, and from the
//	            nearest other one, b; it sees no label    Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7
//	class_silhouette  the same with the classes in place of the clusters
//
// Normalised as in scikit-learn; matched is the clustering accuracy of DeepCluster's successors, such as SCAN,
// arXiv:2005.12320.
type Clustering struct {
	Schedule
	Clusters   int `toml:"clusters"`   // 0: as many as there are classes
	Starts     int `toml:"starts"`     // of k-means, drawn by the seed
	Iterations int `toml:"iterations"` // of k-means, at most
}

// DefaultClustering looks for a cluster of each class from ten starts.
func DefaultClustering() *Clustering { return &Clustering{Starts: 10, Iterations: 100} }

// Validate checks the settings.
func (p *Clustering) Validate() error {
	var bad []error
	if p.Clusters != 0 && p.Clusters < 2 {
		bad = append(bad, setting.Bad("clusters", "%d: want 2 or more, or 0 for as many as there are classes",
			p.Clusters))
	}
	if p.Starts < 1 {
		bad = append(bad, setting.Bad("starts", "%d: want 1 or more", p.Starts))
	}
	if p.Iterations < 1 {
		bad = append(bad, setting.Bad("iterations", "%d: want 1 or more", p.Iterations))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Clustering) Needs() Needs { return Needs{Labels: true} }

// Evaluate returns nmi, ari, purity, matched and the two silhouettes.
func (p *Clustering) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.check("clustering"); err != nil {
		return nil, err
	}
	k := p.Clusters
	if k == 0 {
		k = f.Classes
	}
	if k > len(f.TestY) {
		return nil, fmt.Errorf("evaluate: clustering: %d clusters of %d images; want at most one an image", k,
			len(f.TestY))
	}
	of, settled, err := p.find(ctx, f, k)
	if err != nil {
		return nil, err
	}
	t := newContingency(of, f.TestY, k, f.Classes)
	settings := map[string]any{"clusters": k, "starts": p.Starts, "iterations": p.Iterations, "converged": settled}
	var notes []string
	if !settled {
		notes = append(notes, fmt.Sprintf("k-means has not converged: rows still change their cluster after %d "+
			"iterations", p.Iterations))
	}
	interval := f.bootstrap(len(f.TestY), func(rows []int32) float64 {
		return newContingency(at(of, rows), at(f.TestY, rows), k, f.Classes).nmi()
	})
	var out []Result
	for _, m := range []struct {
		name  string
		value float64
	}{{"nmi", t.nmi()}, {"ari", t.ari()}, {"purity", t.purity()}, {"matched", t.matched()},
		{"silhouette", silhouette(f.TestX, f.Dim, of, k)},
		{"class_silhouette", silhouette(f.TestX, f.Dim, f.TestY, f.Classes)}} {
		out = append(out, Result{Protocol: "clustering", Metric: m.name, Value: m.value, Settings: settings,
			Notes: notes})
	}
	out[0].Bootstrap = interval
	return out, nil
}

// clusterRounds is how many iterations go by between two looks at whether rows still change their cluster.
const clusterRounds = 10

// find is the cluster of every test image, and whether k-means had settled there.
func (p *Clustering) find(ctx context.Context, f Features, k int) (of []int32, settled bool, err error) {
	x := UnitRows[float32](f.TestX, f.Dim)
	best := math.Inf(-1)
	for start := range p.Starts {
		r := rand.New(rand.NewPCG(f.Seed, uint64(start)))
		c := &kmeans.Clusters{Centres: kmeans.Draw(r, x, f.Dim, k)}
		still := false
		for done := 0; done < p.Iterations && !still; done += clusterRounds {
			if err := f.goOn(ctx); err != nil {
				return nil, false, err
			}
			rounds := min(clusterRounds, p.Iterations-done)
			next, err := kmeans.Spherical(ctx, x, c.Centres, f.Dim, rounds)
			if err != nil {
				return nil, false, fmt.Errorf("evaluate: clustering: %w", err)
			}
			c, still = next, slices.Equal(next.Centres, c.Centres)
		}
		var sum float64
		for i, u := range c.Of {
			for j, v := range x[i*f.Dim : (i+1)*f.Dim] {
				sum += float64(v) * float64(c.Centres[int(u)*f.Dim+j])
			}
		}
		if sum > best {
			best, of, settled = sum, c.Of, still
		}
	}
	return of, settled, nil
}

// contingency counts the images of every cluster and class.
type contingency struct {
	n              float64
	both           []float64 // [U,V]
	cluster, class []float64
}

func newContingency(of, labels []int32, clusters, classes int) *contingency {
	t := &contingency{n: float64(len(of)), both: make([]float64, clusters*classes), cluster: make([]float64, clusters),
		class: make([]float64, classes)}
	for i, u := range of {
		t.both[int(u)*classes+int(labels[i])]++
		t.cluster[u]++
		t.class[labels[i]]++
	}
	return t
}

// nmi is 1 where clusters are classes, and 0 where they tell nothing of them; also 1 where both are a single one.
func (t *contingency) nmi() float64 {
	entropy := func(counts []float64) (h float64) {
		for _, c := range counts {
			if c > 0 {
				h -= c / t.n * math.Log(c/t.n)
			}
		}
		return h
	}
	own, other := entropy(t.cluster), entropy(t.class)
	if own == 0 && other == 0 {
		return 1
	}
	return max(0, own+other-entropy(t.both)) / ((own + other) / 2)
}

// ari is 1 where clusters are classes, and 0 on average over random clusters of the same sizes.
func (t *contingency) ari() float64 {
	pairs := func(counts []float64) (sum float64) {
		for _, c := range counts {
			sum += c * (c - 1) / 2
		}
		return sum
	}
	both, own, other := pairs(t.both), pairs(t.cluster), pairs(t.class)
	chance := own * other / (t.n * (t.n - 1) / 2)
	if most := (own + other) / 2; most != chance {
		return (both - chance) / (most - chance)
	}
	return 1
}

func (t *contingency) purity() float64 {
	var sum float64
	classes := len(t.class)
	for u := range t.cluster {
		sum += slices.Max(t.both[u*classes : (u+1)*classes])
	}
	return sum / t.n
}

func (t *contingency) matched() float64 {
	classes := len(t.class)
	n := max(classes, len(t.cluster))
	cost := make([]float64, n*n)
	for at, v := range t.both {
		cost[at/classes*n+at%classes] = -v
	}
	var sum float64
	for u, v := range assign.OneToOne(cost, n) {
		sum -= cost[u*n+v]
	}
	return sum / t.n
}
