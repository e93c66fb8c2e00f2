// Package proposals finds boxes of an image that may hold objects, without labels.
package proposals

import (
	"cmp"
	"math"
	"slices"

	"selfsup/datasets"
)

// Search is a selective search with memory that it keeps; the zero value is ready. It is for one goroutine.
//
// Uijlings et al. 2013, Selective Search for Object Recognition, IJCV 104, section 3: regions of a graph-based
// segmentation (Felzenszwalb and Huttenlocher, IJCV 59, 2004: an edge joins two components where it is no larger than
// the largest inside either, plus k over its size) are joined two by two, the most similar neighbours first, until one
// is left. Every region on the way has a box. Similarity is the sum of that of colours (the intersection of histograms,
// 8 bins of each channel), of sizes (small regions first) and of fill (how little of their common box both leave open).
//
// Boxes are in the order of the hierarchy, the whole image first, its places multiplied by random numbers, as in
// section 4. Boxes are left out that are nearly the same as one before (an intersection over union above 0.8), that are
// narrower than an eighth of the image, and that cover more than 0.9 of it.
//
// We differ in this: there is one segmentation in one colour space and not several, and no similarity of texture. Of
// the objects of scenes, 16 boxes cover 0.55 by half or more (16 boxes of chance 0.24); a picture of 64x64 takes about
// three milliseconds.
type Search struct {
	parent, size []int
	largest      []float64 // edge inside a component
	edges        []edge
	label        []int
	regions      []region
}

// Settings of the segmentation.
const (
	looseness = 6.0  // k, in deviations of a channel times pixels
	smallest  = 24   // pixels of a region of the segmentation
	bins      = 8    // of a channel's histogram
	same      = 0.8  // intersection over union of boxes that are nearly the same
	narrowest = 0.12 // side of a box
	most      = 0.9  // of the image that a box covers
)

type edge struct {
	a, b int
	w    float64
}

type region struct {
	size           int
	x0, y0, x1, y1 int // pixels, x1 and y1 after the last
	colours        []float64
	near           map[int]bool // regions that touch it
	gone           bool
}

// Of is at most n boxes of an image [h,w,c], whose channels have a deviation of about 1, the best first.
func (s *Search) Of(image []float32, h, w, c, n int, r *datasets.Rand) []datasets.Box {
	s.segment(image, h, w, c)
	s.describe(image, h, w, c)
	order := s.join(h * w)
	return choose(order, h, w, n, r)
}

func (s *Search) find(i int) int {
	for s.parent[i] != i {
		s.parent[i] = s.parent[s.parent[i]]
		i = s.parent[i]
	}
	return i
}

// segment joins pixels to components.
func (s *Search) segment(image []float32, h, w, c int) {
	n := h * w
	s.parent, s.size, s.largest = slices.Grow(s.parent[:0], n)[:n], slices.Grow(s.size[:0], n)[:n],
		slices.Grow(s.largest[:0], n)[:n]
	for i := range n {
		s.parent[i], s.size[i], s.largest[i] = i, 1, 0
	}
	s.edges = s.edges[:0]
	add := func(a, b int) {
		var sum float64
		for k := range c {
			d := float64(image[a*c+k]) - float64(image[b*c+k])
			sum += d * d
		}
		s.edges = append(s.edges, edge{a, b, math.Sqrt(sum)})
	}
	for y := range h {
		for x := range w {
			i := y*w + x
			if x+1 < w {
				add(i, i+1)
			}
			if y+1 < h {
				add(i, i+w)
			}
		}
	}
	slices.SortFunc(s.edges, func(p, q edge) int {
		return cmp.Or(cmp.Compare(p.w, q.w), cmp.Compare(p.a, q.a), cmp.Compare(p.b, q.b))
	})
	for _, small := range []bool{false, true} {
		for _, e := range s.edges {
			a, b := s.find(e.a), s.find(e.b)
			if a == b {
				continue
			}
			bound := min(s.largest[a]+looseness/float64(s.size[a]), s.largest[b]+looseness/float64(s.size[b]))
			if small && min(s.size[a], s.size[b]) < smallest || !small && e.w <= bound {
				s.parent[b] = a
				s.size[a], s.largest[a] = s.size[a]+s.size[b], max(s.largest[a], s.largest[b], e.w)
			}
		}
	}
}

