package onnx_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/onnx"
	"selfsup/graph/op"
	"selfsup/internal/onnxruntime"
)

// network is an encoder with the samples that it takes.
type network struct {
	name string
	in   backbones.Input
	new  func(s *graph.Scope, in backbones.Input) layer.Func
}

func (n network) graph(t testing.TB, batch int) *graph.Graph {
	t.Helper()
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		shape := append([]int{batch}, n.in.Shape...)
		declare := s.Input
		if n.in.Int {
			declare = s.IntInput
		}
		s.Output("features", n.new(s.In("backbone"), n.in)(declare("view0", shape...)))
	})
	if err != nil {
		t.Fatalf("%s: %v", n.name, err)
	}
	return g
}

// of is a backbone as a network.
func of(name string, b backbones.Backbone, in backbones.Input) network {
	return network{name, in, b.New}
}

func vit(change func(v *backbones.ViT)) backbones.Backbone {
	v := backbones.DefaultViT()
	v.Patch, v.Channels, v.Heads, v.Depth = 8, 48, 4, 2
	change(v)
	return v
}

// networks are the backbones, small, and operations that none of them has.
func networks() []network {
	images, waves := backbones.Pixels(32, 24, 3), backbones.Input{Shape: []int{640, 1}}
	clips := backbones.Input{Shape: []int{4, 32, 32, 3}}
	words := backbones.Input{Shape: []int{12}, Int: true, Of: []int{30}}
	columns := backbones.Rows(0, 3, 0, 4)
	resnet, wide := backbones.DefaultResNet(), backbones.DefaultConvNet()
	resnet.Depth = 18
	v3 := backbones.DefaultViT3D()
	v3.Channels, v3.Depth, v3.Heads = 48, 2, 4
	wave := backbones.DefaultWave()
	wave.Width, wave.Context = 16, 12
	ft := backbones.DefaultFTTransformer()
	ft.Channels, ft.Depth, ft.Heads = 16, 2, 4
	text := backbones.DefaultTransformer()
	text.Channels, text.Depth, text.Heads, text.Hidden = 16, 2, 4, 32
	causal := backbones.DefaultTransformer()
	causal.Channels, causal.Depth, causal.Heads, causal.Form = 16, 2, 4, "clip"
	list := []network{
		of("resnet18", resnet, images), of("convnet", wide, images), of("mlp", backbones.DefaultMLP(), images),
		of("dbn", backbones.DefaultDBN(), backbones.Pixels(14, 14, 1)),
		of("luma_chroma", backbones.DefaultLumaChroma(), images), of("per_frame", backbones.DefaultPerFrame(), clips),
		of("vit class", vit(func(*backbones.ViT) {}), images),
		of("vit mean", vit(func(v *backbones.ViT) { v.Pool, v.Position = "mean", "sincos" }), images),
		of("vit clip", vit(func(v *backbones.ViT) { v.Form = "clip" }), images),
		of("vit relative", vit(func(v *backbones.ViT) { v.Relative, v.Position = "block", "none" }), images),
		of("vit windows", vit(func(v *backbones.ViT) {
			v.Patch, v.Attention, v.AttentionSize = 4, "window", 2
		}), images),
		of("vit scaled", vit(func(v *backbones.ViT) { v.LayerScale = 0.3 }), images), of("vit3d", v3, clips),
		of("slow", &backbones.Slow{Depth: 26, Stem: "7x7", Width: 0.1}, clips),
		of("wave gru", wave, waves), of("symbols", backbones.DefaultSymbols(), words),
		of("transformer", text, words), of("transformer clip", causal, words), of("ft_transformer", ft, columns),
	}
	next := backbones.DefaultConvNeXt()
	next.Dims, next.Depth, next.Patch = []int{8, 16, 24, 32}, []int{1, 1, 1, 1}, 2
	next.Version, next.Response = 2, "image"
	return append(list, of("convnext", next, images), network{"operations", images, rest},
		network{"lstm", waves, func(s *graph.Scope, _ backbones.Input) layer.Func {
			w, b := s.Param("weight", graph.Normal(0.3), 8, 32), s.Param("bias", graph.Normal(0.3), 32)
			return func(x *graph.Node) *graph.Node {
				steps := op.Reshape(x, op.ShapeOf(x)[0], -1, 32)
				return op.Mean(op.LSTM(steps, w, b), false, 1)
			}
		}})
}

