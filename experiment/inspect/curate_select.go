package inspect

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"selfsup/datasets"
	"selfsup/evaluations"
	"selfsup/internal/kmeans"
)

// Selection is how images of a pool are chosen by their features. Cosines are of features without the pool's mean, for
// features that are never negative are all alike otherwise.
type Selection struct {
	// cosine from which two images are nearly alike, of which the first one is kept; 1 or more: none are
	Duplicate float64
	K         int // nearest images of the pool that each query leads to
	Count     int // images that are kept at most, those of the first ranks and the largest cosines; 0: all

	// in place of neighbours, clusters of the pool; 0: neighbours
	Clusters   int
	PerCluster int // images that are drawn from a cluster with enough queries
	Least      int // queries that are enough
	Seed       uint64
}

// DefaultSelection has DINOv2's 4 neighbours and clusters with more than 3 queries. Its 0.6 for duplicates is of a
// network for copies; here it is 0.95.
func DefaultSelection() Selection {
	return Selection{Duplicate: 0.95, K: 4, PerCluster: 100, Least: 4, Seed: 1}
}

// Validate says what is wrong with it.
func (s *Selection) Validate() error {
	switch {
	case !(s.Duplicate > 0):
		return fmt.Errorf("duplicate = %v: want a cosine above 0 from which images are nearly alike, or 1 for none",
			s.Duplicate)
	case s.K < 1:
		return fmt.Errorf("k = %d: want 1 neighbour or more of each query", s.K)
	case s.Count < 0:
		return fmt.Errorf("count = %d: want images, or 0 for all that are found", s.Count)
	case s.Clusters < 0 || s.Clusters == 1:
		return fmt.Errorf("clusters = %d: want 2 or more, or 0 for the neighbours of each query", s.Clusters)
	case s.Clusters > 0 && (s.PerCluster < 1 || s.Least < 1):
		return fmt.Errorf("per_cluster = %d and least = %d: want 1 or more of each", s.PerCluster, s.Least)
	}
	return nil
}

// choice is an image that is kept.
type choice struct {
	row    int32
	query  int32 // the nearest
	cosine float32
	rank   int // from 1 on, among the neighbours of the query that led to it; 0: a cluster did
}

// neighboursOfDuplicates is how many neighbours of each image are looked at for near duplicates (DINOv2's k).
const neighboursOfDuplicates = 64

// clusterIterations is how often k-means moves its centres.
const clusterIterations = 20

// choose lists the images to keep by row, and the rows that do not stay apart, and counts in out.
func (s *Selection) choose(ctx context.Context, x, queries, apart []float32, dim int, out *Curated) (found []choice,
	open []int32, err error) {
	if len(queries) == 0 || len(x) == 0 {
		return nil, nil, fmt.Errorf("data curate: %d images of the pool and %d queries; want both", len(x)/dim,
			len(queries)/dim)
	}
	mean := meanRow(x, dim)
	x, queries, apart = centred(x, mean), centred(queries, mean), centred(apart, mean)
	if open, err = s.apart(ctx, x, apart, dim, out); err != nil {
		return nil, nil, err
	}
	rows, err := s.distinct(ctx, x, open, dim, out)
	if err != nil {
		return nil, nil, err
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("data curate: all %d images of the pool are near duplicates of what is to stay "+
			"apart", len(x)/dim)
	}
	left := pick(x, rows, dim)
	near, err := nearestOf(ctx, queries, left, dim, 1) // query of every image
	if err != nil {
		return nil, nil, err
	}
	for _, n := range near {
		out.Whole += float64(n[0].Cosine) / float64(len(near))
	}
	if s.Clusters > 0 {
		found, err = s.ofClusters(ctx, left, queries, dim, out)
	} else {
		found, err = s.neighbours(ctx, left, queries, dim)
	}
	if err != nil {
		return nil, nil, err
	}
	out.Found = len(found)
	for i := range found {
		n := near[found[i].row][0]
		found[i].query, found[i].cosine = n.Index, n.Cosine
	}
	slices.SortStableFunc(found, func(a, b choice) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), -cmp.Compare(a.cosine, b.cosine), cmp.Compare(a.row, b.row))
	})
	if s.Count > 0 {
		found = found[:min(s.Count, len(found))]
	}
	out.Kept = len(found)
	for i := range found {
		out.Similarity += float64(found[i].cosine) / float64(len(found))
		found[i].row = rows[found[i].row]
	}
	slices.SortFunc(found, func(a, b choice) int { return cmp.Compare(a.row, b.row) })
	return found, open, nil
}

// meanRow is the mean of rows x.
func meanRow(x []float32, dim int) []float64 {
	mean := make([]float64, dim)
	for i, v := range x {
		mean[i%dim] += float64(v) / float64(len(x)/dim)
	}
	return mean
}

// centred is rows x without a mean.
func centred(x []float32, mean []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(float64(v) - mean[i%len(mean)])
	}
	return out
}

