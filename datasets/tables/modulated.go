package tables

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/setting"
)

// Modulated is a series of rows that a fixed random network mixed of independent sources, whose deviations change from
// segment to segment: data of which is known what a method should find in them.
//
// Hyvarinen and Morioka, NIPS 2016, arXiv:1605.06336, section 5: sources have Laplace distributions with deviations
// uniform in [0,1], drawn for each source and segment; each layer of the network but the last ends in leaky ReLUs
// (slope 0.2) and is as wide as there are sources, so that nothing is lost. The layers are random rotations, where the
// authors' code draws matrices until one is far from singular. Training rows are in the order of time; test rows are
// further ones of the same segments.
type Modulated struct {
	Sources  int    `toml:"sources"`
	Segments int    `toml:"segments"`
	Length   int    `toml:"length"` // training rows of a segment
	Held     int    `toml:"held"`   // test rows of a segment
	Layers   int    `toml:"layers"` // of the network that mixes; 1 mixes linearly
	Seed     uint64 `toml:"seed"`   // of all that is drawn; apart from the run's seed, so that seeds compare
}

// NewModulated has some of the paper's smaller settings.
func NewModulated() *Modulated {
	return &Modulated{Sources: 10, Segments: 64, Length: 256, Held: 32, Layers: 3}
}

// Samples implements Kinded.
func (*Modulated) Samples() string { return "rows" }

const mixedSlope = 0.2 // of a leaky ReLU below 0

// Open draws the rows.
func (s *Modulated) Open(datasets.Env) (*datasets.Data, error) {
	for _, c := range []struct {
		key      string
		n, least int
	}{{"sources", s.Sources, 2}, {"segments", s.Segments, 1}, {"length", s.Length, 1}, {"held", s.Held, 1},
		{"layers", s.Layers, 1}} {
		if err := setting.Least(c.key, c.n, c.least); err != nil {
			return nil, fmt.Errorf("datasets: modulated: %w", err)
		}
	}
	r := datasets.NewRand(s.Seed, "modulated")
	deviation := make([]float64, s.Segments*s.Sources)
	for i := range deviation {
		deviation[i] = r.Float64()
	}
	var layers [][]float64
	for range s.Layers {
		layers = append(layers, rotation(&r, s.Sources))
	}
	train, test := s.draw(&r, deviation, layers, s.Length), s.draw(&r, deviation, layers, s.Held)
	test.name = "test"
	for k := range train.columns {
		measure(&train.columns[k], train.cells[k])
	}
	test.columns = train.columns
	return &datasets.Data{Train: train, Test: test}, nil
}

// mixed is rows whose sources are known.
type mixed struct {
	*rows
	sources [][]float64 // by source
}

// Sources implements datasets.MixedSet.
func (m *mixed) Sources() int { return len(m.sources) }

// Source implements datasets.MixedSet.
func (m *mixed) Source(i int, dst []float64) {
	for j, s := range m.sources {
		dst[j] = s[i]
	}
}

// draw is n rows of every segment.
func (s *Modulated) draw(r *datasets.Rand, deviation []float64, layers [][]float64, n int) *mixed {
	m := &mixed{rows: &rows{name: "train", cells: make([][]float64, s.Sources), words: make([]*dictionary, s.Sources)},
		sources: make([][]float64, s.Sources)}
	for k := range s.Sources {
		m.columns = append(m.columns, datasets.Column{Name: fmt.Sprintf("x%d", k+1)})
	}
	for segment := range s.Segments {
		for range n {
			x := make([]float64, s.Sources)
			for k := range x {
				x[k] = laplace(r) * deviation[segment*s.Sources+k]
				m.sources[k] = append(m.sources[k], x[k])
			}
			for k, v := range mix(layers, x) {
				m.cells[k] = append(m.cells[k], v)
			}
			m.line = append(m.line, int32(len(m.line)+1))
		}
	}
	return m
}

// laplace draws a number of mean 0 and deviation 1 with density exp(-sqrt(2)|x|)/sqrt(2).
func laplace(r *datasets.Rand) float64 {
	u := r.Uniform(-1, 1)
	return math.Copysign(math.Log1p(-math.Abs(u))/math.Sqrt2, u)
}

// mix sends x through the layers.
func mix(layers [][]float64, x []float64) []float64 {
	n := len(x)
	for l, w := range layers {
		y := make([]float64, n)
		for i := range y {
			for j, v := range x {
				y[i] += w[i*n+j] * v
			}
			if l < len(layers)-1 && y[i] < 0 {
				y[i] *= mixedSlope
			}
		}
		x = y
	}
	return x
}

// rotation is a random orthogonal matrix [n,n]: rows of normal numbers, each made orthogonal to those before and of
// length 1.
func rotation(r *datasets.Rand, n int) []float64 {
	w := make([]float64, n*n)
	for i := 0; i < n; {
		row, length := w[i*n:(i+1)*n], 0.0
		for j := range row {
			row[j] = math.Sqrt(-2*math.Log1p(-r.Float64())) * math.Cos(2*math.Pi*r.Float64()) // Box and Muller
		}
		for k := range i {
			dot, other := 0.0, w[k*n:(k+1)*n]
			for j := range row {
				dot += row[j] * other[j]
			}
			for j := range row {
				row[j] -= dot * other[j]
			}
		}
		for _, v := range row {
			length += v * v
		}
		if length < 1e-6 { // so near to the rows before that rounding would bend it
			continue
		}
		for j := range row {
			row[j] /= math.Sqrt(length)
		}
		i++
	}
	return w
}
