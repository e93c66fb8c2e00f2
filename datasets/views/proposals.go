package views

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
)

// Fields of boxes that may hold objects, found in view 0 without labels, see package proposals. A number after the name
// says how many: proposals8.
const (
	Proposals       = "proposals"        // [P,4] as Boxes has them
	ProposalClasses = "proposal_classes" // [P] int32: 0, and -1 where there is none
)

// Finder finds boxes in images [h,w,c]: n of them at most, best first. It keeps working memory, so one goroutine uses
// it.
type Finder interface {
	Of(image []float32, h, w, c, n int, r *datasets.Rand) []datasets.Box
}

// mostProposals bounds the number.
const mostProposals = 256

// proposalField describes one of these fields.
func proposalField(name string) (f feed.Field, ok bool, err error) {
	n, boxes := feed.Numbered(name, Proposals)
	if !boxes {
		if n, ok = feed.Numbered(name, ProposalClasses); !ok {
			return f, false, nil
		}
	}
	if n < 1 || n > mostProposals {
		return f, true, fmt.Errorf("views: %s: want 1 to %d proposals", name, mostProposals)
	}
	if boxes {
		return feed.Field{Name: name, Shape: []int{n, 4}}, true, nil
	}
	return feed.Field{Name: name, Shape: []int{n}, Int: true, Of: []int{1}}, true, nil
}

// proposing is where proposals go.
type proposing struct {
	at     []int // of the fields
	most   int
	search Finder
}

func (p *proposing) wanted() bool { return len(p.at) > 0 }

// want notes a field and its place.
func (p *proposing) want(name string, at int) {
	n, boxes := feed.Numbered(name, Proposals)
	if !boxes {
		n, _ = feed.Numbered(name, ProposalClasses)
	}
	p.at, p.most = append(p.at, at), max(p.most, n)
}

// make finds the proposals of a view [h,w,channels]. A field of fewer has the first of them.
func (p *proposing) make(to []feed.Slot, view []float32, h, w, channels int, key feed.Key) {
	r := datasets.NewRand(key.Seed, "proposals", uint64(key.Step), uint64(key.Row))
	found := p.search.Of(view, h, w, channels, p.most, &r)
	for _, at := range p.at {
		boxes, classes := to[at].F32, to[at].I32
		clear(boxes)
		for k := range classes {
			classes[k] = -1
		}
		for k, b := range found {
			if 4*k < len(boxes) {
				copy(boxes[4*k:], []float32{float32(b.X0+b.X1) / 2, float32(b.Y0+b.Y1) / 2, float32(b.X1 - b.X0),
					float32(b.Y1 - b.Y0)})
			}
			if k < len(classes) {
				classes[k] = 0
			}
		}
	}
}
