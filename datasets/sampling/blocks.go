package sampling

import (
	"fmt"

	"selfsup/datasets"
)

// Blocks reads a set nearly in its order, for a disk that is slow to seek: the set is cut into blocks of consecutive
// images, the blocks are shuffled, and then the images within so many blocks. Every image comes once an epoch; images
// of one block stay near each other.
type Blocks struct {
	Size   int `toml:"size"`   // images of a block
	Window int `toml:"window"` // blocks among which images are shuffled
}

// DefaultBlocks shuffles among 16 blocks of 1024 images.
func DefaultBlocks() *Blocks { return &Blocks{Size: 1024, Window: 16} }

// Validate checks the settings.
func (b *Blocks) Validate() error {
	if b.Size < 1 || b.Window < 1 || b.Size > 1<<24 || b.Window > 1<<24/b.Size {
		return fmt.Errorf("size = %d, window = %d: want at least 1 each, and at most %d images together", b.Size,
			b.Window, 1<<24)
	}
	return nil
}

// New implements Settings.
func (b *Blocks) New(set datasets.Labelled, _ int, seed uint64) (Sampler, error) {
	n := set.Len()
	return &epochs{n, &blocks{Blocks: *b, n: n, seed: seed, epoch: -1, window: -1,
		order: make([]int, (n+b.Size-1)/b.Size)}}, nil
}

type blocks struct {
	Blocks
	n     int
	seed  uint64
	epoch int   // of order; -1: none yet
	order []int // of the blocks
	short int   // place in order of the last block, which may be short

	window int   // whose images there are; -1: none yet
	images []int // in their order
	first  int   // place in the epoch of images[0]
}

func (b *blocks) at(epoch, place int) int {
	if epoch != b.epoch {
		b.epoch, b.window = epoch, -1
		r := datasets.NewRand(b.seed, "blocks", uint64(epoch))
		for i, k := range r.Order(b.order) {
			if k == len(b.order)-1 {
				b.short = i
			}
		}
	}
	if b.window < 0 || place < b.first || place >= b.first+len(b.images) {
		b.open(place)
	}
	return b.images[place-b.first]
}

// open shuffles the window that holds a place.
func (b *blocks) open(place int) {
	full := b.Size * b.Window
	missing := len(b.order)*b.Size - b.n // from the short block
	w, early := place/full, 0
	// the windows behind that of the short block begin that much earlier
	if place >= (b.short/b.Window+1)*full-missing {
		w, early = (place+missing)/full, missing
	}
	b.window, b.first = w, w*full-early
	b.images = b.images[:0]
	for _, k := range b.order[w*b.Window : min((w+1)*b.Window, len(b.order))] {
		for i := k * b.Size; i < min((k+1)*b.Size, b.n); i++ {
			b.images = append(b.images, i)
		}
	}
	r := datasets.NewRand(b.seed, "window", uint64(b.epoch), uint64(w))
	r.Shuffle(b.images)
}
