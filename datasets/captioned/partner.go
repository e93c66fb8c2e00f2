package captioned

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// Partner is the name of the field with a view of another sample, the one whose captions are nearest.
//
// Captions are bags of symbols: each symbol that a sample's captions have counts ln((1+N)/(1+n)) + 1 where n of the N
// samples have it, once however often it stands there, and vectors are compared by their cosine. Of samples that are
// equally near the first is taken; a sample whose words nobody shares is its own partner, in another view. The view is
// drawn with the settings of view 1.
const Partner = "partner"

// partnerView is the view of the pipeline that a partner is seen in.
const partnerView = "view1"

// partners are, for each of n samples, the one with the nearest captions, found once it is asked for.
type partners struct {
	n    int
	once sync.Once
	of   []int32
}

// get is the partner of every sample.
func (p *partners) get(k *Kind, texts func(i int) []string) []int32 {
	p.once.Do(func() {
		bags := make([][]int32, p.n)
		for i := range bags {
			for _, text := range texts(i) {
				for _, w := range k.split(text) {
					bags[i] = append(bags[i], k.number(w))
				}
			}
			slices.Sort(bags[i])
			bags[i] = slices.Compact(bags[i])
		}
		p.of = nearest(bags)
	})
	return p.of
}

// nearest is for each bag of symbols the other one with the largest cosine.
func nearest(bags [][]int32) []int32 {
	has := map[int32][]int32{} // symbol -> bags, rising
	for i, bag := range bags {
		for _, w := range bag {
			has[w] = append(has[w], int32(i))
		}
	}
	n := float64(len(bags))
	weight := func(w int32) float64 { return math.Log((1+n)/(1+float64(len(has[w])))) + 1 }
	length := make([]float64, len(bags))
	for i, bag := range bags {
		for _, w := range bag {
			length[i] += weight(w) * weight(w)
		}
		length[i] = math.Sqrt(length[i])
	}
	out := make([]int32, len(bags))
	dot := make([]float64, len(bags)) // with the bag at hand; 0 between bags
	var met []int32
	for i, bag := range bags {
		met = met[:0]
		for _, w := range bag {
			for _, j := range has[w] {
				if j == int32(i) {
					continue
				}
				if dot[j] == 0 {
					met = append(met, j)
				}
				dot[j] += weight(w) * weight(w)
			}
		}
		out[i] = int32(i)
		if len(met) > 0 {
			out[i] = slices.MaxFunc(met, func(a, b int32) int {
				return cmp.Or(cmp.Compare(dot[a]/length[a], dot[b]/length[b]), cmp.Compare(b, a))
			})
		}
		for _, j := range met {
			dot[j] = 0
		}
	}
	return out
}
