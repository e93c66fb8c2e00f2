// Package edits holds what methods of texts make of a window of symbols before a graph sees it: spans that are cut out
// and asked for, noises, pairs of words, spans to be compared. One kind an edit, each a feed.Editor of settings.
//
// Symbols of an edit's own, such as the end of a text, have the numbers after the vocabulary's: see Special.
package edits

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// Special is a number of a symbol that is not the vocabulary's, counted from it on.
const (
	End  = iota // of a text to be written
	Mask        // what is hidden; of Spans the first of its sentinels
)

// symbols is the length T of a window and the size V of its vocabulary.
func symbols(of []feed.Field) (t, v int, err error) {
	for _, f := range of {
		if !f.Int || len(f.Shape) != 1 || len(f.Of) != 1 {
			return 0, 0, fmt.Errorf("edits: the data have %v; want windows of symbols, as of [dataset.text]", f)
		}
	}
	return of[0].Shape[0], of[0].Of[0], nil
}

// text is a field of t symbols, of v and so many special ones.
func text(name string, t, v, special int) feed.Field {
	return feed.Field{Name: name, Shape: []int{t}, Int: true, Of: []int{v + special}}
}

// there is the symbols of a window before its padding.
func there(window []int32) []int32 {
	n := len(window)
	for n > 0 && window[n-1] == datasets.Padding {
		n--
	}
	return window[:n]
}

// symbol draws one of a vocabulary of v, neither padding nor unknown.
func symbol(v int, r *datasets.Rand) int32 {
	return int32(datasets.FirstSymbol + r.Intn(v-datasets.FirstSymbol))
}

// poisson draws from the law of a mean below 100, by adding up its probabilities.
func poisson(mean float64, r *datasets.Rand) int {
	u, p, k := r.Float64(), math.Exp(-mean), 0
	for sum := p; u > sum && k < 1000; sum += p {
		k++
		p *= mean / float64(k)
	}
	return k
}

// beta draws from the law Beta(a,b) of whole numbers: the a-th smallest of a+b-1 uniform numbers.
func beta(a, b int, r *datasets.Rand) float64 {
	u := make([]float64, a+b-1)
	for i := range u {
		u[i] = r.Float64()
		for k := i; k > 0 && u[k] < u[k-1]; k-- {
			u[k], u[k-1] = u[k-1], u[k]
		}
	}
	return u[a-1]
}
