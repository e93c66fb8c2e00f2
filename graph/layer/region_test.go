package layer_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
)

// Values and gradients are torchvision's, whose boxes name their image.
func TestGoldenRoIAlign(t *testing.T) {
	f := golden.Load(t, "dense/roi_align")
	if !golden.Param[bool](t, f, "aligned") {
		t.Fatal("boxes that are not aligned have no counterpart")
	}
	size, samples := golden.Param[int](t, f, "output_size"), golden.Param[int](t, f, "sampling_ratio")
	scale := golden.Param[float64](t, f, "spatial_scale")
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		x, boxes := c.In("features", golden.Image), f.Inputs["boxes"]
		shape := op.ShapeOf(x)
		var images []int32
		var edges []float64
		for i := 0; i < len(boxes.Data); i += 5 {
			images = append(images, int32(boxes.Data[i]))
			for _, v := range boxes.Data[i+1 : i+5] {
				edges = append(edges, v*scale)
			}
		}
		n := len(images)
		of := op.Reshape(op.Gather(op.Reshape(x, shape[0], -1), c.Scope.Ints("images", images)), n, shape[1], shape[2],
			shape[3])
		c.Y(layer.RoIAlign(c.Scope, of, c.Floats("edges", edges, n, 4), layer.Region{Size: size, Samples: samples}),
			golden.Image)
	})
}

// roiAlign is RoIAlign of a map [H,W] by plain loops, after torchvision's documentation.
func roiAlign(x []float64, h, w int, box [4]float64, size, samples int) []float64 {
	at := func(y, x0 float64) float64 {
		if y < -1 || y > float64(h) || x0 < -1 || x0 > float64(w) {
			return 0
		}
		y, x0 = math.Min(math.Max(y, 0), float64(h-1)), math.Min(math.Max(x0, 0), float64(w-1))
		top, left := int(y), int(x0)
		down, right := min(top+1, h-1), min(left+1, w-1)
		dy, dx := y-float64(top), x0-float64(left)
		return (1-dy)*((1-dx)*x[top*w+left]+dx*x[top*w+right]) + dy*((1-dx)*x[down*w+left]+dx*x[down*w+right])
	}
	bh, bw := (box[3]-box[1])/float64(size), (box[2]-box[0])/float64(size)
	ny, nx := samples, samples
	if samples == 0 {
		ny, nx = int(math.Ceil(bh)), int(math.Ceil(bw))
	}
	out := make([]float64, size*size)
	for i := range size {
		for j := range size {
			for a := range ny {
				for b := range nx {
					y := box[1] - 0.5 + bh*(float64(i)+(float64(a)+0.5)/float64(ny))
					x0 := box[0] - 0.5 + bw*(float64(j)+(float64(b)+0.5)/float64(nx))
					out[i*size+j] += at(y, x0) / float64(max(ny*nx, 1))
				}
			}
		}
	}
	return out
}

// Boxes of all sizes, with as many points as they have cells and with a given number, inside the map, across its border
// and without area, against plain loops.
func TestRoIAlign(t *testing.T) {
	const h, w, size = 7, 5, 2
	boxes := [][4]float64{{0, 0, 5, 7}, {0.2, 1.1, 1.4, 6.9}, {-2, -1, 2, 3}, {3, 3, 3, 3}, {1, 2, 4, 4},
		{4.2, 5, 6.5, 9}}
	x, edges := make([]float64, len(boxes)*h*w), []float64{}
	for i := range x {
		x[i] = math.Sin(float64(i * i))
	}
	for _, b := range boxes {
		edges = append(edges, b[:]...)
	}
	for _, samples := range []int{0, 3} {
		g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			maps, at := s.Floats("x", x, len(boxes), h, w, 1), s.Floats("boxes", edges, len(boxes), 4)
			s.Output("y", layer.RoIAlign(s, maps, at, layer.Region{Size: size, Samples: samples}))
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		got := ongraph.Read(t, p, "y")
		for i, b := range boxes {
			want := roiAlign(x[i*h*w:(i+1)*h*w], h, w, b, size, samples)
			for j, v := range want {
				if d := got[i*size*size+j] - v; math.Abs(d) > 1e-5 {
					t.Errorf("%d points, box %v, bin %d: %v, want %v", samples, b, j, got[i*size*size+j], v)
				}
			}
		}
	}
}

// The gradient with respect to the map is that of central differences; boxes get none.
func TestRoIAlignGradient(t *testing.T) {
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		x := s.Param("x", graph.Normal(1), 2, 6, 5, 3)
		boxes := s.Floats("boxes", []float64{0.3, 1, 4.2, 5.5, -1, -0.5, 3, 2.5}, 2, 4)
		y := layer.RoIAlign(s, x, boxes, layer.Region{Size: 3})
		return op.MeanAll(op.Square(y))
	}, nil, 8, 1e-6)
}
