package contrastive

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// checkLeast says what is wrong with a count that a recipe gives under a key.
func checkLeast(key string, n, least int) error {
	if n < least {
		return setting.Bad(key, "%d: want at least %d", n, least)
	}
	return nil
}

// checkHidden says what is wrong with the hidden widths of a predictor, of which there may be none.
func checkHidden(key string, widths []int) error {
	for _, w := range widths {
		if w < 1 {
			return setting.Bad(key, "%v: every width must be at least 1", widths)
		}
	}
	return nil
}

// whileBankFills holds what is trained below scopes during the first epoch, in which a bank gets the embeddings of all
// samples in place of random rows.
func whileBankFills(scopes ...string) (held []methods.Tune) {
	for _, s := range append(scopes, methods.Backbone) {
		held = append(held, methods.Tune{Scope: s, Hold: methods.During(setting.Epochs(1))})
	}
	return held
}

// crossed is the mean over pairs of a student's row and a teacher's of another view, of which the teacher's are the
// first: f(p[i], z[j]) with i and j different.
func crossed(p, z []*graph.Node, f func(p, z *graph.Node) *graph.Node) *graph.Node {
	var terms []*graph.Node
	for j := range z {
		for i := range p {
			if i != j {
				terms = append(terms, f(p[i], z[j]))
			}
		}
	}
	return op.Scale(op.Sum(terms...), 1/float64(len(terms)))
}

// checkPositive says what is wrong with a number, such as a temperature, that a recipe gives under a key.
func checkPositive(key string, v float64) error {
	if !(v > 0) {
		return setting.Bad(key, "%v: want a number above 0", v)
	}
	return nil
}

// checkWithin is checkPositive for a number from low to high.
func checkWithin(key string, v, low, high float64) error {
	if !(v >= low && v <= high) {
		return setting.Bad(key, "%v: want a number from %v to %v", v, low, high)
	}
	return nil
}