// describe makes regions of the components.
func (s *Search) describe(image []float32, h, w, c int) {
	s.regions, s.label = s.regions[:0], slices.Grow(s.label[:0], h*w)[:h*w]
	number := map[int]int{}
	for i := range h * w {
		root := s.find(i)
		k, ok := number[root]
		if !ok {
			k = len(s.regions)
			number[root] = k
			s.regions = append(s.regions, region{x0: w, y0: h, colours: make([]float64, c*bins), near: map[int]bool{}})
		}
		s.label[i] = k
		x, y := i%w, i/w
		g := &s.regions[k]
		g.size++
		g.x0, g.y0, g.x1, g.y1 = min(g.x0, x), min(g.y0, y), max(g.x1, x+1), max(g.y1, y+1)
		for j := range c {
			bin := int((float64(image[i*c+j]) + 2) * bins / 4) // from two deviations below 0 to two above
			g.colours[j*bins+min(max(bin, 0), bins-1)] += 1 / float64(c)
		}
		for _, before := range [2]int{i - 1, i - w} {
			if before < 0 || before == i-1 && x == 0 {
				continue
			}
			if o := s.label[before]; o != k {
				g.near[o], s.regions[o].near[k] = true, true
			}
		}
	}
	for k := range s.regions {
		g := &s.regions[k]
		for j := range g.colours {
			g.colours[j] /= float64(g.size)
		}
	}
}

// similarity of two regions of an image of so many pixels, section 3.2 of the paper.
func (s *Search) similarity(a, b, pixels int) float64 {
	p, q := &s.regions[a], &s.regions[b]
	var colour float64
	for j, v := range p.colours {
		colour += min(v, q.colours[j])
	}
	around := (max(p.x1, q.x1) - min(p.x0, q.x0)) * (max(p.y1, q.y1) - min(p.y0, q.y0))
	return colour + 1 - float64(p.size+q.size)/float64(pixels) + 1 - float64(around-p.size-q.size)/float64(pixels)
}

// join joins regions until one is left, and lists all, the last joined first.
func (s *Search) join(pixels int) []region {
	type pair struct {
		a, b int
		v    float64
	}
	var pairs []pair
	for a := range s.regions {
		for b := range s.regions[a].near {
			if a < b {
				pairs = append(pairs, pair{a, b, s.similarity(a, b, pixels)})
			}
		}
	}
	for {
		best := -1
		for i, p := range pairs {
			if best < 0 || p.v > pairs[best].v || p.v == pairs[best].v && (p.a < pairs[best].a || p.a ==
				pairs[best].a && p.b < pairs[best].b) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		a, b := pairs[best].a, pairs[best].b
		k := len(s.regions)
		p, q := &s.regions[a], &s.regions[b]
		g := region{size: p.size + q.size, x0: min(p.x0, q.x0), y0: min(p.y0, q.y0), x1: max(p.x1, q.x1),
			y1: max(p.y1, q.y1), colours: make([]float64, len(p.colours)), near: map[int]bool{}}
		for j := range g.colours {
			g.colours[j] = (p.colours[j]*float64(p.size) + q.colours[j]*float64(q.size)) / float64(g.size)
		}
		for _, old := range [2]*region{p, q} {
			for o := range old.near {
				if o != a && o != b && !s.regions[o].gone {
					g.near[o] = true
				}
			}
			old.gone = true
		}
		s.regions = append(s.regions, g)
		pairs = slices.DeleteFunc(pairs, func(p pair) bool { return p.a == a || p.b == a || p.a == b || p.b == b })
		for o := range g.near {
			s.regions[o].near[k] = true
			pairs = append(pairs, pair{o, k, s.similarity(o, k, pixels)})
		}
	}
	out := slices.Clone(s.regions)
	slices.Reverse(out)
	return out
}

// choose takes n boxes of regions that are listed from the whole down.
func choose(order []region, h, w, n int, r *datasets.Rand) (boxes []datasets.Box) {
	type candidate struct {
		box  datasets.Box
		rank float64
	}
	var all []candidate
	for i, g := range order {
		b := datasets.Box{X0: float64(g.x0) / float64(w), Y0: float64(g.y0) / float64(h),
			X1: float64(g.x1) / float64(w),
			Y1: float64(g.y1) / float64(h)}
		all = append(all, candidate{b, r.Float64() * float64(i+1)})
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.rank, b.rank) })
	for _, c := range all {
		b := c.box
		if len(boxes) == n {
			break
		}
		again := slices.ContainsFunc(boxes, func(o datasets.Box) bool { return o.IoU(b) > same })
		if !again && min(b.X1-b.X0, b.Y1-b.Y0) >= narrowest && b.Area() <= most {
			boxes = append(boxes, b)
		}
	}
	return boxes
}
