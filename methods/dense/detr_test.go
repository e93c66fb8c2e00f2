package dense

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/optest"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// boxData are images with boxes and proposals.
func boxData(h, w int) methods.Data {
	field := func(name string, of int, shape ...int) feed.Field {
		f := feed.Field{Name: name, Shape: shape}
		if of > 0 {
			f.Int, f.Of = true, []int{of}
		}
		return f
	}
	return methodtest.Data(field("view", 0, h, w, 2), field("boxes", 0, 3, 4), field("box_classes", 2, 3),
		field("proposals", 0, 3, 4), field("proposal_classes", 1, 3))
}

func small() heads.Detector {
	return heads.Detector{Dim: 8, Heads: 2, Hidden: 6, Encoder: 1, Decoder: 2, Queries: 6}
}

var weights = SetWeights{Class: 1, Box: 5, GIoU: 2}

func detectors() map[string]methods.Method {
	return map[string]methods.Method{
		"detr":          &DETR{Detector: small(), SetWeights: weights},
		"detr agnostic": &DETR{Detector: small(), SetWeights: weights, Agnostic: true},
		"updetr": &UPDETR{Detector: small(), SetWeights: weights, Feature: 1, Patches: 3, Size: 6,
			Sides: [2]float64{0.2, 0.6}, Hide: 0.2, NoObject: 0.1},
		"detreg": &DETReg{Detector: small(), SetWeights: weights, Embedding: 1, Proposals: 3, Size: 6},
	}
}

// The losses of all three methods through a small convolutional encoder against central differences in float64.
func TestDetectorGradients(t *testing.T) {
	net := &backbones.ConvNet{Widths: []int{4, 5}}
	for name, m := range detectors() {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 2, boxData(12, 12))
				o := m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
				return o.Loss()
			}, func(st *graph.Store) {
				// the last layer of boxes begins at 0, and all else would have no gradient through it
				e := st.Get("detector/box/2/weight")
				for i := range e.Shape.Size() {
					e.Set(i, 0.2*math.Cos(float64(2*i)))
				}
				for _, name := range []string{"0", "1"} { // away from the kinks of ReLUs
					st.Get("detector/box/" + name + "/bias").Fill(0.05)
				}
			}, 6, 2e-5)
		})
	}
}