// apart are the rows of x that are not nearly alike to any of others.
func (s *Selection) apart(ctx context.Context, x, others []float32, dim int, out *Curated) (rows []int32, err error) {
	var near [][]evaluations.Neighbour
	if len(others) > 0 {
		near, err = nearestOf(ctx, others, x, dim, 1)
		if err != nil {
			return nil, err
		}
	}
	for i := range int32(len(x) / dim) {
		if near != nil && float64(near[i][0].Cosine) >= s.Duplicate {
			out.TooNear++
			continue
		}
		rows = append(rows, i)
	}
	return rows, nil
}

// distinct are rows without all that are nearly alike to one before, directly or by others between: the first of each
// connected component.
func (s *Selection) distinct(ctx context.Context, x []float32, rows []int32, dim int, out *Curated) ([]int32, error) {
	if s.Duplicate >= 1 || len(rows) < 2 {
		return rows, nil
	}
	left := pick(x, rows, dim)
	near, err := nearestOf(ctx, left, left, dim, neighboursOfDuplicates)
	if err != nil {
		return nil, err
	}
	first := make([]int, len(rows)) // of the component, through others
	for i := range first {
		first[i] = i
	}
	root := func(i int) int {
		for first[i] != i {
			first[i] = first[first[i]]
			i = first[i]
		}
		return i
	}
	for i, ns := range near {
		for _, n := range ns {
			if float64(n.Cosine) < s.Duplicate {
				break
			}
			a, b := root(i), root(int(n.Index))
			first[max(a, b)] = min(a, b)
		}
	}
	var kept []int32
	for i, row := range rows {
		if root(i) == i {
			kept = append(kept, row)
		}
	}
	out.Duplicates = len(rows) - len(kept)
	return kept, nil
}

// neighbours are the K nearest rows of x of each query, each row once, at its first rank.
func (s *Selection) neighbours(ctx context.Context, x, queries []float32, dim int) (found []choice, err error) {
	near, err := nearestOf(ctx, x, queries, dim, s.K)
	if err != nil {
		return nil, err
	}
	rank := map[int32]int{}
	for _, ns := range near {
		for k, n := range ns {
			if have, ok := rank[n.Index]; !ok || k+1 < have {
				rank[n.Index] = k + 1
			}
		}
	}
	for row := range int32(len(x) / dim) {
		if k, ok := rank[row]; ok {
			found = append(found, choice{row: row, rank: k})
		}
	}
	return found, nil
}

// ofClusters are rows of x drawn from the clusters that enough queries fall into.
func (s *Selection) ofClusters(ctx context.Context, x, queries []float32, dim int, out *Curated) (found []choice,
	err error) {
	if s.Clusters > len(x)/dim {
		return nil, fmt.Errorf("data curate: clusters = %d of %d images; want at most as many", s.Clusters, len(x)/dim)
	}
	unit := evaluations.UnitRows[float32](x, dim)
	start := kmeans.Draw(rand.New(rand.NewPCG(s.Seed, 2304_07193)), unit, dim, s.Clusters)
	clusters, err := kmeans.Spherical(ctx, unit, start, dim, clusterIterations)
	if err != nil {
		return nil, err
	}
	near, err := nearestOf(ctx, clusters.Centres, queries, dim, 1)
	if err != nil {
		return nil, err
	}
	asked := make([]int, s.Clusters)
	for _, n := range near {
		asked[n[0].Index]++
	}
	members := make([][]int, s.Clusters)
	for row, k := range clusters.Of {
		members[k] = append(members[k], row)
	}
	for k, rows := range members {
		if asked[k] < s.Least {
			continue
		}
		out.Clusters++
		r := datasets.NewRand(s.Seed, "curate", uint64(k))
		r.Shuffle(rows)
		for _, row := range rows[:min(s.PerCluster, len(rows))] {
			found = append(found, choice{row: int32(row)})
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("data curate: no cluster of %d has %d of %d queries; want fewer clusters, or a smaller "+
			"number of queries that is enough", s.Clusters, s.Least, len(near))
	}
	slices.SortFunc(found, func(a, b choice) int { return cmp.Compare(a.row, b.row) })
	return found, nil
}

// nearestOf are the k rows of x that are nearest to each row of y.
func nearestOf(ctx context.Context, x, y []float32, dim, k int) ([][]evaluations.Neighbour, error) {
	if len(x) == dim { // one row, which is the nearest; of equal ones the first counts
		x, k = slices.Concat(x, x), 1
	}
	return (evaluations.Features{TrainX: x, TestX: y, Dim: dim}).Nearest(ctx, k)
}

// pick is some rows of x.
func pick(x []float32, rows []int32, dim int) []float32 {
	out := make([]float32, 0, len(rows)*dim)
	for _, row := range rows {
		out = append(out, x[int(row)*dim:(int(row)+1)*dim]...)
	}
	return out
}