// rest applies what no backbone needs.
func rest(s *graph.Scope, _ backbones.Input) layer.Func {
	return func(x *graph.Node) *graph.Node {
		w := s.Param("weight", graph.Normal(0.3), 3, 3, 3, 8)
		x = op.Conv2D(x, w, op.Conv{Pad: [2]int{2, 1}, Dilation: [2]int{2, 1}, Stride: [2]int{1, 2}})
		x = op.AvgPool2D(op.LeakyRelu(x, 0.2), op.Pool{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}})
		x = op.Concat(3, op.Slice(x, 3, 0, 2), op.Silu(op.Slice(x, 3, 2, 8)))
		x = op.Mul(x, op.Mean(op.Square(x), true, 1, 2))
		x = op.Apply(op.AddN{}, x, x, s.Param("row", graph.Normal(1), 8))
		x = op.AdaptiveAvgPool2D(x, 2, 2)
		b := op.ShapeOf(x)[0]
		x = op.Normalize(op.Reshape(x, b, 4, 8), 1e-6)
		best := op.Reshape(op.Float(op.Argmax(x), ir.F32), b, 4, 1)
		x = op.Pad(op.Mul(x, op.GeluTanh(op.Softplus(best))), 1, 1, 2)
		return op.Sub(op.SumAxes(op.LogSoftmax(x), false, 1), op.Rsqrt(op.Shift(op.Square(op.SumAxes(x, false, 1)), 1)))
	}
}

// fill puts numbers into a Store as training leaves them: statistics that are not 0 and 1, biases that are not 0.
func fill(st *graph.Store, r *rand.Rand) {
	for _, name := range st.Names() {
		e := st.Get(name)
		if strings.HasSuffix(name, "running") {
			c := e.Shape[1]
			for i := range c {
				e.F32[i], e.F32[c+i] = float32(0.3*r.NormFloat64()), float32(0.5+r.Float64())
			}
			continue
		}
		for i := range e.F32 {
			e.F32[i] += float32(0.05 * r.NormFloat64())
		}
	}
}

// samples draws what a network takes: of images pixels from 0 to 1.
func (n network) samples(r *rand.Rand, batch int) (f []float32, ids []int32) {
	for i := range batch * n.in.Size() {
		of := 0
		if len(n.in.Of) > 0 {
			of = n.in.Of[i%len(n.in.Of)]
		}
		switch {
		case n.in.Int:
			ids = append(ids, int32(r.IntN(of)))
		case of > 0:
			f = append(f, float32(r.IntN(of)))
		case len(n.in.Shape) > 2:
			f = append(f, r.Float32())
		default:
			f = append(f, float32(r.NormFloat64()))
		}
	}
	return f, ids
}

// channelsFirst is images or clips [N,H,W,C] as [N,C,H,W].
func channelsFirst(x []float32, h, w, c int) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		image, at := i/(h*w*c), i%(h*w*c)
		out[image*h*w*c+at%c*h*w+at/c] = v
	}
	return out
}

// written is a network as an ONNX model, with weights of a trained one.
func (n network) written(t testing.TB, st *graph.Store) ([]byte, error) {
	t.Helper()
	m := onnx.Model{Batch: [2]int{5, 7}, Name: n.name, Output: "features", Input: onnx.Input{Name: "samples"},
		Meta: map[string]string{"of": n.name},
		State: func(name string) (ir.Array, bool) {
			e := st.Get(name)
			if e == nil {
				return ir.Array{}, false
			}
			return e.Array, true
		}}
	if len(n.in.Shape) > 2 {
		m.Input.ChannelsFirst = true
		m.Input.Mean, m.Input.Std = []float32{0.5, 0.4, 0.3}, []float32{0.2, 0.25, 0.3}
		if c := n.in.Shape[len(n.in.Shape)-1]; c == 1 {
			m.Input.Mean, m.Input.Std = m.Input.Mean[:1], m.Input.Std[:1]
		}
	}
	for i, b := range m.Batch {
		p, err := n.graph(t, b).Lower()
		if err != nil {
			t.Fatal(err)
		}
		m.Program[i] = p
	}
	var out bytes.Buffer
	err := onnx.Write(&out, m)
	return out.Bytes(), err
}