// compute builds values over a fresh Store on the processor and returns the outputs.
func compute(t *testing.T, give map[string][]float64, build func(s *graph.Scope)) func(name string) []float64 {
	t.Helper()
	g, err := graph.Build(graph.Options{Training: true}, build)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(3))
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range p.Inputs() {
		for i := range a.Shape.Size() {
			switch v := give[name]; {
			case v != nil:
				a.Set(i, v[i])
			case a.DType != ir.I32:
				a.Set(i, math.Sin(float64(7*i+len(name))))
			}
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return func(name string) []float64 {
		a, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		v := make([]float64, a.Shape.Size())
		for i := range v {
			v[i] = a.At(i)
		}
		return v
	}
}

// A crop of the whole image at its own size is the image; crops of boxes are means of the pixels in them; the crop of a
// ramp is a ramp.
func TestCropped(t *testing.T) {
	const h, w = 8, 12
	ramp := make([]float64, h*w*2)
	for i := range h * w {
		ramp[2*i], ramp[2*i+1] = float64(i%w)+0.5, float64(i/w)+0.5 // x and y of the pixel
	}
	out := compute(t, nil, func(s *graph.Scope) {
		x := s.Floats("x", ramp, 1, h, w, 2)
		at := func(name string, box ...float64) *graph.Node { return s.Floats(name, box, 1, len(box)/4, 4) }
		s.Output("rows", cropped(s, s.Floats("square", ramp[:h*h*2], 1, h, h, 2), at("whole", 0.5, 0.5, 1, 1), h))
		s.Output("boxes", cropped(s, x, at("boxes", 0.5, 0.5, 0.5, 0.5, 0.25, 0.5, 0.25, 0.25), 4))
	})
	for i, v := range out("rows") {
		if math.Abs(v-ramp[i]) > 1e-4 {
			t.Fatalf("element %d of the whole image is %v, want %v", i, v, ramp[i])
		}
	}
	got := out("boxes") // [2,4,4,2]
	for i := range 4 * 4 {
		x, y := float64(i%4), float64(i/4)
		// the first box spans x from 3 to 9 and y from 2 to 6, the second x from 1.5 to 4.5 and y from 3 to 5
		for k, want := range []float64{3 + 1.5*(x+0.5), 2 + (y + 0.5), 1.5 + 0.75*(x+0.5), 3 + 0.5*(y+0.5)} {
			if v := got[k/2*32+2*i+k%2]; math.Abs(v-want) > 0.03 {
				t.Errorf("box %d, pixel %d, channel %d is %v, want %v", k/2, i, k%2, v, want)
			}
		}
	}
}

// Queries begin spread over the image, boxes are inside (0,1), and without learned weights a query's box is at its
// reference point.
func TestDetectorBegins(t *testing.T) {
	d := small()
	out := compute(t, nil, func(s *graph.Scope) {
		n := d.New(s.In("detector"), 5)
		found := n.Decode(n.Read(s.Input("map", 2, 3, 4, 5)), nil, nil)
		if len(found.Layers) != d.Decoder || len(found.Boxes) != d.Decoder {
			t.Fatalf("%d and %d layers, want %d", len(found.Layers), len(found.Boxes), d.Decoder)
		}
		s.Output("boxes", found.Boxes[1])
	})
	boxes := out("boxes") // [2,6,4]
	for q := range d.Queries {
		want := []float64{(float64(q%3) + 0.5) / 3, (float64(q/3) + 0.5) / 2, 0.25, 0.25}
		for k, v := range want {
			if math.Abs(boxes[4*q+k]-v) > 2e-3 {
				t.Errorf("query %d begins with the box %v, want %v", q, boxes[4*q:4*q+4], want)
				break
			}
		}
	}
}

// A query of UP-DETR belongs to one patch, patches have the same number of queries, and boxes are inside the image.
func TestUPDETRDraws(t *testing.T) {
	m := detectors()["updetr"].(*UPDETR)
	m.Queries = 12
	out := compute(t, nil, func(s *graph.Scope) {
		r := s.Random("patches")
		s.Output("boxes", m.boxes(r, 40))
		s.Output("members", m.members(s, r))
	})
	boxes, members := out("boxes"), out("members")
	var columns [3]float64
	for q := range m.Queries {
		row := members[3*q : 3*q+3]
		if row[0]+row[1]+row[2] != 1 {
			t.Errorf("query %d belongs to %v, want one patch", q, row)
		}
		for k, v := range row {
			columns[k] += v
		}
	}
	if columns != [3]float64{4, 4, 4} {
		t.Errorf("patches have %v queries, want 4 each", columns)
	}
	for i := 0; i < len(boxes); i += 4 {
		b := boxes[i : i+4]
		for axis := range 2 {
			if lo, hi := b[axis]-b[2+axis]/2, b[axis]+b[2+axis]/2; lo < -1e-6 || hi > 1+1e-6 || b[2+axis] < 0.2-1e-6 ||
				b[2+axis] > 0.6+1e-6 {
				t.Fatalf("box %v: side %d is from %v to %v, want 0.2 to 0.6 inside the image", b, axis, lo, hi)
			}
		}
	}
}

// Queries of one patch do not see those of another: what another patch looks like changes nothing for them.
func TestGroupsAreApart(t *testing.T) {
	d := small()
	bias := make([]float64, d.Queries*d.Queries)
	for i := range bias {
		if i/d.Queries%2 != i%d.Queries%2 {
			bias[i] = -1e9
		}
	}
	other := func(v float64) []float64 {
		more := make([]float64, d.Queries*d.Dim)
		for q := 1; q < d.Queries; q += 2 {
			for k := range d.Dim {
				more[q*d.Dim+k] = v * float64(k)
			}
		}
		return more
	}
	decode := func(more []float64, masked bool) []float64 {
		return compute(t, nil, func(s *graph.Scope) {
			n := d.New(s.In("detector"), 5)
			var b *graph.Node
			if masked {
				b = s.Floats("bias", bias, d.Queries, d.Queries)
			}
			s.Output("y", n.Decode(n.Read(s.Input("map", 1, 3, 4, 5)), s.Floats("more", more, 1, d.Queries, d.Dim),
				b).Layers[1])
		})("y")
	}
	for _, masked := range []bool{true, false} {
		a, b := decode(other(0), masked), decode(other(1), masked)
		if same := slices.Equal(a[:d.Dim], b[:d.Dim]); same != masked {
			t.Errorf("masked %v: query 0 is the same whatever the other group is shown: %v", masked, same)
		}
	}
}

// A detector of three methods refuses what cannot work, and says what would.
func TestDetectorsRefused(t *testing.T) {
	set := func(name string, f func(m methods.Method)) error {
		m := detectors()[name]
		f(m)
		return m.Validate()
	}
	build := func(m methods.Method, net backbones.Backbone) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 2, boxData(12, 12))
			m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		})
		return err
	}
	few := &DETR{Detector: small(), SetWeights: weights}
	few.Queries = 2
	for want, err := range map[string]error{
		"dim: 6: want a multiple of 4":              set("detr", func(m methods.Method) { m.(*DETR).Dim = 6 }),
		"heads: 3: want a divisor of":               set("detr", func(m methods.Method) { m.(*DETR).Heads = 3 }),
		"patches: 4: want a divisor of queries = 6": set("updetr", func(m methods.Method) { m.(*UPDETR).Patches = 4 }),
		"sides: [0 0.5]: want the smallest": set("updetr", func(m methods.Method) {
			m.(*UPDETR).Sides = [2]float64{0, 0.5}
		}),
		"proposals: 7: want 1 to queries = 6": set("detreg", func(m methods.Method) { m.(*DETReg).Proposals = 7 }),
		"neither feature maps nor tokens":     build(detectors()["detreg"], &backbones.MLP{Widths: []int{4}}),
		"3 boxes of an image and 2 queries":   build(few, &backbones.ConvNet{Widths: []int{4}}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, m := range []methods.Method{DefaultDETR(), DefaultUPDETR(), DefaultDETReg()} {
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}
