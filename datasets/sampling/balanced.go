package sampling

import (
	"errors"
	"fmt"

	"selfsup/datasets"
)

// Balanced draws every class equally often, however many images it has: as many images as there are classes hold one of
// each, in random order. The images of a class come in another order each time all of them have been drawn. Images
// without a label are not drawn.
type Balanced struct{}

// New implements Settings.
func (*Balanced) New(set datasets.Labelled, _ int, seed uint64) (Sampler, error) {
	b := &balanced{seed: seed, group: -1}
	members, err := byClass(set)
	if err != nil {
		return nil, fmt.Errorf("sampling: balanced: %w", err)
	}
	for c, rows := range members {
		if len(rows) > 0 {
			b.classes = append(b.classes, class{id: uint64(c), rows: rows, pass: -1})
		}
	}
	b.turn = make([]int, len(b.classes))
	return b, nil
}

type balanced struct {
	seed    uint64
	classes []class
	group   int   // whose order turn is; -1: none yet
	turn    []int // classes in the order of a group
}

type class struct {
	id   uint64
	rows []int32
	pass int // whose permutation perm is; -1: none yet
	perm Permutation
}

// Batch implements Sampler. Place p of the run is place p mod K of group p / K, and the image of every class in group g
// is its g-th draw.
func (b *balanced) Batch(step int, dst []int32) {
	for i := range dst {
		p := step*len(dst) + i
		g := p / len(b.classes)
		if g != b.group {
			b.group = g
			r := datasets.NewRand(b.seed, "classes", uint64(g))
			r.Order(b.turn)
		}
		c := &b.classes[b.turn[p%len(b.classes)]]
		if pass := g / len(c.rows); pass != c.pass {
			c.pass = pass
			c.perm = NewPermutation(len(c.rows), b.seed, "class", c.id, uint64(pass))
		}
		dst[i] = c.rows[c.perm.At(g%len(c.rows))]
	}
}

// byClass lists the images of every class.
func byClass(set datasets.Labelled) ([][]int32, error) {
	if len(set.Classes()) == 0 {
		return nil, errors.New("the set has no labels; want classes")
	}
	members := make([][]int32, len(set.Classes()))
	some := false
	for i := range set.Len() {
		if l := set.Label(i); l >= 0 {
			members[l] = append(members[l], int32(i))
			some = true
		}
	}
	if !some {
		return nil, errors.New("no image of the set has a label")
	}
	return members, nil
}
