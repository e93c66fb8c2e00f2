package corruptions

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/views"
)

// Copies of images, as somebody makes them who does not want a copy to be found: what Copydays (Douze et al. 2009,
// doi:10.1145/1646396.1646421) and the image similarity challenge (Douze et al. 2021, arXiv:2106.09672) do to images,
// on images of any size, each drawn from the seed, the kind and the image's number.
//
//	blur     Gaussian, by a twentieth of the shorter side
//	crop     half of the area, at a random place, enlarged
//	jpeg     quality 10
//	mirror   left to right
//	overlay  seven tenths of the sides, at a random place on another image of the set
//	rotate   by 15 to 45 degrees either way, black beyond
//	strong   rotate by at most 20 degrees, crop, contrast and light, overlay, jpeg of quality 30
var copies = map[string]func(p views.Pixels, other views.Pixels, r *rand.Rand){
	"blur":    func(p, _ views.Pixels, r *rand.Rand) { blur(p, float64(min(p.H, p.W))/20, r) },
	"crop":    func(p, _ views.Pixels, r *rand.Rand) { cropped(p, 0.5, r) },
	"jpeg":    func(p, _ views.Pixels, r *rand.Rand) { compress(p, 10, r) },
	"mirror":  func(p, _ views.Pixels, _ *rand.Rand) { mirrored(p) },
	"overlay": func(p, other views.Pixels, r *rand.Rand) { overlaid(p, other, 0.7, r) },
	"rotate":  func(p, _ views.Pixels, r *rand.Rand) { rotated(p, 15+30*r.Float64(), r) },
	"strong": func(p, other views.Pixels, r *rand.Rand) {
		rotated(p, 20*r.Float64(), r)
		cropped(p, 0.6+0.3*r.Float64(), r)
		flatten(p, 0.6+0.4*r.Float64(), r)
		brighten(p, 0.2*(r.Float64()-0.5), r)
		overlaid(p, other, 0.7+0.2*r.Float64(), r)
		compress(p, 30, r)
	},
}

// CopyKinds lists the kinds of copies.
func CopyKinds() []string { return slices.Sorted(maps.Keys(copies)) }

// CopiesOf is a set whose images are copies of a kind.
func CopiesOf(set datasets.Set, kind string, seed uint64) (datasets.Set, error) {
	apply, ok := copies[kind]
	if !ok {
		return nil, fmt.Errorf("corruptions: copies %q: want some of %v", kind, CopyKinds())
	}
	return &copied{set, apply, kind, seed}, nil
}

type copied struct {
	datasets.Set
	apply func(p, other views.Pixels, r *rand.Rand)
	kind  string
	seed  uint64
}

// Image implements datasets.Set.
func (s *copied) Image(i int, dst *datasets.Image) error {
	stream := datasets.NewRand(s.seed, "copy "+s.kind, uint64(i))
	r := rand.New(&stream)
	var other datasets.Image
	if err := s.Set.Image(r.IntN(s.Set.Len()), &other); err != nil {
		return err
	}
	if err := s.Set.Image(i, dst); err != nil {
		return err
	}
	p := pixelsOf(dst)
	s.apply(p, pixelsOf(&other), r)
	bytesOf(p, dst)
	return nil
}

// pixelsOf are an image's values in [0,1].
func pixelsOf(m *datasets.Image) views.Pixels {
	p := views.Pixels{H: m.H, W: m.W, C: m.C, Pix: make([]float32, len(m.Pix))}
	for k, v := range m.Pix {
		p.Pix[k] = float32(v) / 255
	}
	return p
}

// bytesOf writes values, cut to [0,1] and rounded, into an image of their size.
func bytesOf(p views.Pixels, m *datasets.Image) {
	for k, v := range p.Pix {
		m.Pix[k] = byte(math.Round(255 * float64(min(max(v, 0), 1))))
	}
}

// cropped enlarges a part of the image of a share of its area.
func cropped(p views.Pixels, area float64, r *rand.Rand) {
	share := math.Sqrt(area)
	top, left := r.Float64()*(1-share)*float64(p.H-1), r.Float64()*(1-share)*float64(p.W-1)
	part := warped(p, func(y, x float64) (float64, float64) { return top + share*y, left + share*x })
	copy(p.Pix, part.Pix)
}

func mirrored(p views.Pixels) {
	for y := range p.H {
		for x := range p.W / 2 {
			for c := range p.C {
				a, b := (y*p.W+x)*p.C+c, (y*p.W+p.W-1-x)*p.C+c
				p.Pix[a], p.Pix[b] = p.Pix[b], p.Pix[a]
			}
		}
	}
}

// rotated turns the image about its middle by an angle in degrees, either way.
func rotated(p views.Pixels, degrees float64, r *rand.Rand) {
	if r.IntN(2) == 0 {
		degrees = -degrees
	}
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cy, cx := float64(p.H-1)/2, float64(p.W-1)/2
	from := func(y, x float64) (float64, float64) {
		y, x = y-cy, x-cx
		return cy + cos*y - sin*x, cx + sin*y + cos*x
	}
	turned := warped(p, from)
	for y := range p.H {
		for x := range p.W {
			sy, sx := from(float64(y), float64(x))
			if sy < 0 || sx < 0 || sy > float64(p.H-1) || sx > float64(p.W-1) {
				clear(turned.Pix[(y*p.W+x)*p.C : (y*p.W+x+1)*p.C])
			}
		}
	}
	copy(p.Pix, turned.Pix)
}

// overlaid puts the image, its sides at a share of their length, on another one.
func overlaid(p, other views.Pixels, share float64, r *rand.Rand) {
	h, w := max(1, int(share*float64(p.H))), max(1, int(share*float64(p.W)))
	top, left := r.IntN(p.H-h+1), r.IntN(p.W-w+1)
	from := clone(p)
	small := warped(from, func(y, x float64) (float64, float64) { return y / share, x / share })
	for y := range p.H {
		for x := range p.W {
			at := (y*p.W + x) * p.C
			if y >= top && y < top+h && x >= left && x < left+w {
				copy(p.Pix[at:at+p.C], small.Pix[((y-top)*p.W+x-left)*p.C:])
				continue
			}
			oy, ox := y*other.H/p.H, x*other.W/p.W
			copy(p.Pix[at:at+p.C], other.Pix[(oy*other.W+ox)*other.C:])
		}
	}
}
