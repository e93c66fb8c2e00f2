package video

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/scenes"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// made are the values of a graph in float64.
func made(t *testing.T, build func(s *graph.Scope) *graph.Node) []float64 {
	t.Helper()
	g, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) { s.Output("y", build(s)) })
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	y, err := p.Output("y")
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, y.Shape.Size())
	for i := range out {
		out[i] = y.At(i)
	}
	return out
}

// With the true depth and the camera's true motion a frame of a scene that stands still is put together from another
// one; with any one depth for all pixels, or with the motion turned round, it is not.
func TestViewSynthesis(t *testing.T) {
	s := scenes.New()
	s.Form, s.Count, s.Held, s.Size, s.Frames, s.Rate, s.Camera, s.Drift = "clips", 12, 0, 32, 2, 4, 1, 0
	s.Bounce = [2]float64{}
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	set := d.Train.(interface {
		datasets.CameraSet
		datasets.SurveyedSet
	})
	var right, flat, back float64
	clip := make([]datasets.Image, 2)
	var truth datasets.Survey
	for i := range set.Len() {
		if err := set.Clip(i, clip); err != nil {
			t.Fatal(err)
		}
		if err := set.Survey(i, 1, &truth); err != nil {
			t.Fatal(err)
		}
		move := set.Camera(i, 1)
		apart := func(depth func(at int) float64, sign float64) float64 {
			return made(t, func(g *graph.Scope) *graph.Node {
				floats := func(name string, n int, f func(i int) float64, shape ...int) *graph.Node {
					v := make([]float64, n)
					for i := range v {
						v[i] = f(i)
					}
					return g.Floats(name, v, shape...)
				}
				frame := func(name string, k int) *graph.Node {
					light := func(i int) float64 { return float64(clip[k].Pix[i]) / 255 }
					return floats(name, 32*32*3, light, 1, 32, 32, 3)
				}
				to := motion{to: [3]*graph.Node{g.Constant(sign * move[0]), g.Constant(sign * move[1]), nil}}
				at, in := project(g, floats("depth", 32*32, depth, 1, 32, 32), to, 1)
				each := photometric(frame("b", 1), layer.Sample(g, frame("a", 0), at), 0.85)
				return (&MonoDepth{Best: true}).together(g, []*graph.Node{each}, []*graph.Node{inner(in)})
			})[0]
		}
		known := func(at int) float64 { return float64(truth.Depth[at]) }
		right += apart(known, 1) / 12
		back += apart(known, -1) / 12
		least := math.Inf(1)
		for _, z := range []float64{1, 1.25, 1.5, 2, 2.5, 3} {
			least = min(least, apart(func(int) float64 { return z }, 1))
		}
		flat += least / 12
	}
	t.Logf("apart by %.4f, by the best single depth %.4f, with the camera turned round %.4f", right, flat, back)
	if right > 0.75*flat || right > 0.5*back {
		t.Errorf("frames are apart by %v with the true depth, by %v with the best single one, by %v turned round",
			right, flat, back)
	}
}