// features are what our program makes of samples, normalised as the model does it.
func (n network) features(t testing.TB, st *graph.Store, batch int, x []float32, ids []int32) []float32 {
	t.Helper()
	p, err := n.graph(t, batch).CompileOver(device.Host(), st)
	if err != nil {
		t.Fatal(err)
	}
	in, _ := p.Input("view0")
	copy(in.I32, ids)
	for i, v := range x {
		if c := n.in.Shape[len(n.in.Shape)-1]; len(n.in.Shape) > 2 {
			v = (v - []float32{0.5, 0.4, 0.3}[i%c]) / []float32{0.2, 0.25, 0.3}[i%c]
		}
		in.F32[i] = v
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	out, _ := p.Output("features")
	return slices.Clone(out.F32)
}

// ONNX Runtime makes our features of every backbone, to 1e-4 of the largest, for a batch of another size than those
// that the model was written from.
func TestRuntimeMakesOurFeatures(t *testing.T) {
	const batch = 3
	var jobs []onnxruntime.Job
	var want [][]float32
	list := networks()
	for _, n := range list {
		r, st := rand.New(rand.NewPCG(1, 2)), graph.NewStore(1)
		if _, err := n.graph(t, batch).Compile(device.Host(), st); err != nil {
			t.Fatal(err)
		}
		fill(st, r)
		model, err := n.written(t, st)
		if err != nil {
			t.Fatalf("%s: %v", n.name, err)
		}
		x, ids := n.samples(r, batch)
		want = append(want, n.features(t, st, batch, x, ids))
		job := onnxruntime.Job{Model: model, Dims: append([]int{batch}, n.in.Shape...), F32: x}
		if d := n.in.Shape; len(d) > 2 {
			h, w, c := d[len(d)-3], d[len(d)-2], d[len(d)-1]
			job.F32 = channelsFirst(x, h, w, c)
			copy(job.Dims[len(d)-2:], []int{c, h, w})
		}
		for _, id := range ids {
			job.I64 = append(job.I64, int64(id))
		}
		jobs = append(jobs, job)
	}
	for i, got := range onnxruntime.Run(t, jobs) {
		apart := onnxruntime.Apart(got.F32, want[i])
		t.Logf("%s: %v, %.1e of the largest apart", list[i].name, got.Dims, apart)
		if !(apart < 1e-4) || got.Inputs[0] != "samples" || got.Outputs[0] != "features" {
			t.Errorf("%s: %+v is %.1e of the largest apart, want 1e-4; ours are %v", list[i].name, got, apart,
				want[i][:min(8, len(want[i]))])
		}
	}
}

// What has no emitter is refused by name, all at once; so is what hangs on the size of the batch.
func TestRefused(t *testing.T) {
	images := backbones.Pixels(8, 8, 3)
	for want, f := range map[string]layer.Func{
		"not written as ONNX: top_k, logsumexp": func(x *graph.Node) *graph.Node {
			flat := op.Reshape(x, op.ShapeOf(x)[0], -1)
			return op.Mul(op.Float(op.TopK(flat, 2), ir.F32), op.Reshape(op.LogSumExp(flat), -1, 1))
		},
		"depends on the size of the batch": func(x *graph.Node) *graph.Node {
			return op.Mean(op.Mean(x, false, 1, 2), true, 0)
		},
		"not written as ONNX: batch_stats": func(x *graph.Node) *graph.Node {
			y := op.Reshape(x, op.ShapeOf(x)[0], -1)
			return op.BatchNorm(y, op.BatchStats(op.Reshape(y, -1, 192)), op.BN{Eps: 1e-5})
		},
	} {
		n := network{"refused", images, func(s *graph.Scope, _ backbones.Input) layer.Func { return f }}
		if _, err := n.written(t, graph.NewStore(1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// fields reads the fields of a message by its definition: numbers and bytes.
func fields(t *testing.T, b []byte) (list []field) {
	t.Helper()
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			t.Fatal("a cut message")
		}
		b = b[n:]
		f := field{number: int(tag >> 3)}
		switch tag & 7 {
		case 0:
			v, n := binary.Uvarint(b)
			f.value, b = int64(v), b[n:]
		case 2:
			size, n := binary.Uvarint(b)
			f.bytes, b = b[n:n+int(size)], b[n+int(size):]
		case 5:
			b = b[4:]
		default:
			t.Fatalf("wire type %d", tag&7)
		}
		list = append(list, f)
	}
	return list
}

type field struct {
	number int
	value  int64
	bytes  []byte
}

// Every model is whole: its version and opset are right, each node reads what is there before it, and the first axis of
// input and output has a name instead of a size.
func TestModelsAreWhole(t *testing.T) {
	for _, n := range networks() {
		st := graph.NewStore(1)
		if _, err := n.graph(t, 2).Compile(device.Host(), st); err != nil {
			t.Fatal(err)
		}
		model, err := n.written(t, st)
		if err != nil {
			t.Errorf("%s: %v", n.name, err)
			continue
		}
		there, operations := map[string]bool{}, map[string]int{}
		for _, f := range fields(t, model) {
			switch f.number {
			case 1:
				if f.value != 8 {
					t.Errorf("%s: IR version %d, want 8", n.name, f.value)
				}
			case 8:
				if opset := fields(t, f.bytes); opset[len(opset)-1].value != 17 {
					t.Errorf("%s: opset %v, want 17", n.name, opset)
				}
			case 7:
				graph := fields(t, f.bytes)
				for _, g := range graph {
					if g.number == 5 || g.number == 11 {
						for _, x := range fields(t, g.bytes) {
							if x.number == map[int]int{5: 8, 11: 1}[g.number] {
								there[string(x.bytes)] = true
							}
						}
						if g.number == 11 && !bytes.Contains(g.bytes, []byte("batch")) {
							t.Errorf("%s: the input has no axis called batch", n.name)
						}
					}
				}
				for _, g := range graph {
					if g.number != 1 {
						continue
					}
					var out []string
					for _, x := range fields(t, g.bytes) {
						switch name := string(x.bytes); x.number {
						case 1:
							if !there[name] {
								t.Errorf("%s: a node reads %s, which nothing made", n.name, name)
							}
						case 2:
							out = append(out, name)
						case 4:
							operations[name]++
						}
					}
					for _, name := range out {
						if there[name] {
							t.Errorf("%s: %s is made twice", n.name, name)
						}
						there[name] = true
					}
				}
			}
		}
		if !there["features"] {
			t.Errorf("%s: nothing makes the output", n.name)
		}
		t.Log(n.name, len(model), fmt.Sprint(operations))
	}
}