// A rotation keeps lengths, is that about one axis where the other angles are 0, and a point that is turned and moved
// is where plain arithmetic has it.
func TestProject(t *testing.T) {
	x, y, z := 0.1, -0.2, 0.3
	r := made(t, func(s *graph.Scope) *graph.Node {
		m := turned(s.Constant(x), s.Constant(y), s.Constant(z))
		return op.Concat(0, cells(m[0]), cells(m[1]), cells(m[2]))
	})
	for i := range 3 {
		for j := range 3 {
			sum := 0.0
			for k := range 3 {
				sum += r[3*i+k] * r[3*j+k]
			}
			if want := map[bool]float64{true: 1}[i == j]; math.Abs(sum-want) > 1e-12 {
				t.Fatalf("rows %d and %d of %v have the product %v", i, j, r, sum)
			}
		}
	}
	about := made(t, func(s *graph.Scope) *graph.Node {
		return cells(turned(s.Constant(0), s.Constant(0), s.Constant(z))[0])
	})
	if want := []float64{math.Cos(z), -math.Sin(z), 0}; !slices.EqualFunc(about, want, near) {
		t.Errorf("a turn about the axis forward begins with %v, want %v", about, want)
	}
	const h, w, focal = 3, 4, 1.5
	depth := []float64{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}
	to := []float64{0.3, -0.2, 0.1}
	got := made(t, func(s *graph.Scope) *graph.Node {
		m := motion{turned(s.Constant(x), s.Constant(y), s.Constant(z)),
			[3]*graph.Node{s.Constant(to[0]), s.Constant(to[1]), s.Constant(to[2])}}
		at, within := project(s, s.Floats("depth", depth, 1, h, w), m, focal)
		return op.Concat(3, at, op.Reshape(within, 1, h, w, 1))
	})
	for i, d := range depth {
		p := [3]float64{d * (float64(i%w) - 1.5) / (focal * w), d * (float64(i/w) - 1) / (focal * w), d}
		var q [3]float64
		for k := range q {
			q[k] = r[3*k]*p[0] + r[3*k+1]*p[1] + r[3*k+2]*p[2] + to[k]
		}
		u, v := q[0]/q[2]*focal*w+1.5, q[1]/q[2]*focal*w+1
		inside := 0.0
		if u > -0.5 && u < w-0.5 && v > -0.5 && v < h-0.5 {
			inside = 1
		}
		if want := []float64{u, v, inside}; !slices.EqualFunc(got[3*i:3*i+3], want, near) {
			t.Errorf("pixel %d is at %v, want %v", i, got[3*i:3*i+3], want)
		}
	}
}

// cells are numbers in a row.
func cells(of [3]*graph.Node) *graph.Node {
	var all []*graph.Node
	for _, v := range of {
		all = append(all, op.Reshape(v, 1))
	}
	return op.Concat(0, all...)
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// The photometric difference is that of plain loops over windows, and 0 of an image with itself.
func TestPhotometric(t *testing.T) {
	const h, w, c, alpha = 5, 4, 2, 0.7
	r := rand.New(rand.NewPCG(1, 1))
	a, b := make([]float64, h*w*c), make([]float64, h*w*c)
	for i := range a {
		a[i], b[i] = r.Float64(), r.Float64()
	}
	of := func(a, b []float64) []float64 {
		return made(t, func(s *graph.Scope) *graph.Node {
			return photometric(s.Floats("a", a, 1, h, w, c), s.Floats("b", b, 1, h, w, c), alpha)
		})
	}
	for _, v := range of(a, a) {
		if math.Abs(v) > 1e-12 {
			t.Errorf("an image differs from itself by %v", v)
		}
	}
	got := of(a, b)
	for y := 1; y < h-1; y++ {
		for x := 1; x < w-1; x++ {
			want := 0.0
			for k := range c {
				var ma, mb, aa, bb, ab float64
				for v := y - 1; v <= y+1; v++ {
					for u := x - 1; u <= x+1; u++ {
						p, q := a[(v*w+u)*c+k], b[(v*w+u)*c+k]
						ma, mb, aa, bb, ab = ma+p/9, mb+q/9, aa+p*p/9, bb+q*q/9, ab+p*q/9
					}
				}
				like := (2*ma*mb + 1e-4) * (2*(ab-ma*mb) + 9e-4) / ((ma*ma + mb*mb + 1e-4) *
					(aa - ma*ma + bb - mb*mb + 9e-4))
				want += (alpha*min(max((1-like)/2, 0), 1) + (1-alpha)*math.Abs(a[(y*w+x)*c+k]-b[(y*w+x)*c+k])) / c
			}
			if v := got[(y-1)*(w-2)+x-1]; math.Abs(v-want) > 1e-9 {
				t.Errorf("pixel %d,%d differs by %v, want %v", x, y, v, want)
			}
		}
	}
}
